"""Levels in words: random texts, and broken ones, have the same level alone and together."""

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields import level
from logsrv.linelog.fields.level_names import NAMES
from tests.parts.examples import more
from tests.parts.one_and_many import check_one_and_many, examples_of, mostly, texts_of

EXAMPLES = st.sampled_from([example.line for example in examples_of(level)])
TIMES = mostly(
    ["", "2026-11-20 06:18:42,123 ", "[06:18:42] "],
    *(
        "12-17 19:31:36.263  1795  1825 ",
        "Fri Nov 20 06:18:42 2026 ",
        "06:18:42 UTC [7]: ",
        "081109 203615 148 ",
    ),
    *("E1120 06:18:42.1 ", "[Fri Nov 20 06:18:42.123456 2026] ", "2026-11-20T06:18:42Z["),
)
NAMES_OF_LEVELS = st.builds(
    lambda name, written: written(name),
    st.sampled_from([*NAMES, "fail", "LOG", "DEBUG1", "x"]),
    st.sampled_from([str.upper, str.upper, str.lower, str.title]),
)
AROUND = mostly(
    ["{} ", "{}: ", "[{}] ", "[main] {} "],
    *(
        "<{}> ",
        "{}.txt ",
        "0 {} ",
        "[core:{}] ",
        "{}:  ",
        "{}-42 ",
        "({}) ",
        "x{}",
        "{}_",
        "word word {}",
        "|{}|",
    ),
)
LINES = st.builds(
    lambda time, around, name, behind: f"{time}{around.format(name)}{behind}".encode(),
    *(
        TIMES,
        AROUND,
        NAMES_OF_LEVELS,
        mostly(["cache is cold", ""], "{", "ERROR: x", "x" * 90, "] x"),
    ),
)


@more(6)
@given(texts_of(LINES | EXAMPLES))
def test_levels_in_words_are_the_same_alone_and_together(lines):
    check_one_and_many(lines)
