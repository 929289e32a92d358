"""Words at the beginning of many messages tell the levels that they tell one by one."""

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.byte_arrays import (
    Array,
    RowShape,
    indexes_of_true,
    rows_at,
    rows_with_nonzero,
)
from logsrv.linelog.fields.level.first_words import (
    POSTGRESQL,
    first_words,
    first_words_with_postgresql,
    may_begin_level_name,
)
from logsrv.linelog.fields.level.many import WIDTH, levels_of_beginnings
from logsrv.linelog.fields.level.one import OF_POSTGRESQL, end_of_leading_time, level_in_text
from logsrv.linelog.fields.level_names import LEVELS, NAMES, UNSURE
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


def rows(*words: str) -> Array:
    text = b"".join(word.encode().ljust(16) for word in words)
    return numpy.frombuffer(text, numpy.uint8).reshape(-1, 16)


def test_every_name_of_a_level_is_found():
    found = first_words(rows(*NAMES))
    assert [LEVELS[number - 1] for number in found.number] == list(NAMES.values())
    assert not found.capital.any()


def test_words_of_postgresql_are_no_names_elsewhere():
    words = rows(*OF_POSTGRESQL, "log", "LOGS")
    assert not first_words(words).number.any()
    found = first_words_with_postgresql(words)
    assert (found.number >= POSTGRESQL).tolist() == [True] * (len(words) - 1) + [False]
    assert found.capital.tolist() == [True] * (len(words) - 2) + [False, True]


def test_three_letters_begin_a_name():
    fours = rows("ERRx", "fatal", "LOG:", "lag").view("<u4")[:, 0]
    assert may_begin_level_name(fours).tolist() == [True, True, True, False]


@given(st.lists(st.integers(0, 2000)), st.integers(0, 2001))
def test_few_true_values_are_found(true, size):
    found = numpy.zeros(size, bool)
    found[[index for index in true if index < size]] = True
    assert indexes_of_true(found).tolist() == numpy.flatnonzero(found).tolist()


@pytest.mark.parametrize("every", [1, 3, 9, 30, 300])
@pytest.mark.parametrize("size", [0, 1, 7, 64, 6401])
def test_many_true_values_are_found(size, every):
    found = numpy.arange(size) % every == 0
    assert indexes_of_true(found).tolist() == numpy.flatnonzero(found).tolist()


def test_windows_are_rows_of_bytes_at_offsets():
    raw = numpy.frombuffer(b"abcdefgh", numpy.uint8)
    assert [bytes(row) for row in rows_at(raw, numpy.array([4, 0]), 3)] == [b"efg", b"abc"]


def test_rows_with_a_true_byte_are_found():
    rows = numpy.zeros((4, 16), bool)
    rows[1, 3] = rows[3, 15] = True
    assert rows_with_nonzero(rows).tolist() == [False, True, False, True]


def test_rows_that_begin_with_a_shape():
    texts = (b"[07/Nov]xx", b"[17/Dec]..", b"[1a/Nov]  ", b"[07/Nov}  ")
    rows = numpy.frombuffer(b"".join(texts), numpy.uint8).reshape(len(texts), -1)
    assert RowShape(b"[00/???]").matching_rows(rows).tolist() == [True, True, False, False]
    assert RowShape(b"[00/?").matching_rows(rows).tolist() == [True, True, False, True]
    assert RowShape(b"[00/").matching_rows(rows[:0]).tolist() == []
