"""Read all fields of all lines of a text into columns: the same values that a ParsedLine gives of a line.

Lines of a form are read together, by the `many.py` of their forms; only unusual lines are parsed one by one
(`parsed_line.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy

from logsrv.kit.text.colours import has_colours, without_colours
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.forms.contents.many import ContentColumns
from logsrv.linelog.fields.forms.contents.wanted import wanted_in_lines
from logsrv.linelog.fields.forms.line_kinds import FILE, HEADER, kinds_of_lines
from logsrv.linelog.fields.forms.pieces import HEADER as HEADER_RANK
from logsrv.linelog.fields.forms.pieces import PAIRS, FieldPieces, Piece, is_possible, put_together
from logsrv.linelog.fields.forms.syslog.many import HeaderColumns
from logsrv.linelog.fields.known_keys import level_names_in_text, may_tell_level
from logsrv.linelog.fields.level_columns import levels_in_fields, levels_of_lines
from logsrv.linelog.fields.level_numbers import levels_of_records
from logsrv.linelog.fields.parsed_line import ALIASES, ALWAYS, IN_LOG_RECORDS
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import STATUS_CLASS, class_of_status


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
    """Return the fields of all lines, without those called `skip`, as `ParsedLine.get` gives them."""
    not_read = {*skip, *ALWAYS}
    not_needed = not_read.difference(_sources(not_read), ("status",))
    skipped = [name for name in not_needed if not may_tell_level(name)]
    pieces = FieldPieces(skipped, sources=_SOURCES)
    plain = _without_colours(stamps)
    levels = levels_of_lines(stamps, pieces, *_add_lines(stamps, plain, pieces))
    levels = levels_of_records(stamps, levels)
    fields, left_out = {}, set()
    inherited = _fields_of_first_lines(stamps, ALIASES.keys() - not_read)
    for name in {*pieces.names(), *ALIASES, STATUS_CLASS} - not_read:
        if name.startswith(("fields.", "syslog.")):
            continue
        found = _field(name, stamps, pieces, inherited)
        if found is None:
            left_out.add(name)
        elif found.texts:
            fields[name] = found
    return LineFields(len(stamps), levels, fields, frozenset(left_out), pieces.complete)


def read_fields(stamps: StampedLines, names: Iterable[str]) -> dict[str, CodedField | None]:
    """Return the fields called `names` of all lines, which may begin with `fields.` and `syslog.` too.

    Those that the text cannot give exactly are missing, or None.
    """
    sources = {name: _names_behind(name) for name in names if is_possible(name)}
    plain = _without_colours(stamps)
    if plain is None:
        return dict.fromkeys(sources)
    wanted = wanted_in_lines(frozenset().union(*sources.values()), plain)
    pieces = FieldPieces(wanted=wanted)
    if wanted.in_contents or wanted.in_headers:
        _add_lines(stamps, plain, pieces)
    inherited = _fields_of_first_lines(stamps, ALIASES.keys() & sources)
    return {name: _field(name, stamps, pieces, inherited) for name in sources}


@lru_cache(maxsize=1000)
def _names_behind(name: str) -> frozenset[str]:
    """Return the names that the values of a field may have in lines."""
    if name.startswith(("fields.", "syslog.")):
        return frozenset((name, name[len("fields.") :]))
    return frozenset((name, *ALIASES.get(name, ()), *(["status"] if name == STATUS_CLASS else [])))


def _sources(not_read: Collection[str]) -> set[str]:
    """Return the names of fields that others are made of."""
    found = {source for name in ALIASES if name not in not_read for source in ALIASES[name]}
    return found | ({"status"} - {STATUS_CLASS if STATUS_CLASS in not_read else ""})


def _without_colours(stamps: StampedLines) -> StampedLines | None:
    """Return the lines without colours; None if one has got a stamp by that."""
    if not has_colours(stamps.text):
        return stamps
    plain = StampedLines(without_colours(stamps.text))
    return plain if numpy.array_equal(plain.stamped, stamps.stamped) else None


def _add_lines(
    stamps: StampedLines, plain: StampedLines | None, pieces: FieldPieces
) -> tuple[Array, Array]:
    """Add all fields; return the lines whose contents are objects, and lines of an access log."""
    if plain is None:
        messages = [*map(without_colours, stamps.messages_of())]
        kinds = numpy.full(len(messages), HEADER, numpy.uint8)
    else:
        messages = plain.messages_of()
        kinds, others = kinds_of_lines(plain)
        kinds[[*others]] = HEADER
    with_header = (kinds == HEADER) | (kinds == FILE)
    contents = ContentColumns(pieces)
    if with_header.any():
        rows = numpy.flatnonzero(with_header)
        if pieces.wanted and not pieces.wanted.in_headers:
            rows = rows[[*pieces.wanted.numbers_of([messages[row] for row in rows.tolist()])]]
        headers = HeaderColumns(pieces)
        headers.add(rows, [messages[row] for row in rows.tolist()])
        contents.add(numpy.concatenate([rows[:0], *headers.rows]), headers.contents, headers.apps)
        rows = numpy.flatnonzero(~with_header)
        messages = [messages[row] for row in rows.tolist()]
    else:
        rows = numpy.arange(len(messages))
    contents.add(rows, messages)
    objects, access = numpy.zeros((2, len(stamps)), bool)
    objects[numpy.concatenate([rows[:0], *contents.objects])] = True
    access[numpy.concatenate([rows[:0], *contents.access])] = True
    pieces.objects = objects
    return objects, access


def _field(
    name: str,
    stamps: StampedLines,
    pieces: FieldPieces,
    inherited: Mapping[str, CodedField | None],
) -> CodedField | None:
    """Return the field called `name`; None if its values are not exact. inherited: of the first lines."""
    lines = len(stamps)
    found_pieces = pieces.pieces(name)
    inner = name[len("fields.") :]
    if name.startswith("syslog."):
        return put_together(lines, pieces.pieces(inner, HEADER_RANK, HEADER_RANK))
    if name.startswith("fields."):
        found_pieces = [piece._replace(rank=piece.rank + _OTHER) for piece in found_pieces]
        found_pieces += pieces.pieces(inner)
        name = inner if inner in pieces.left_out else name
    if name in pieces.left_out:
        return None
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
        found_pieces += of_status.pieces(name, _OTHER)
    for index, source in enumerate(ALIASES.get(name, ())):
        others = pieces.pieces(source, PAIRS)
        if others and source in IN_LOG_RECORDS:
            has_level = _lines_with_level(stamps, pieces, others, found_pieces)
            if has_level is None:
                return None
            # The name of an event is what happened.
            has_level[numpy.concatenate([piece.rows[:0] for piece in others] + pieces.events)] = (
                False
            )
            others = [piece.where(has_level[piece.rows]) for piece in others]
        found_pieces += [piece._replace(rank=piece.rank + _OTHER * (index + 1)) for piece in others]
    if name in ALIASES and stamps.first_lines:
        of_first = inherited.get(name)
        if of_first is None:
            return None
        found_pieces += _pieces_of_first_lines(name, of_first, stamps)
    return put_together(lines, found_pieces)


def _fields_of_first_lines(
    stamps: StampedLines, names: Collection[str]
) -> dict[str, CodedField | None]:
    """Return fields of the first lines of records; None for one whose values are not exact."""
    if not (stamps.first_lines and names):
        return {}
    return read_fields(StampedLines(b"\n".join([*stamps.going_on().first_lines, b""])), names)


def _pieces_of_first_lines(name: str, field: CodedField, stamps: StampedLines) -> list[Piece]:
    """Return the values that continuation lines have from their first lines. field: of these."""
    going_on = stamps.going_on()
    rows, codes = going_on.rows, going_on.codes
    inherited = FieldPieces(())
    of_rows = field.codes[codes]
    for is_list in (False, True):
        chosen = (of_rows >= 0) & (numpy.isin(of_rows, [*field.lists]) == is_list)
        inherited.add_converted(
            name, rows[chosen], of_rows[chosen], field.texts, _FROM_FIRST_LINE, is_list=is_list
        )
    return inherited.pieces(name, _FROM_FIRST_LINE)


# Without one of these, another field, or the level, would be that of a line that lacks it.
_SOURCES = frozenset(("status", *ALIASES)).union(*ALIASES.values())
# A piece of another field has a rank below those of all before it, by this.
_OTHER = -3
# Below those under every other name.
_FROM_FIRST_LINE = -1000


def _lines_with_level(
    stamps: StampedLines, pieces: FieldPieces, asked: Iterable[Piece], known: Iterable[Piece]
) -> Array | None:
    """Return which lines have a level in a field of their content; None if that is not known.

    asked, known: pieces with the lines that matter, and with those that do not.
    """
    has_level = numpy.zeros(len(stamps), bool)
    if pieces.wanted is None:
        levels = levels_in_fields(len(stamps), pieces, pieces.objects)
        return None if levels is None else levels > 0
    for piece in asked:
        has_level[piece.rows] = True
    for piece in known:
        has_level[piece.rows] = False
    rows = numpy.flatnonzero(has_level)
    has_level[:] = False
    if not len(rows):
        return has_level
    # Few texts get here, so that others need not be read for levels.
    some = StampedLines(b"\n".join([*map(stamps.line, rows.tolist()), b""]))
    plain = _without_colours(some)
    if plain is None:
        return None
    names = level_names_in_text(plain.text)
    if names is None:
        return None
    of_levels = FieldPieces(wanted=wanted_in_lines(names, plain))
    _add_lines(some, plain, of_levels)
    levels = levels_in_fields(len(some), of_levels, of_levels.objects)
    if levels is None:
        return None
    has_level[rows] = levels > 0
    return has_level
