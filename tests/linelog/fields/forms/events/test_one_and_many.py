"""CEF and LEEF: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import events
from tests.parts.examples import more
from tests.parts.one_and_many import check_one_and_many, examples_of, mostly, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(events)])
BEGINS = mostly(
    ["CEF:0|", "CEF: 0|", "LEEF:1.0|", "LEEF:2.0|"],
    "CEF:1.2|",
    "Nov 20 06:18:42 web CEF:0|",
    "EF:",
    "<13>CEF:0|",
)
PARTS = mostly(["Sec|tm|1.0|ID|"], "a\\|b|c|d|e|", "||||", "a=1|b|c|d|", "x|y|")
NAMES = mostly(["worm stopped|10|", "level=error|3|", "^|"], "x|High", "x5E|", "")
PAIRS = st.lists(
    mostly(
        ["src=1", "msg=a b", "user=bob", "level=error"],
        "severity=3",
        "name=n",
        "a\\=b",
        "x[0]=1",
        "=",
    ),
    max_size=4,
)
BETWEEN = mostly([" ", "^"], "  ", "\t", "#011", "\\x01")
LINES = st.builds(
    lambda begin, parts, name, pairs, between: begin + parts + name + between.join(pairs),
    *(BEGINS, PARTS, NAMES, PAIRS, BETWEEN),
).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
def test_events_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
