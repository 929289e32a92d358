"""Find the levels of all lines of a text, as an array of numbers, which is fast to count.

A few bytes decide about most lines: a priority, a word at the beginning, the field `level`. NumPy checks
these for all lines at once; the few other lines are checked one by one (`record.level_of`).
"""

from __future__ import annotations

from typing import Any

import numpy
import orjson

from logsrv.kit.text.colours import has_colours, without_colours
from logsrv.linelog.fields import level_fields, level_words, text_starts
from logsrv.linelog.fields.byte_places import U64, Array, RowShape, indexes_of_true, rows_at
from logsrv.linelog.fields.level import (
    BY_NAME_OR_NUMBER,
    BY_NUMBER,
    BY_SYSLOG,
    LEVELS,
    RANK,
    canonical_level,
)
from logsrv.linelog.fields.level_fields import (
    NO_ACCESS,
    access_brackets,
    levels_of_statuses,
    rows_with_access_times,
)
from logsrv.linelog.fields.level_names import UNSURE
from logsrv.linelog.fields.level_words import levels_at_times
from logsrv.linelog.fields.record import level_of, says_level
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import TIME_LENGTH
from logsrv.linelog.fields.text_starts import lines_with_odd_headers

OF_NUMBERS = (None, *LEVELS)
"""The levels by number: 0 for none, 1 for the least severe."""

_NUMBERS = {level: number for number, level in enumerate(OF_NUMBERS)}
_BY_SEVERITY = numpy.array([RANK[BY_SYSLOG[severity]] + 1 for severity in range(8)], numpy.uint8)
_TIME = RowShape(b"0000-00-00T00:00:00.000000Z ")
# Nearly all sources are shorter; lines with longer ones are checked one by one.
_SOURCE = 40
_PADDING = bytes(
    _TIME.width + _SOURCE + level_words.WIDTH + max(level_fields.WIDTH, text_starts.PADDING)
)
_LF, _SPACE, _OBJECT, _HEADER = b"\n {<"
# The keys of an object that may lead to its level, and the value of one without them.
_KEYS = frozenset(
    [*BY_NUMBER, *BY_NAME_OR_NUMBER, *(name.partition(".")[0] for name in BY_NAME_OR_NUMBER)]
)
_NO_LEVEL = object()


class _TextLines:
    """All lines of a text.

    ends: the end of each line, an LF. messages: where each message begins, -1 if unknown. unstamped: lines
    to be checked one by one. found: the number of each line's level. beginnings: the first bytes of each
    message.
    """

    def __init__(self, text: bytes, ends: Array, unstamped: Array | None = None) -> None:
        self.text = text
        # Padded, so that rows of bytes can be taken from the last lines too.
        self.raw: Array = numpy.frombuffer(text + _PADDING, numpy.uint8)
        self.ends = ends
        starts: Array = numpy.concatenate(([0], ends[:-1] + 1))
        self.messages = _message_starts(self.raw, starts, ends)
        if unstamped is not None:
            self.messages[unstamped] = -1
        self.found: Array = numpy.where(self.messages < 0, UNSURE, 0).astype(numpy.uint8)
        self.beginnings = rows_at(self.raw, numpy.maximum(self.messages, 0), level_words.WIDTH)

    def line_number_at(self, at: Array) -> Array:
        """Return the number of the line at each place of the text."""
        found: Array = numpy.searchsorted(self.ends, at)
        return found


def level_numbers(text: bytes, ends: Array | None = None) -> Array:
    """Return the level of each line of `text`, whole lines with their LFs, as numbers of OF_NUMBERS.

    ends: the places of the LFs, if known.
    """
    if ends is None:
        ends = _line_ends(text)
    found = level_numbers_if_quick(text, ends, most=len(text))
    assert found is not None
    return found


def levels_of_records(lines: StampedLines, found: Array | None = None) -> Array:
    """Return the level of each line as `level_numbers` does; a continuation line has that of its record.

    found: the levels of the lines by themselves, if known.
    """
    if found is None:
        found = level_numbers(lines.text, lines.ends)
    if not lines.first_lines:
        return found
    rows, codes, first = lines.going_on()
    of_first = numpy.array([_NUMBERS[level_of(line)] for line in first], numpy.uint8)[codes]
    own = [place for place, message in enumerate(lines.messages_of(rows)) if says_level(message)]
    for place in own:
        row = int(rows[place])
        of_first[place] = _NUMBERS[level_of(lines.line(row), first[codes[place]])]
    found = found.copy()
    found[rows] = numpy.where(of_first > 0, of_first, found[rows])
    return found


def level_numbers_if_quick(text: bytes, ends: Array, most: int) -> Array | None:
    """Return the same as `level_numbers`; None if more than `most` lines must be checked one by one.

    ends: the places of the LFs.
    """
    if not len(ends):
        return numpy.zeros(0, numpy.uint8)
    lines = _TextLines(text, ends)
    if has_colours(text):
        plain = without_colours(text)
        lines = _TextLines(plain, _line_ends(plain), unstamped=lines.messages < 0)
    _find_at_once(lines)
    unsure = numpy.flatnonzero(lines.found == UNSURE)
    if len(unsure) > most:
        return None
    starts = numpy.concatenate(([0], ends[:-1] + 1))[unsure].tolist()
    for number, start, end in zip(unsure.tolist(), starts, ends[unsure].tolist(), strict=True):
        lines.found[number] = _NUMBERS[level_of(text[start:end])]
    return lines.found


def _find_at_once(lines: _TextLines) -> None:
    """Find the levels of all lines but the unsure ones."""
    first = lines.beginnings[:, 0]
    empty = lines.messages == lines.ends
    known = lines.found == UNSURE
    objects = (first == _OBJECT) & ~known & ~empty
    headers = (first == _HEADER) & ~known & ~empty
    plain = ~(objects | headers | known)
    if headers.any():
        _find_by_priority(lines, numpy.flatnonzero(headers))
    fields = _find_by_field(lines, objects) if not objects.all() else objects
    if plain.any():
        odd = lines_with_odd_headers(lines.text, lines.raw, lines.messages, lines.ends)
        fields[odd[plain[odd]]] = True
        lines.found[odd[plain[odd]]] = UNSURE
    chosen = numpy.flatnonzero(plain & ~fields)
    if len(chosen):
        _find_in_text(lines, chosen)
    if objects.any():
        _find_in_objects(lines, numpy.flatnonzero(objects))


def _line_ends(text: bytes) -> Array:
    return indexes_of_true(numpy.frombuffer(text, numpy.uint8) == _LF)


def _message_starts(raw: Array, starts: Array, ends: Array) -> Array:
    """Return where the message of each line begins; -1 if the line must be checked by itself."""
    stamped = _TIME.matching_rows(rows_at(raw, starts, _TIME.width))
    sources = rows_at(raw, starts + TIME_LENGTH, _SOURCE) <= _SPACE
    size = sources.argmax(1)
    space = starts + TIME_LENGTH + size
    # A control character, which a source should not have, ends the search as well.
    stamped &= (size > 0) & (space < ends) & (raw[space] == _SPACE)
    return numpy.where(stamped, space + 1, -1)


def _find_by_priority(lines: _TextLines, chosen: Array) -> None:
    """Find the levels of lines that begin with a priority."""
    begin = lines.beginnings[chosen, 1:5]
    digits = begin - numpy.uint8(ord("0"))
    size = (digits >= 10).argmax(1)
    ended = begin[numpy.arange(len(begin)), size] == ord(">")
    value: Array = numpy.zeros(len(begin), numpy.uint16)
    for place in range(3):
        value = numpy.where(place < size, value * 10 + digits[:, place], value)
    sure = ended & (size > 0) & (size < 4) & (value < 192)
    lines.found[chosen] = numpy.where(sure, _BY_SEVERITY[value & 7], UNSURE)


def _find_by_field(lines: _TextLines, objects: Array) -> Array:
    """Find the levels of lines with a field that may hold one; return which lines have such a field."""
    at, value = _field_places(lines)
    line = lines.line_number_at(at)
    message = lines.messages[line]
    there = ~objects[line] & (message >= 0) & (at >= message)
    at, value, line, message = at[there], value[there], line[there], message[there]
    has: Array = numpy.zeros(len(lines.ends), bool)
    has[line] = True
    single = numpy.bincount(line, minlength=len(has))[line] == 1
    sure = single & (lines.raw[value - 1] == ord("="))
    escaped, named_by_escape = _lines_with_escapes(lines)
    if sure.any():
        sure &= ~escaped[line] & ~_lines_with_access_bracket(lines)[line]
        # A value of an event ends before the next key.
        sure &= ~text_starts.lines_with_events(lines.text, lines.ends)[line]
    levels = numpy.zeros(len(line), numpy.uint8)
    chosen = numpy.flatnonzero(sure)
    if len(chosen):
        fields = level_fields.LevelFields(
            at[chosen], value[chosen], message[chosen], lines.ends[line[chosen]]
        )
        levels[chosen] = level_fields.levels_of_pairs(lines.raw, fields)
    lines.found[named_by_escape & ~objects] = UNSURE
    lines.found[line] = numpy.where(levels > 0, levels, UNSURE)
    return has | named_by_escape


def _field_places(lines: _TextLines) -> tuple[Array, Array]:
    """Return where names of fields that may hold a level begin, and where their values begin."""
    raw = lines.raw[: len(lines.text)]
    if len(raw) < 9:
        return numpy.zeros(0, numpy.intp), numpy.zeros(0, numpy.intp)
    # `level` and `severity` have an e on each side of the v, `lvl` an l.
    middle = raw[1:-1] == ord("v")
    middle &= raw[:-2] == raw[2:]
    found = indexes_of_true(middle) + 1
    before = raw[found - 1]
    of_e, of_l = found[before == ord("e")], found[before == ord("l")]
    names = [(b"level", of_e - 2), (b"lvl", of_l - 1), (b"severity", of_e - 2)]
    capital = raw[:-1] == ord("O")
    capital &= raw[1:] == ord("R")
    names.append((b"PRIORITY", indexes_of_true(capital) - 3))
    at = [begins[_name_stands_at(lines.raw, begins, name)] for name, begins in names]
    value = [begins + len(name) for begins, (name, _) in zip(at, names, strict=True)]
    where, held = numpy.concatenate(at), numpy.concatenate(value)
    # The names `levelname`, `level_name`, `levelno` and `severity_number` go on after these.
    next_byte = lines.raw[held]
    likely = (
        (next_byte == ord("="))
        | (next_byte == ord('"'))
        | (next_byte == ord("_"))
        | (next_byte == ord("n"))
    )
    return where[likely], held[likely] + 1


def _name_stands_at(raw: Array, at: Array, name: bytes) -> Array:
    """Return for each place whether a name of at most eight bytes stands there."""
    eights: Array = numpy.ndarray((len(raw) - 7,), "<u8", raw, 0, (1,))
    mask = U64((1 << 8 * len(name)) - 1)
    found: Array = (eights[at] & mask == int.from_bytes(name, "little")) & (at >= 0)
    return found


def _lines_with_escapes(lines: _TextLines) -> tuple[Array, Array]:
    """Return which lines have a backslash, and which have a `\\u` that may hide a field's name in JSON."""
    escaped: Array = numpy.zeros(len(lines.ends), bool)
    of_name = escaped.copy()
    if b"\\" in lines.text:
        at = indexes_of_true(lines.raw == ord("\\"))
        escaped[lines.line_number_at(at)] = True
        of_name[lines.line_number_at(at[lines.raw[at + 1] == ord("u")])] = True
    return escaped, of_name


def _lines_with_access_bracket(lines: _TextLines) -> Array:
    """Return which lines have a bracket like that before the time in an access log."""
    found: Array = numpy.zeros(len(lines.ends), bool)
    found[lines.line_number_at(access_brackets(lines.raw))] = True
    return found


def _find_in_text(lines: _TextLines, chosen: Array) -> None:
    """Find the levels of lines without a field that may hold one."""
    rows, ends = lines.beginnings[chosen], lines.ends[chosen]
    content = text_starts.ends_of_file_headers(lines.raw, lines.messages[chosen], rows, ends)
    headed = numpy.flatnonzero(content.at > lines.messages[chosen])
    rows[headed] = rows_at(lines.raw, content.at[headed], level_words.WIDTH)
    text = text_starts.ends_of_leading_times(lines.raw, content.at, rows)
    words = rows.copy()
    timed = numpy.flatnonzero(text.at > content.at)
    words[timed] = rows_at(lines.raw, text.at[timed], level_words.WIDTH)
    found = level_words.levels_of_beginnings(words, ends - text.at)
    at_times = levels_at_times(rows)
    found = numpy.where((at_times > 0) & (found != UNSURE), at_times, found)
    # If JSON follows spaces, or a header, a level in its text does not count: check such a line by itself.
    first = rows[:, 0]
    blank = (first == _SPACE) | (first == ord("\t")) | (first == ord("\r")) | (first == _OBJECT)
    braces = indexes_of_true(lines.raw == _OBJECT)
    braced = numpy.searchsorted(braces, content.at) < numpy.searchsorted(braces, ends)
    unsure = content.unsure | text.unsure | ((found > 0) & blank & braced)
    access, distant = rows_with_access_times(lines.raw, content.at, ends)
    statuses = levels_of_statuses(lines.raw, content.at[access], ends[access])
    found[access] = numpy.where(statuses == NO_ACCESS, found[access], statuses)
    unsure[distant] = True
    lines.found[chosen] = numpy.where(unsure, UNSURE, found)


def _find_in_objects(lines: _TextLines, chosen: Array) -> None:
    """Find the levels of lines that are JSON: nearly always in the field `level`."""
    bounds = zip(lines.messages[chosen].tolist(), lines.ends[chosen].tolist(), strict=True)
    objects = [lines.text[start:end] for start, end in bounds]
    try:
        values = [
            _NO_LEVEL if _KEYS.isdisjoint(found) else found.get("level")
            for found in map(orjson.loads, objects)
        ]
    except ValueError:
        values = [_level_value_of_json(one) for one in objects]
    try:
        numbers = {value: _number_of_level(value) for value in set(values)}
        lines.found[chosen] = [numbers[value] for value in values]
    except TypeError:
        # A value is a list, which has no hash: read the values one by one.
        lines.found[chosen] = [_number_of_level(value) for value in values]


def _level_value_of_json(content: bytes) -> Any:
    try:
        return orjson.loads(content).get("level")
    except ValueError:
        return None


def _number_of_level(value: object) -> int:
    if value is _NO_LEVEL:
        return 0
    level = canonical_level(value) if isinstance(value, str) else None
    return UNSURE if level is None else _NUMBERS[level]
