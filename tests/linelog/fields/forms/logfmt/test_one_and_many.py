"""logfmt: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import logfmt
from tests.parts.examples import more
from tests.parts.one_and_many import check_one_and_many, examples_of, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(logfmt)])
KEYS = st.sampled_from(
    ["ts", "level", "msg", "user", "a.b", "PRIORITY", "Severity", "_pid", "service", "x-y@z"]
)
VALUES = st.sampled_from(
    [
        "1",
        "two",
        "",
        '"a b"',
        '""',
        '"a \\"b\\" \\u00e9"',
        "x,",
        '"x",',
        '"open',
        "'op=x res=failed'",
        "a=b",
        "warn",
        "30",
        '"error"',
        "\u00e9",
    ]
)
PARTS = st.builds("{}={}".format, KEYS, VALUES) | st.sampled_from(
    ["word", '"', "[x]", "", "\x1dUID=5", "\\x1dA=b"]
)
LINES = st.builds(
    str.join, st.sampled_from([" ", " ", "  ", "\t"]), st.lists(PARTS, min_size=1, max_size=5)
).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
def test_lines_of_pairs_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
