"""Find levels in plain text: names in capitals or in brackets at the start of texts.

The rules are those of `level.level_in_text` behind the time, for texts that begin in ASCII.
"""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.level import (
    AFTER_POSTGRESQL,
    AFTER_SHORT,
    BEFORE_SHORT,
    LOOKED_AT,
    OF_DOTNET,
    RANK,
)
from logsrv.linelog.fields.levels.byte_places import (
    Array,
    RowShape,
    byte_membership_table,
    indexes_of_true,
    rows_at,
    rows_with_nonzero,
)
from logsrv.linelog.fields.levels.names import (
    IN_WORD,
    NAME,
    POSTGRESQL,
    THREE,
    UNSURE,
    FirstWords,
    first_words_with_postgresql,
    may_begin_level_name,
)

WIDTH = 80
"""Bytes of a beginning: those in which a name may begin, plus the longest name, a multiple of eight."""
_MARK = numpy.uint32(int.from_bytes(AFTER_POSTGRESQL.encode(), "little"))
_BEFORE_SHORT = byte_membership_table(BEFORE_SHORT.encode())
_AFTER_SHORT = byte_membership_table(AFTER_SHORT.encode() + b"\n")
_DOTNET, _OF_DOTNET = numpy.array(
    sorted(
        (int.from_bytes(word.encode(), "little"), RANK[level] + 1)
        for word, level in OF_DOTNET.items()
    ),
    numpy.uint32,
).T
_TIME = RowShape(b"[00/???/0000:00:00:00 ?0000]")


def levels_of_beginnings(rows: Array, sizes: Array) -> Array:
    """Return the number of the level in each row, the beginning of a text; 0 for none, or UNSURE.

    rows: WIDTH bytes from the start of each text on. sizes: bytes of each text.
    """
    found: Array = numpy.zeros(len(rows), numpy.uint8)
    if not len(rows):
        return found
    bracketed = _rows_with_brackets(rows)
    for some, any_case in ((~bracketed, False), (bracketed, True)):
        chosen = numpy.flatnonzero(some)
        if len(chosen):
            found[chosen] = _levels_in_rows(rows[chosen], sizes[chosen], any_case=any_case)
    found = numpy.where(of_dotnet := _levels_of_dotnet(rows), of_dotnet, found)
    # A row with bytes beyond ASCII is checked by itself, although these may belong to the next message.
    found[rows_with_nonzero(rows & numpy.uint8(0x80))] = UNSURE
    return found


def _levels_in_rows(rows: Array, sizes: Array, *, any_case: bool) -> Array:
    """Return the number of the level in each row, the beginning of a message; 0 for none, or UNSURE.

    any_case: whether the rows have brackets. Inside brackets a name may have small letters; elsewhere it
    counts only in capitals.
    """
    flat = rows.reshape(-1)
    at = _word_begins(rows, any_case=any_case)
    row = at // WIDTH
    inside = at - row * WIDTH < numpy.minimum(sizes[row], LOOKED_AT)
    at, row = at[inside], row[inside]
    padded: Array = numpy.concatenate((flat, numpy.zeros(NAME, numpy.uint8)))
    fours: Array = numpy.ndarray((len(flat),), "<u4", padded, 0, (1,))
    likely = may_begin_level_name(fours[at])
    at, row = at[likely], row[likely]
    names: Array = numpy.ndarray((len(flat),), f"V{NAME}", padded, 0, (1,))[at]
    words = first_words_with_postgresql(names.view(numpy.uint8).reshape(-1, NAME))
    marked = words.capital & (fours[at + words.size] & THREE == _MARK)
    alone = ~words.short | _stand_alone(padded, at, words.size)
    numbers = numpy.where(((words.number < POSTGRESQL) & alone) | marked, words.number, 0)
    if any_case:
        numbers = _levels_of_marked_words(flat, at, row, sizes, words._replace(number=numbers))
    else:
        numbers = numpy.where(words.capital, numbers, 0)
    said = numpy.flatnonzero(numbers)
    # Assign from the last to the first, so that the first name of a row remains.
    found: Array = numpy.zeros(len(rows), numpy.uint8)
    found[row[said][::-1]] = numbers[said][::-1]
    found[(found >= POSTGRESQL) & (found != UNSURE)] -= POSTGRESQL
    return found


def _levels_of_dotnet(rows: Array) -> Array:
    """Return the levels of .NET's words, with a colon, at the beginning of rows; 0 without."""
    found: Array = numpy.zeros(len(rows), numpy.uint8)
    ended = (rows[:, 4] == ord(":")) & ((rows[:, 5] == ord(" ")) | (rows[:, 5] == ord("\n")))
    chosen = numpy.flatnonzero(ended)
    words: Array = numpy.ascontiguousarray(rows[chosen, :4]).view("<u4")[:, 0]
    place = numpy.minimum(numpy.searchsorted(_DOTNET, words), len(_DOTNET) - 1)
    found[chosen] = numpy.where(_DOTNET[place] == words, _OF_DOTNET[place], 0)
    return found


def _stand_alone(flat: Array, at: Array, sizes: Array) -> Array:
    """Return which words, at places of rows, have only such bytes beside them as a short name may have."""
    alone: Array = (at % WIDTH == 0) | _BEFORE_SHORT[flat[at - 1]]
    alone &= _AFTER_SHORT[flat[at + sizes]]
    return alone


def _rows_with_brackets(rows: Array) -> Array:
    """Return which rows have a bracket that begins no time of an access log."""
    padded: Array = numpy.concatenate((rows.reshape(-1), numpy.zeros(_TIME.width, numpy.uint8)))
    at = indexes_of_true(padded == ord("["))
    times = rows_at(padded, at, _TIME.width)
    # No month has an r as its second letter, but `Err` is a level.
    is_time = _TIME.matching_rows(times) & (padded[at + 5] | 0x20 != ord("r"))
    bracketed: Array = numpy.zeros(len(rows), bool)
    bracketed[at[~is_time] // WIDTH] = True
    return bracketed


def _word_begins(rows: Array, *, any_case: bool) -> Array:
    """Return where words begin: with `any_case` all words, else those that begin with three capitals."""
    flat = rows.reshape(-1)
    letters = flat | numpy.uint8(0x20) if any_case else flat
    begins = letters - numpy.uint8(ord("a") if any_case else ord("A")) < 26
    if any_case:
        inside = begins | (flat - numpy.uint8(ord("0")) < 10) | (flat == ord("_"))
        inside[WIDTH - 1 :: WIDTH] = False
        begins[1:] &= ~inside[:-1]
        return indexes_of_true(begins)
    # Words of capitals have at least three: no name of a level is shorter.
    first_of_three = begins[:-2] & begins[1:-1]
    first_of_three &= begins[2:]
    first_of_three[1:] &= ~begins[:-3]
    first_of_three[WIDTH::WIDTH] |= begins[WIDTH:-2:WIDTH]
    at = indexes_of_true(first_of_three)
    before = IN_WORD[flat[at - 1]] & (at % WIDTH != 0)
    first: Array = at[~before]
    return first


def _levels_of_marked_words(
    flat: Array, at: Array, row: Array, sizes: Array, words: FirstWords
) -> Array:
    """Return the levels of words in brackets or in capitals; 0 for other words, or UNSURE."""
    brackets = indexes_of_true((flat == ord("[")) | (flat == ord("]")))
    low, high = row * WIDTH, row * WIDTH + numpy.minimum(sizes[row], WIDTH)
    next_one = numpy.searchsorted(brackets, at)
    next_bracket = numpy.append(brackets, len(flat))[next_one]
    before = numpy.append(brackets, -1)[next_one - 1]
    opened = (before >= low) & (next_one > 0) & (flat[before] == ord("["))
    has_next = next_bracket < high
    closed = has_next & (flat[numpy.minimum(next_bracket, len(flat) - 1)] == ord("]"))
    # The bracket may close after the bytes of the row.
    open_end = ~has_next & (sizes[row] > WIDTH)
    numbers = numpy.where(words.capital | (opened & closed), words.number, 0)
    unsure = (words.number > 0) & ~words.capital & opened & open_end
    return numpy.where(unsure, UNSURE, numbers)
