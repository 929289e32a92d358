"""The words of a table of names are found by their bytes."""

import numpy

from logsrv.linelog.fields.level import LEVELS, NAMES, OF_POSTGRESQL
from logsrv.linelog.fields.levels.byte_places import Array
from logsrv.linelog.fields.levels.names import (
    POSTGRESQL,
    first_words,
    first_words_with_postgresql,
    may_begin_level_name,
)


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
