"""Read all fields of all lines of a text into columns: the same values that a Record gives of each line.

Lines of a kind are read together: JSON objects with the same keys, headers and contents of the same form.
Only unusual lines are parsed one by one.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy

from logsrv.kit.text.colours import has_colours, without_colours
from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.columns.contents import ContentColumns
from logsrv.linelog.columns.headers import HeaderColumns
from logsrv.linelog.columns.levels import levels_of_lines
from logsrv.linelog.columns.pieces import PAIRS, FieldPieces, put_together
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.level import LEVEL_FIELDS, level_of_fields
from logsrv.linelog.fields.reader import FILE, HEADER, kinds_of_lines
from logsrv.linelog.fields.record import ALIASES, ALWAYS, IN_LOG_RECORDS
from logsrv.linelog.fields.servers import STATUS_CLASS, class_of_status
from logsrv.linelog.fields.stamps import StampedLines


class LineFields(NamedTuple):
    """The fields of some lines, by the name that a query uses.

    levels: as `level_numbers` gives them. fields: without those that a stamp tells, and without names that
    begin with `fields.` or `syslog.`. left_out: names whose values are not exact here, besides those that
    the caller skipped. complete: whether no line has a field of any other name; false if there are too many
    names, or odd ones.
    """

    lines: int
    levels: Array
    fields: dict[str, CodedField]
    left_out: frozenset[str]
    complete: bool = True


def read_all_fields(stamps: StampedLines, skip: Collection[str] = ()) -> LineFields:
    """Return the fields of all lines, without those called `skip`, as `Record.get` gives them."""
    not_read = {*skip, *ALWAYS}
    pieces = FieldPieces(not_read.difference(_sources(not_read), LEVEL_FIELDS, ("status",)))
    levels = levels_of_lines(stamps, pieces, *_add_lines(stamps, pieces))
    fields, left_out = {}, set()
    for name in {*pieces.names(), *ALIASES, STATUS_CLASS} - not_read:
        if name.startswith(("fields.", "syslog.")):
            continue
        found = _field(name, len(stamps), pieces)
        if found is None or name in pieces.left_out:
            left_out.add(name)
        elif found.texts:
            fields[name] = found
    return LineFields(len(stamps), levels, fields, frozenset(left_out), pieces.complete)


def _sources(not_read: Collection[str]) -> set[str]:
    """Return the names of fields that others are made of."""
    found = {source for name in ALIASES if name not in not_read for source in ALIASES[name]}
    if found & IN_LOG_RECORDS:
        found.update(LEVEL_FIELDS)
    return found | ({"status"} - {STATUS_CLASS if STATUS_CLASS in not_read else ""})


def _add_lines(stamps: StampedLines, pieces: FieldPieces) -> tuple[Array, Array]:
    """Add all fields; return the lines whose contents are objects, and lines of an access log."""
    plain = StampedLines(without_colours(stamps.text)) if has_colours(stamps.text) else stamps
    if numpy.array_equal(plain.stamped, stamps.stamped):
        messages = plain.messages_of()
        kinds, others = kinds_of_lines(plain)
        kinds[[*others]] = HEADER
    else:
        # Without colours, a line has got a stamp.
        messages = [*map(without_colours, stamps.messages_of())]
        kinds = numpy.full(len(messages), HEADER, numpy.uint8)
    with_header = (kinds == HEADER) | (kinds == FILE)
    contents = ContentColumns(pieces)
    if with_header.any():
        rows = numpy.flatnonzero(with_header)
        headers = HeaderColumns(pieces)
        headers.add(rows, [messages[row] for row in rows.tolist()])
        contents.add(numpy.concatenate(headers.rows), headers.contents, headers.apps)
        rows = numpy.flatnonzero(~with_header)
        messages = [messages[row] for row in rows.tolist()]
    else:
        rows = numpy.arange(len(messages))
    contents.add(rows, messages)
    objects, access = numpy.zeros((2, len(stamps)), bool)
    objects[numpy.concatenate([rows[:0], *contents.objects])] = True
    access[numpy.concatenate([rows[:0], *contents.access])] = True
    return objects, access


def _field(name: str, lines: int, pieces: FieldPieces) -> CodedField | None:
    """Return the field called `name`; None if its values are not exact."""
    found = pieces.pieces(name)
    if name == STATUS_CLASS:
        status = put_together(lines, pieces.pieces("status"))
        if status is None:
            return None
        of_status = FieldPieces(())
        rows = numpy.flatnonzero(status.codes >= 0)
        classes = [
            None if code in status.lists else class_of_status(text)
            for code, text in enumerate(status.texts)
        ]
        of_status.add_converted(name, rows, status.codes[rows], classes, _OTHER)
        found += of_status.pieces(name, _OTHER)
    for place, source in enumerate(ALIASES.get(name, ())):
        others = pieces.pieces(source, PAIRS)
        if others and source in IN_LOG_RECORDS:
            has_level = _lines_with_level(lines, pieces)
            if has_level is None:
                return None
            others = [piece.where(has_level[piece.rows]) for piece in others]
        found += [piece._replace(rank=piece.rank + _OTHER * (place + 1)) for piece in others]
    return put_together(lines, found)


# A piece of another field has a rank below those of all before it, by this.
_OTHER = -3


def _lines_with_level(lines: int, pieces: FieldPieces) -> Array | None:
    """Return which lines have a level in a field of their content; None if that is not known."""
    found = numpy.zeros(lines, bool)
    for name in LEVEL_FIELDS:
        field = put_together(lines, pieces.pieces(name, PAIRS))
        if field is None:
            return None
        levels = [level_of_fields({name: value}.get) is not None for value in field.values()]
        found |= numpy.array([*levels, False])[field.codes]
    return found
