"""Words at the beginning of many messages tell the levels that they tell one by one."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.level import LEVELS, NAMES, end_of_leading_time, level_in_text
from logsrv.linelog.fields.levels.level_words import WIDTH, levels_of_beginnings
from logsrv.linelog.fields.levels.names import UNSURE
from tests.parts.examples import more

PIECES = st.sampled_from([*NAMES, *map(str.upper, NAMES), *map(str.title, NAMES), "[", "]", " ", "_", "x",
                          "1", "-", "x" * 40, " " * 30, "[20/Nov/2026:06:18:42 +0000] "])  # fmt: skip


def levels(*messages: str) -> list[str | int | None]:
    beginnings = b"".join(one.encode().ljust(WIDTH, b"\n")[:WIDTH] for one in messages)
    rows = numpy.frombuffer(beginnings, numpy.uint8).reshape(-1, WIDTH)
    sizes = numpy.array([len(one.encode()) for one in messages], int)
    found = levels_of_beginnings(rows, sizes).tolist()
    return [UNSURE if one == UNSURE else (None, *LEVELS)[one] for one in found]


@more(2)
@given(st.lists(st.lists(PIECES, max_size=8).map("".join), min_size=1, max_size=5))
def test_sure_levels_are_right(messages):
    messages = [message[end_of_leading_time(message) :] for message in messages]
    messages = [message for message in messages if not end_of_leading_time(message)]
    for message, found in zip(messages, levels(*messages), strict=True):
        assert found in (UNSURE, level_in_text(message))
        if len(message) <= WIDTH:
            assert found != UNSURE


@pytest.mark.parametrize(
    ("message", "level"),
    [
        ("12:00 ERROR x", "error"),
        ("[core:error] x", "error"),
        ("[20/Nov/2026:06:18:42 +0000] error", None),
        ("[20/Err/2026:06:18:42 +0000] x", "error"),
        ("[error" + "x" * 80, None),
        ("[error " + "x" * 80 + "]", UNSURE),
        ("\u00e9 ERROR", UNSURE),
        ("", None),
    ],
)
def test_words_at_the_beginning_name_the_level(message, level):
    assert levels(message) == [level]
