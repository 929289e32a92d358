"""Find the levels of all lines of a text, as an array of numbers, which is fast to count.

A few bytes decide about most lines: a priority, a word at the beginning, the field `level`. NumPy checks
these for all lines at once; the few other lines are checked one by one (`level_of` in `parsed_line.py`).
"""

from __future__ import annotations

from functools import cached_property

import numpy

from logsrv.kit.text.colours import has_colours, without_colours
from logsrv.linelog.fields.byte_arrays import (
    U64,
    Array,
    RowShape,
    byte_membership_table,
    indexes_of_true,
    rows_at,
)
from logsrv.linelog.fields.forms.access.statuses import (
    NO_ACCESS,
    access_brackets,
    levels_of_statuses,
    rows_with_access_times,
)
from logsrv.linelog.fields.forms.events.many import lines_with_events
from logsrv.linelog.fields.forms.json.levels import levels_of_objects
from logsrv.linelog.fields.forms.line_kinds import lines_with_odd_headers
from logsrv.linelog.fields.forms.logfmt.levels import WIDTH as WIDTH_OF_PAIRS
from logsrv.linelog.fields.forms.logfmt.levels import LevelFields, levels_of_pairs
from logsrv.linelog.fields.forms.syslog.text_starts import (
    PADDING,
    ends_of_file_headers,
    ends_of_headers,
)
from logsrv.linelog.fields.level.leading_times import ends_of_leading_times
from logsrv.linelog.fields.level.many import WIDTH, levels_at_times, levels_of_beginnings
from logsrv.linelog.fields.level_names import BY_SYSLOG, LEVELS, RANK, UNSURE
from logsrv.linelog.fields.parsed_line import ParsedLine, level_of, says_level
from logsrv.linelog.fields.stamps import LineBounds
from logsrv.linelog.fields.stored_line import TIME_LENGTH

OF_NUMBERS = (None, *LEVELS)
"""The levels by number: 0 for none, 1 for the least severe."""

_NUMBERS = {level: number for number, level in enumerate(OF_NUMBERS)}
_BY_SEVERITY = numpy.array([RANK[BY_SYSLOG[severity]] + 1 for severity in range(8)], numpy.uint8)
_TIME = RowShape(b"0000-00-00T00:00:00.000000Z ")
# Nearly all sources are shorter; lines with longer ones are checked one by one.
_SOURCE = 40
_PADDING = bytes(_TIME.width + _SOURCE + WIDTH + max(WIDTH_OF_PAIRS, PADDING))
_LF, _SPACE, _OBJECT, _HEADER, _QUOTE = b'\n {<"'
# One of so many lines is asked alone.
_FEW = 4


class _TextLines:
    """All lines of a text.

    ends: the end of each line, an LF. messages: where each message begins, -1 if unknown. unstamped: lines
    to be checked one by one. found: the number of each line's level. beginnings: the first bytes of each
    message.
    """

    def __init__(
        self,
        text: bytes,
        ends: Array,
        messages: Array | None = None,
        unstamped: Array | None = None,
    ) -> None:
        self.text = text
        # Padded, so that rows of bytes can be taken from the last lines too.
        self.raw: Array = numpy.frombuffer(text + _PADDING, numpy.uint8)
        self.ends = ends
        if messages is None:
            messages = _message_starts(self.raw, numpy.concatenate(([0], ends[:-1] + 1)), ends)
        self.messages = messages
        if unstamped is not None:
            self.messages[unstamped] = -1
        self.found: Array = numpy.where(self.messages < 0, UNSURE, 0).astype(numpy.uint8)
        self.beginnings = rows_at(self.raw, numpy.maximum(self.messages, 0), WIDTH)

    @cached_property
    def access_brackets(self) -> Array:
        """The offsets of brackets like that before the time in an access log."""
        return access_brackets(self.raw)

    @cached_property
    def braces(self) -> Array:
        """The offsets of opening braces."""
        return indexes_of_true(self.raw == _OBJECT)

    @cached_property
    def odd(self) -> Array:
        """The numbers of the lines with unusual headers."""
        return lines_with_odd_headers(self.text, self.raw, self.messages, self.ends)

    def line_number_at(self, at: Array) -> Array:
        """Return the number of the line at each offset of the text."""
        found: Array = numpy.searchsorted(self.ends, at)
        return found


def level_numbers(text: bytes, ends: Array | None = None, messages: Array | None = None) -> Array:
    """Return the level of each line of `text`, whole lines with their LFs, as numbers of OF_NUMBERS.

    ends: the offsets of the LFs, if known. messages: where each message begins, -1 for a line without a
    stamp, if known.
    """
    if ends is None:
        ends = _line_ends(text)
    found = level_numbers_if_quick(text, ends, len(text), messages)
    assert found is not None
    return found


def levels_of_records(lines: LineBounds, found: Array | None = None) -> Array:
    """Return the level of each line as `level_numbers` does; a continuation line has that of its record.

    found: the levels of the lines by themselves, if known.
    """
    if found is None:
        found = level_numbers(lines.text, lines.ends, lines.message_starts())
    if not lines.first_lines:
        return found
    rows, codes, first, begins = lines.going_on()
    of_lines = numpy.empty(len(first), found.dtype)
    here = begins >= 0
    of_lines[here] = found[numpy.searchsorted(lines.starts, begins[here])]
    others = numpy.flatnonzero(~here).tolist()
    of_lines[~here] = level_numbers(b"".join([first[number] + b"\n" for number in others]))
    of_first = of_lines[codes]
    for index in numpy.flatnonzero(_have_marks_of_fields(lines, rows)).tolist():
        line = lines.line(int(rows[index]))
        # A source may have such a mark, too.
        if says_level(ParsedLine(line).body):
            of_first[index] = _NUMBERS[level_of(line, first[codes[index]])]
    found = found.copy()
    found[rows] = numpy.where(of_first > 0, of_first, found[rows])
    return found


def _have_marks_of_fields(lines: LineBounds, rows: Array) -> Array:
    """Return which of some lines have a byte that all lines with fields have."""
    if len(rows) * _FEW < len(lines):
        some = map(lines.line, rows.tolist())
        return numpy.fromiter((b"=" in one or b"{" in one for one in some), bool, len(rows))
    found = numpy.zeros(len(lines), bool)
    raw: Array = numpy.frombuffer(lines.text, numpy.uint8)
    for mark in b"={":
        found[numpy.searchsorted(lines.ends, indexes_of_true(raw == mark))] = True
    return found[rows]


def level_numbers_if_quick(
    text: bytes, ends: Array, most: int, messages: Array | None = None
) -> Array | None:
    """Return the same as `level_numbers`; None if more than `most` lines must be checked one by one."""
    if not len(ends):
        return numpy.zeros(0, numpy.uint8)
    lines = _TextLines(text, ends, messages)
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
        odd = lines.odd[plain[lines.odd]]
        fields[odd] = True
        lines.found[odd] = UNSURE
    chosen = numpy.flatnonzero(plain & ~fields)
    if len(chosen):
        _find_in_text(lines, chosen)
    if objects.any():
        chosen = numpy.flatnonzero(objects)
        bounds = zip(lines.messages[chosen].tolist(), lines.ends[chosen].tolist(), strict=True)
        lines.found[chosen] = levels_of_objects([lines.text[start:end] for start, end in bounds])


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
    """Find the levels of lines that begin with a priority, and may be of an access log."""
    begin = lines.beginnings[chosen, 1:5]
    digits = begin - numpy.uint8(ord("0"))
    size = (digits >= 10).argmax(1)
    ended = begin[numpy.arange(len(begin)), size] == ord(">")
    value: Array = numpy.zeros(len(begin), numpy.uint16)
    for column in range(3):
        value = numpy.where(column < size, value * 10 + digits[:, column], value)
    sure = ended & (size > 0) & (size < 4) & (value < 192)
    lines.found[chosen] = numpy.where(sure, _BY_SEVERITY[value & 7], UNSURE)
    # In lines of all access logs there are quotes, which are found in a tenth of the time.
    if b'"' in lines.text and b" [" in lines.text:
        at = lines.access_brackets
        has_time = _lines_with_offsets(lines, at[lines.raw[at + 3] == ord("/")])[chosen]
        some = numpy.flatnonzero(sure & has_time)
        if len(some):
            _find_worse_status(lines, chosen[some], lines.messages[chosen[some]] + size[some] + 2)


def _find_worse_status(lines: _TextLines, chosen: Array, starts: Array) -> None:
    """Find the levels of lines of an access log behind a priority. starts: the offsets behind it."""
    ends, rows = lines.ends[chosen], rows_at(lines.raw, starts, WIDTH)
    content = ends_of_headers(lines.raw, starts, rows, ends)
    access, distant = rows_with_access_times(lines.raw, lines.access_brackets, content.at, ends)
    statuses = levels_of_statuses(lines.raw, content.at[access], ends[access])
    found = lines.found[chosen]
    # A line without a header, or with an unusual one, needs a closer look.
    unsure = content.unsure | (content.at == starts) | numpy.isin(chosen, lines.odd)
    worse = numpy.maximum(found[access], statuses)
    found[access] = numpy.where(statuses == NO_ACCESS, found[access], worse)
    unsure[distant] = True
    lines.found[chosen] = numpy.where(unsure, UNSURE, found)


def _find_by_field(lines: _TextLines, objects: Array) -> Array:
    """Find the levels of lines with a field that may hold one; return which lines have such a field."""
    at, value = _field_offsets(lines)
    line = lines.line_number_at(at)
    message = lines.messages[line]
    there = ~objects[line] & (message >= 0) & (at >= message)
    at, value, line, message = at[there], value[there], line[there], message[there]
    has: Array = numpy.zeros(len(lines.ends), bool)
    has[line] = True
    single = numpy.bincount(line, minlength=len(has))[line] == 1
    # The name of a level is none in `PRIORITY`.
    sure = single & (lines.raw[value - 1] == ord("=")) & (lines.raw[at] != ord("P"))
    escaped, named_by_escape = _lines_with_escapes(lines)
    if sure.any():
        sure &= ~escaped[line] & ~_lines_with_offsets(lines, lines.access_brackets)[line]
        # A value of an event ends before the next key.
        sure &= ~lines_with_events(lines.text, lines.ends)[line]
    levels = numpy.zeros(len(line), numpy.uint8)
    chosen = numpy.flatnonzero(sure)
    if len(chosen):
        fields = LevelFields(at[chosen], value[chosen], message[chosen], lines.ends[line[chosen]])
        levels[chosen] = levels_of_pairs(lines.raw, fields)
    named_by_escape |= _lines_with_keys_of_objects(lines, objects)
    lines.found[named_by_escape & ~objects] = UNSURE
    lines.found[line] = numpy.where(levels > 0, levels, UNSURE)
    return has | named_by_escape


def _lines_with_keys_of_objects(lines: _TextLines, objects: Array) -> Array:
    """Return which lines may have, behind a header, an object with a key that only objects may have.

    objects: the lines that are objects by themselves.
    """
    none: Array = numpy.zeros(len(lines.ends), bool)
    if b"{" not in lines.text or b'"' not in lines.text:
        return none
    braced = _lines_with_offsets(lines, lines.braces) & ~objects
    if not braced.any():
        return none
    raw = lines.raw[: len(lines.text)]
    first = raw[1:-2] | numpy.uint8(0x20)
    begins = (raw[1:-2] == ord("@")) | (first == ord("l")) | (first == ord("s"))
    begins &= raw[:-3] == _QUOTE
    at = indexes_of_true(begins)
    second, third = raw[at + 2] | 0x20, raw[at + 3] | 0x20
    alone = raw[at + 2] == _QUOTE
    likely = alone | (third == (_QUOTE | 0x20)) | ((second == ord("a")) & (third == ord("b")))
    return braced & _lines_with_offsets(lines, at[likely])


def _field_offsets(lines: _TextLines) -> tuple[Array, Array]:
    """Return where names of fields that may hold a level begin, and where their values begin."""
    raw = lines.raw[: len(lines.text)]
    if len(raw) < 9:
        return numpy.zeros(0, numpy.intp), numpy.zeros(0, numpy.intp)
    # `level` and `severity` have an e on each side of the v, `lvl` an l.
    found = indexes_of_true(raw[1:-1] == ord("v")) + 1
    if b"V" in lines.text:
        found = numpy.concatenate((found, indexes_of_true(raw[1:-1] == ord("V")) + 1))
    before = raw[found - 1] | 0x20
    same = before == raw[found + 1] | 0x20
    of_e, of_l = found[same & (before == ord("e"))], found[same & (before == ord("l"))]
    names = [(b"level", of_e - 2), (b"lvl", of_l - 1), (b"severity", of_e - 2)]
    priorities = indexes_of_true(raw == ord("O")) - 3
    priorities = priorities[
        (lines.raw[priorities] == ord("P")) & (lines.raw[priorities + 4] == ord("R"))
    ]
    names.append((b"priority", priorities))
    at = [begins[_name_stands_at(lines.raw, begins, name)] for name, begins in names]
    value = [begins + len(name) for begins, (name, _) in zip(at, names, strict=True)]
    where, held = numpy.concatenate(at), numpy.concatenate(value)
    likely = _AFTER_NAME[lines.raw[held]]
    return where[likely], held[likely] + 1


# `levelname`, `level_name`, `levelno`, `severity_number`, `severityText` go on after the shorter names.
_AFTER_NAME = byte_membership_table(b'="_nNtT')
_SMALL = U64(0x2020202020202020)


def _name_stands_at(raw: Array, at: Array, name: bytes) -> Array:
    """Return for each offset whether a name of at most eight letters stands there, in any case."""
    eights: Array = numpy.ndarray((len(raw) - 7,), "<u8", raw, 0, (1,))
    mask = U64((1 << 8 * len(name)) - 1)
    found: Array = ((eights[at] | _SMALL) & mask == int.from_bytes(name, "little")) & (at >= 0)
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


def _lines_with_offsets(lines: _TextLines, at: Array) -> Array:
    """Return which lines have one of these offsets of the text."""
    found: Array = numpy.zeros(len(lines.ends), bool)
    found[lines.line_number_at(at)] = True
    return found


def _find_in_text(lines: _TextLines, chosen: Array) -> None:
    """Find the levels of lines without a field that may hold one."""
    rows, ends = lines.beginnings[chosen], lines.ends[chosen]
    content = ends_of_file_headers(lines.raw, lines.messages[chosen], rows, ends)
    headed = numpy.flatnonzero(content.at > lines.messages[chosen])
    rows[headed] = rows_at(lines.raw, content.at[headed], WIDTH)
    text = ends_of_leading_times(lines.raw, content.at, rows)
    words = rows.copy()
    is_timed = text.at > content.at
    timed = numpy.flatnonzero(is_timed)
    words[timed] = rows_at(lines.raw, text.at[timed], WIDTH)
    levels = levels_of_beginnings(words, ends - text.at, is_timed)
    at_times = levels_at_times(rows)
    levels = numpy.where((at_times > 0) & (levels != UNSURE), at_times, levels)
    # If JSON follows spaces, or a header, a level in its text does not count: check such a line by itself.
    first = rows[:, 0]
    blank = (first == _SPACE) | (first == ord("\t")) | (first == ord("\r")) | (first == _OBJECT)
    braced = numpy.searchsorted(lines.braces, content.at) < numpy.searchsorted(lines.braces, ends)
    unsure = content.unsure | text.unsure | ((levels > 0) & blank & braced)
    access, distant = rows_with_access_times(lines.raw, lines.access_brackets, content.at, ends)
    statuses = levels_of_statuses(lines.raw, content.at[access], ends[access])
    levels[access] = numpy.where(statuses == NO_ACCESS, levels[access], statuses)
    unsure[distant] = True
    lines.found[chosen] = numpy.where(unsure, UNSURE, levels)
