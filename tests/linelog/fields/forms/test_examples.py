"""The examples that forms, and the level, have in their descriptions: read one by one, and many at once."""

import pytest

from logsrv.linelog.fields import level
from logsrv.linelog.fields.forms import (
    access,
    container,
    contents,
    device,
    events,
    json,
    logfmt,
    programs,
    syslog,
)
from tests.parts.mixed_lines import STAMP
from tests.parts.one_and_many import check_columns, examples_of, fields_of_many, fields_of_one

FORMS = (access, container, contents, device, events, json, level, logfmt, programs, syslog)
EXAMPLES = [
    pytest.param(example, id=f"{form.__name__.rpartition('.')[2]}-{number}")
    for form in FORMS
    for number, example in enumerate(examples_of(form))
]


@pytest.mark.parametrize("stamp", [STAMP, b""])
@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_has_its_fields_alone_and_among_others(example, stamp):
    one = fields_of_one(stamp + example.line)
    if "text" not in example.fields:
        one.pop("text", None)
    assert one == example.fields
    assert fields_of_many(stamp + example.line, one) == example.fields


@pytest.mark.parametrize("form", FORMS)
def test_examples_of_a_form_have_the_same_fields_together(form):
    lines = [STAMP + example.line for example in examples_of(form)]
    check_columns(lines)
    check_columns(lines * 20)
