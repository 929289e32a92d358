"""JSON objects: random ones, and broken ones, have the same fields alone and together."""

from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import json
from tests.parts.examples import more
from tests.parts.mixed_lines import STAMP
from tests.parts.one_and_many import check_one_and_many, examples_of, mostly, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(json)])
KEYS = mostly(
    ["a", "b", "a.b", "lvl", "severity"],
    "level",
    "name",
    "time",
    "s",
    "c",
    "t",
    "@l",
    "@t",
    "log",
    "\u00e9",
)
NUMBERS = mostly(
    ["1", "1.50", "0.1"],
    "-0",
    "1e5",
    "1E-3",
    "12345678901234567890123",
    "1e400",
    "007",
    "0.84442185152504812",
)
WORDS = mostly(
    ['"x"', '"warn"', '"error"'],
    "null",
    "true",
    '"\\u0065rror"',
    '"1.50"',
    '"\\ud800"',
    "NaN",
    '""',
)


def objects_of(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.builds('"{}":{}'.format, KEYS, values), max_size=4)
    return pairs.map(lambda found: f"{{{','.join(found)}}}")


VALUES = st.recursive(
    NUMBERS | WORDS,
    lambda inner: st.lists(inner, max_size=3).map(",".join).map("[{}]".format) | objects_of(inner),
    max_leaves=4,
)
LINES = objects_of(NUMBERS | WORDS | VALUES).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
@example([STAMP + b'{"a.b":1,"a":{"b":2}}', STAMP + b'{"a":{"b":2},"a.b":1}'])
@example([STAMP + b'{"lvl":"warn","severity":"error"}'])
@example([STAMP + b'{"a":0.84442185152504812}', STAMP + b'{"a":1.5}'])
def test_objects_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
