"""The message template: fields are replaced, and nothing else can be reached through it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.greet.message import FIELDS, parse_message

VALUES = {field: f"<{field}>" for field in FIELDS}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Thank you for connecting", "Thank you for connecting"),
        ("{peer} {host}:{port} {time} {count}", "<peer> <host>:<port> <time> <count>"),
        (r"one\ntwo", "one\r\ntwo"),
        ("one\ntwo", "one\r\ntwo"),
        (r"a\\nb", r"a\nb"),
        ("{{peer}} }}{{", "{peer} }{"),
        ("", ""),
    ],
)
def test_messages(text: str, said: str) -> None:
    assert parse_message(text).render(VALUES) == said


@pytest.mark.parametrize(
    "text",
    [
        "{foo}", "{}", "{0}", "{peer.__class__}", "{peer[0]}", "{peer!r}", "{peer:>9}", "{ peer}",
        "{peer:{host}}", "{", "}", "{peer", "peer}",
    ],
)  # fmt: skip
def test_what_is_no_message(text: str) -> None:
    """An unknown field, and every trick of str.format, is refused with the fields there are."""
    with pytest.raises(ValueError, match=r"no field|alone"):
        parse_message(text)


@given(st.text())
def test_any_text(text: str) -> None:
    """Whatever is accepted renders with just the five fields; the rest is refused properly."""
    try:
        message = parse_message(text)
    except ValueError:
        return
    assert message.fields <= set(FIELDS)
    message.render(VALUES)
