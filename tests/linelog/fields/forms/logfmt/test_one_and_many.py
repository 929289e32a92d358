"""logfmt: random lines, and broken ones, have the same fields alone and together."""

from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.fields.forms import logfmt
from tests.parts.examples import more
from tests.parts.mixed_lines import STAMP
from tests.parts.one_and_many import check_one_and_many, examples_of, mostly, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(logfmt)])
KEYS = mostly(
    ["ts", "level", "msg", "user"],
    "a.b",
    "PRIORITY",
    "Severity",
    "_pid",
    "service",
    "x-y@z",
    "lvl",
    *("gr\u00f6\u00dfe", "\u7528\u6237", "\u201ca"),
)
VALUES = mostly(
    ["1", "two", '"a b"', "warn", "error"],
    *(
        "",
        '""',
        '"a \\"b\\" \\u00e9"',
        "x,",
        '"x",',
        '"open',
        "'op=x res=failed'",
        "a=b",
        "30",
        '"error"',
    ),
    *("\u00e9", 'x"y', '"x"y'),
)
PARTS = st.builds("{}={}".format, KEYS, VALUES)
ODD_PARTS = st.sampled_from(["word", '"', "[x]", "", "\x1dUID=5", "\\x1dA=b", 'a="b=1'])
LINES = st.builds(
    str.join,
    mostly([" "], "  ", "\t"),
    st.lists(PARTS | PARTS | PARTS | ODD_PARTS, min_size=1, max_size=5),
).map(str.encode)


@more(6)
@given(texts_of(LINES | EXAMPLES))
@example([STAMP + b'level=error a="open'])
@example([STAMP + b'level=error a="x" b=1', STAMP + b'msg="level=error a=1" b=2'])
def test_lines_of_pairs_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
