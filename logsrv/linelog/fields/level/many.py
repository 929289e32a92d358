"""Find levels in the beginnings of many plain texts at once, by the rules of `level_in_text` in `one.py`.

`levels_at_times`: directly after the time, a name in any case, or a letter (`level_after_time`).
`levels_of_beginnings`: behind the time, a name in capitals, in brackets or before a colon, in texts that
begin in ASCII.
"""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.byte_arrays import (
    Array,
    RowShape,
    byte_membership_table,
    indexes_of_true,
    rows_at,
    rows_with_nonzero,
)
from logsrv.linelog.fields.level.first_words import (
    IN_WORD,
    NAME,
    POSTGRESQL,
    THREE,
    FirstWords,
    first_words,
    first_words_with_postgresql,
    may_begin_level_name,
)
from logsrv.linelog.fields.level.one import (
    AFTER_LEVEL,
    AFTER_POSTGRESQL,
    AFTER_SHORT,
    BEFORE_NUMBER,
    BEFORE_SHORT,
    BEGIN_NAGIOS,
    BESIDE,
    BETWEEN,
    CLINGING,
    LOOKED_AT,
    MOST_BETWEEN,
    MOST_CLINGING,
    MOST_DIGITS,
    MOST_SPACES,
    OF_DOTNET,
    OF_LETTERS,
    OF_TELEGRAF,
)
from logsrv.linelog.fields.level_names import NAMES, RANK, UNSURE

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
_EPOCH = RowShape(b"[0000000000] ")
_TELEGRAF: Array = numpy.zeros(256, numpy.uint8)
_TELEGRAF[[ord(letter) for letter in OF_TELEGRAF]] = [
    RANK[level] + 1 for level in OF_TELEGRAF.values()
]
# The first words of Nagios' lines, with a space, by their first four bytes, and what must be behind these.
_NAGIOS = {int.from_bytes(word[:4].encode(), "little"): f"{word[4:]} ".encode()
           for word in BEGIN_NAGIOS}  # fmt: skip
_BESIDE = byte_membership_table(BESIDE.encode())
_AFTER_COLON = byte_membership_table(b" \t\n")
_BLANK, _LF, _COLON, _ANGLE = b" \n:<"
# The last two letters of a name, in lower case, before a colon.
_LAST_TWO: Array = numpy.zeros(1 << 16, bool)
_LAST_TWO[[int.from_bytes(name[-2:].encode(), "little") for name in NAMES]] = True
# Bytes before the first row, and behind the last.
_AROUND = 32


def levels_of_beginnings(rows: Array, sizes: Array, timed: Array | None = None) -> Array:
    """Return the number of the level in each row, the beginning of a text; 0 for none, or UNSURE.

    rows: WIDTH bytes from the start of each text on. sizes: bytes of each text. timed: whether a time
    stands before it.
    """
    levels: Array = numpy.zeros(len(rows), numpy.uint8)
    if not len(rows):
        return levels
    if timed is None:
        timed = numpy.zeros(len(rows), bool)
    bracketed = _rows_with_brackets(rows)
    for some, any_case in ((~bracketed, False), (bracketed, True)):
        chosen = numpy.flatnonzero(some)
        if len(chosen):
            levels[chosen] = _levels_in_rows(
                rows[chosen], sizes[chosen], timed[chosen], any_case=any_case
            )
    levels = numpy.where(of_dotnet := _levels_of_dotnet(rows), of_dotnet, levels)
    telegraf = numpy.flatnonzero((rows[:, 1] == ord("!")) & (rows[:, 2] == _BLANK))
    letters = _TELEGRAF[rows[telegraf, 0]]
    levels[telegraf] = numpy.where(letters, letters, levels[telegraf])
    levels[_rows_of_nagios(rows)] = UNSURE
    # A row with bytes beyond ASCII is checked by itself, although these may belong to the next message.
    levels[rows_with_nonzero(rows & numpy.uint8(0x80))] = UNSURE
    return levels


def _rows_of_nagios(rows: Array) -> Array:
    """Return the numbers of rows that may begin with a state of Nagios."""
    fours: Array = numpy.ascontiguousarray(rows[:, :4]).view("<u4")[:, 0]
    likely = numpy.flatnonzero(numpy.isin(fours, [*_NAGIOS]))
    some = [
        row
        for row, four in zip(likely.tolist(), fours[likely].tolist(), strict=True)
        if rows[row, 4:12].tobytes().startswith(_NAGIOS[four])
    ]
    bracketed = numpy.flatnonzero(rows[:, 11] == ord("]"))
    of_epochs = bracketed[_EPOCH.matching_rows(rows[bracketed])]
    return numpy.array([*some, *of_epochs.tolist()], int)


def _levels_in_rows(rows: Array, sizes: Array, timed: Array, *, any_case: bool) -> Array:
    """Return the number of the level in each row, the beginning of a message; 0 for none, or UNSURE.

    any_case: whether the rows have brackets. Inside brackets a name may have small letters; elsewhere it
    counts only in capitals, before a colon, or directly after a time.
    """
    padding = numpy.zeros(_AROUND, numpy.uint8)
    around: Array = numpy.concatenate((padding, rows.reshape(-1), padding))
    padded = around[_AROUND:]
    at = _word_begins(rows, any_case=any_case)
    if not any_case:
        at = _with_other_offsets(at, rows, around, timed)
    row = at // WIDTH
    inside = at - row * WIDTH < numpy.minimum(sizes[row], LOOKED_AT)
    at, row = at[inside], row[inside]
    size = rows.size
    fours: Array = numpy.ndarray((size,), "<u4", padded, 0, (1,))
    likely = may_begin_level_name(fours[at])
    at, row = at[likely], row[likely]
    names: Array = numpy.ndarray((size,), f"V{NAME}", padded, 0, (1,))[at]
    words = first_words_with_postgresql(names.view(numpy.uint8).reshape(-1, NAME))
    marked = words.capital & (fours[at + words.size] & THREE == _MARK)
    known = numpy.flatnonzero((words.number > 0) & ((words.number < POSTGRESQL) | marked))
    at, row, words = at[known], row[known], FirstWords(*(each[known] for each in words))
    alone = ~words.short | _stand_alone(padded, at, words.size)
    written = _are_written_as_levels(around, at, words, alone, timed[row])
    unsure = numpy.zeros(len(at), bool)
    if any_case:
        in_brackets, open_end = _are_in_brackets(padded[:size], at, row, sizes)
        clear = alone & ~_are_beside(padded, at, words.size)
        written |= clear & in_brackets
        unsure = clear & ~written & open_end
    numbers = numpy.where(written | (words.number >= POSTGRESQL), words.number, 0)
    numbers = numpy.where(unsure, UNSURE, numbers)
    said = numpy.flatnonzero(numbers)
    # Assign from the last to the first, so that the first name of a row remains.
    found: Array = numpy.zeros(len(rows), numpy.uint8)
    found[row[said][::-1]] = numbers[said][::-1]
    found[(found >= POSTGRESQL) & (found != UNSURE)] -= POSTGRESQL
    return found


def _are_beside(padded: Array, at: Array, sizes: Array) -> Array:
    """Return which words have a byte of BESIDE beside them."""
    found: Array = (_BESIDE[padded[at - 1]] & (at % WIDTH > 0)) | _BESIDE[padded[at + sizes]]
    return found


def _are_written_as_levels(
    around: Array, at: Array, words: FirstWords, alone: Array, timed: Array
) -> Array:
    """Return which names of levels a program wrote as levels, by what is beside them, but for brackets.

    around: the rows, from _AROUND bytes before. timed: whether a time stands before the row of each.
    """
    padded = around[_AROUND:]
    end = at + words.size
    first = at % WIDTH == 0
    after, second = padded[end], padded[end + 1]
    beside = _are_beside(padded, at, words.size)
    colon = (after == _COLON) & _AFTER_COLON[second]
    written: Array = colon & alone & (words.capital | ~(words.short | beside))
    clear = alone & ~beside
    written |= clear & words.capital & ~_are_behind_numbers(around, at)
    small = numpy.flatnonzero(clear & ~written)
    if len(small):
        after, second, third = after[small], second[small], padded[end[small] + 2]
        start, opened = first[small], padded[at[small] - 1] == ord("<")
        said = start & timed[small] & _end_names(after, second, third)
        before = padded[at[small] - 2]
        said |= (
            ~start & opened & (after == ord(">")) & (_AFTER_ANGLE[second])
            & ((at[small] % WIDTH == 1) | (before == _BLANK))
        )  # fmt: skip
        written[small] = said
    return written


_AFTER_ANGLE = byte_membership_table(b" :\n")
_AT_END = byte_membership_table(b"\t:|)]\n")
_AFTER_SPACE = byte_membership_table(b" [|:\n")


def _end_names(after: Array, second: Array, third: Array) -> Array:
    """Return which names directly after a time end so that they are no words of a sentence.

    after, second, third: the bytes behind each name.
    """
    found: Array = _AT_END[after]
    found |= ((after == ord(",")) | (after == ord(";"))) & (second != _BLANK)
    dash = (second == ord("-")) & ((third == _BLANK) | (third == ord("-")))
    found |= (after == _BLANK) & (_AFTER_SPACE[second] | dash)
    return found


def _are_behind_numbers(around: Array, at: Array) -> Array:
    """Return which offsets have a number and spaces before them: `0 ERROR`. around: from _AROUND before."""
    are_behind: Array = numpy.zeros(len(at), bool)
    before = around[at + _AROUND - 2]
    chosen = numpy.flatnonzero(
        (around[at + _AROUND - 1] == _BLANK)
        & (_DIGIT[before] | (before == _BLANK))
        & (at % WIDTH > 1)
    )
    if not len(chosen):
        return are_behind
    # The characters before each offset, back to the beginning of its row.
    rows = rows_at(around, at[chosen], _AROUND)[:, ::-1]
    inside = numpy.arange(_AROUND) < (at[chosen] % WIDTH)[:, None]
    rows = numpy.where(inside, rows, _LF)
    number, parted = _end_of_run(rows, numpy.zeros(len(rows), int), _SPACES, MOST_SPACES)
    begin, ended = _end_of_run(rows, number, _DIGIT, MOST_DIGITS)
    byte = rows[numpy.arange(len(rows)), begin]
    are_behind[chosen] = parted & ended & (begin > number) & _BEFORE_NUMBER[byte]
    return are_behind


_SPACES = byte_membership_table(b" ")
_BEFORE_NUMBER = byte_membership_table(BEFORE_NUMBER.encode() + b"\n")


def _with_other_offsets(at: Array, rows: Array, around: Array, timed: Array) -> Array:
    """Return offsets of words, with those before a colon, in angle brackets, and directly after a time."""
    flat = rows.reshape(-1)
    # Colons, semicolons, and what opens an angle bracket, at once.
    signs = indexes_of_true(flat - numpy.uint8(_COLON) <= _ANGLE - _COLON)
    byte = flat[signs]
    ends = signs[byte == _COLON]
    ends = ends[_AFTER_COLON[around[ends + (_AROUND + 1)]]]
    letters = flat[ends - 2].astype(numpy.uint16) | (flat[ends - 1].astype(numpy.uint16) << 8)
    ends = ends[_LAST_TWO[letters | numpy.uint16(0x2020)] & (ends % WIDTH > 1)]
    offsets = [at]
    if len(ends):
        before = IN_WORD[rows_at(around, ends + _AROUND - NAME, NAME)[:, ::-1]]
        before &= numpy.arange(NAME) < (ends % WIDTH)[:, None]
        size = (~before).argmax(1)
        offsets.append((ends - size)[size > 0])
    angles = signs[byte == _ANGLE]
    offsets.append(angles[angles % WIDTH < WIDTH - 1] + 1)
    offsets.append(numpy.flatnonzero(timed) * WIDTH)
    if not any(map(len, offsets[1:])):
        return at
    joined: Array = numpy.unique(numpy.concatenate(offsets))
    return joined


def _levels_of_dotnet(rows: Array) -> Array:
    """Return the levels of .NET's words, with a colon, at the beginning of rows; 0 without."""
    found: Array = numpy.zeros(len(rows), numpy.uint8)
    ended = (rows[:, 4] == ord(":")) & ((rows[:, 5] == ord(" ")) | (rows[:, 5] == ord("\n")))
    chosen = numpy.flatnonzero(ended)
    words: Array = numpy.ascontiguousarray(rows[chosen, :4]).view("<u4")[:, 0]
    index = numpy.minimum(numpy.searchsorted(_DOTNET, words), len(_DOTNET) - 1)
    found[chosen] = numpy.where(_DOTNET[index] == words, _OF_DOTNET[index], 0)
    return found


def _stand_alone(flat: Array, at: Array, sizes: Array) -> Array:
    """Return which words, at offsets in rows, have only such bytes beside them as a short name may have."""
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


def _are_in_brackets(flat: Array, at: Array, row: Array, sizes: Array) -> tuple[Array, Array]:
    """Return which words are in brackets, and which are if a bracket closes behind the bytes of the row."""
    brackets = indexes_of_true((flat == ord("[")) | (flat == ord("]")))
    low, high = row * WIDTH, row * WIDTH + numpy.minimum(sizes[row], WIDTH)
    next_one = numpy.searchsorted(brackets, at)
    next_bracket = numpy.append(brackets, len(flat))[next_one]
    before = numpy.append(brackets, -1)[next_one - 1]
    opened = (before >= low) & (next_one > 0) & (flat[before] == ord("["))
    has_next = next_bracket < high
    closed = has_next & (flat[numpy.minimum(next_bracket, len(flat) - 1)] == ord("]"))
    return opened & closed, opened & ~has_next & (sizes[row] > WIDTH)


_DATE = b"0000-00-00 00:00:00"
# The separators of a date count as dashes, and the T before the time as a space.
DATED = RowShape(_DATE, bytes.maketrans(b"123456789/.T", b"000000000-- "))
_LOGCAT_TIME = b"00-00 00:00:00.000 "
_LOGCAT = RowShape(_LOGCAT_TIME)
_KLOG = RowShape(b"?0000 00:00:00.0")
_COCKROACH = RowShape(b"?000000 00:00:00.0")
_GLOG = RowShape(b"?00000000 00:00:00.0")
_HDFS_TIME = b"000000 000000 "
_HDFS = RowShape(_HDFS_TIME)
_OPENSTACK = RowShape(b"0000-00-00 00:00:00.000 ")
_BLUEGENE = RowShape(b"0000000000 0000.00.00 ")
_TOKEN = 39
_CLINGING, _BETWEEN = (
    byte_membership_table(CLINGING.encode()),
    byte_membership_table(BETWEEN.encode()),
)
_AFTER_LEVEL = byte_membership_table(AFTER_LEVEL.encode() + b"\n")
_PIDS = byte_membership_table(b"0123456789 ")
_DIGIT = byte_membership_table(b"0123456789")
_OF_LETTERS: Array = numpy.zeros(256, numpy.uint8)
_OF_LETTERS[[ord(letter) for letter in OF_LETTERS]] = [
    RANK[level] + 1 for level in OF_LETTERS.values()
]
_OF_KLOG = numpy.where(byte_membership_table(b"IWEF"), _OF_LETTERS, 0)


def levels_at_times(rows: Array) -> Array:
    """Return the number of the level after the time in each row, the beginning of a message.

    0 for none; UNSURE if a time of OpenStack or BlueGene is the second word.
    """
    levels: Array = numpy.zeros(len(rows), numpy.uint8)
    for start in (0, 1):
        chosen = numpy.flatnonzero(_rows_with_byte_in_both(rows, _COLON, start + 13, start + 16))
        if start:
            first = rows[chosen, 0]
            chosen = chosen[(first == ord("[")) | (first == ord("("))]
        chosen = chosen[DATED.matching_rows(rows[chosen, start:])]
        if len(chosen):
            levels[chosen] = _levels_named_after_time(rows[chosen], start + len(_DATE))
    for shape, colon, fraction in ((_GLOG, 12, 19), (_COCKROACH, 10, 17), (_KLOG, 8, 15)):
        chosen = numpy.flatnonzero(_rows_with_byte_in_both(rows, _COLON, colon, colon + 3))
        klog = chosen[_OF_KLOG[rows[chosen, 0]] > 0]
        klog = klog[shape.matching_rows(rows[klog])]
        digits = (~_DIGIT[rows[klog, fraction : fraction + 10]]).argmax(1)
        klog = klog[(digits > 0) & (rows[klog, fraction + digits] == _BLANK)]
        levels[klog] = _OF_KLOG[rows[klog, 0]]
    chosen = chosen[_LOGCAT.matching_rows(rows[chosen])]
    if len(chosen):
        levels[chosen] = _levels_of_logcat(rows[chosen])
    chosen = numpy.flatnonzero(_rows_with_byte_in_both(rows, _BLANK, 6, 13))
    chosen = chosen[_HDFS.matching_rows(rows[chosen])]
    if len(chosen):
        levels[chosen] = _levels_of_hdfs(rows[chosen])
    levels[_rows_with_second_word_time(rows)] = UNSURE
    return levels


def _rows_with_second_word_time(rows: Array) -> Array:
    """Return the numbers of the rows with a time of OpenStack or BlueGene as their second word."""
    blanks = rows[:, : _TOKEN + 1] == _BLANK
    start = blanks.argmax(1) + 1
    flat = rows.reshape(-1)
    offset = numpy.arange(len(rows)) * rows.shape[1] + start
    chosen = numpy.flatnonzero((flat[offset + 10] == _BLANK) & (start > 1))
    heads = rows_at(flat, offset[chosen], _OPENSTACK.width)
    found: Array = chosen[_OPENSTACK.matching_rows(heads) | _BLUEGENE.matching_rows(heads)]
    return found


def _rows_with_byte_in_both(rows: Array, byte: int, first: int, second: int) -> Array:
    """Return which rows have this byte in both columns."""
    found: Array = (rows[:, first] == byte) & (rows[:, second] == byte)
    return found


def _levels_named_after_time(rows: Array, at: int) -> Array:
    """Return the levels whose names follow a time that ends at column `at`; 0 for none."""
    start, ended = _end_of_run(rows, numpy.full(len(rows), at), _CLINGING, MOST_CLINGING)
    start, parted = _end_of_run(rows, start, _BETWEEN, MOST_BETWEEN)
    flat = rows.reshape(-1)
    offset = numpy.arange(len(rows)) * rows.shape[1] + start
    words = first_words(rows_at(flat, offset, NAME))
    end = offset + words.size
    said = words.capital | _end_names(flat[end], flat[end + 1], flat[end + 2])
    sure = ended & parted & _AFTER_LEVEL[flat[end]] & said
    return numpy.where(sure, words.number, 0)


def _end_of_run(rows: Array, start: Array, table: Array, most: int) -> tuple[Array, Array]:
    """Return where in each row the bytes of `table` end, from `start` on, and whether they are few enough.

    most: this many are few enough.
    """
    flat = rows.reshape(-1)
    row = numpy.arange(len(rows))
    others = ~table[rows_at(flat, row * rows.shape[1] + start, most + 1)]
    size = others.argmax(1)
    return start + size, others[row, size]


def _levels_of_logcat(rows: Array) -> Array:
    """Return the levels of the letters after the IDs of process and thread."""
    at, ended = _end_of_run(rows, numpy.full(len(rows), len(_LOGCAT_TIME)), _PIDS, MOST_CLINGING)
    row = numpy.arange(len(rows))
    after = rows[row, at + 1]
    sure = ended & (rows[row, at - 1] == ord(" ")) & ((after == ord(" ")) | (after == ord("/")))
    return numpy.where(sure, _OF_LETTERS[rows[row, at]], 0)


def _levels_of_hdfs(rows: Array) -> Array:
    """Return the levels behind the ID of a thread, in capitals."""
    at, ended = _end_of_run(rows, numpy.full(len(rows), len(_HDFS_TIME)), _DIGIT, MOST_DIGITS)
    flat = rows.reshape(-1)
    offset = numpy.arange(len(rows)) * rows.shape[1] + at
    words = first_words(rows_at(flat, offset + 1, NAME))
    ended &= (at > len(_HDFS_TIME)) & (flat[offset] == _BLANK) & words.capital
    ended &= (flat[offset + 1 + words.size] == _BLANK) & (words.size > 3) & (words.size < 9)
    return numpy.where(ended, words.number, 0)
