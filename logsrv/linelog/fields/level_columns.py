"""The levels of lines whose fields are in columns already: most have it in one.

It is apart from `level_numbers.py`, which reads the text of lines and parses no fields.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.forms.access.one import level_of_access_log
from logsrv.linelog.fields.forms.header_words import SEVERITIES
from logsrv.linelog.fields.forms.pieces import HEADER, PAIRS, FieldPieces, put_together
from logsrv.linelog.fields.known_keys import (
    BESIDE_OF_MONGODB,
    INFO_BESIDE,
    OF_MONGODB,
    OF_SERILOG,
    ONLY_IN_OBJECTS,
    level_key,
    level_names_in_order,
)
from logsrv.linelog.fields.level.one import level_of_value
from logsrv.linelog.fields.level_names import BY_SYSLOG
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.stamps import StampedLines

_NUMBERS = {level: number for number, level in enumerate(OF_NUMBERS)}


def levels_of_lines(
    stamps: StampedLines, pieces: FieldPieces, objects: Array, access: Array
) -> Array:
    """Return the level of each line, as `level_numbers` does.

    objects, access: the lines whose contents are JSON objects, and lines of an access log.
    """
    levels = levels_in_fields(len(stamps), pieces, objects)
    status = put_together(len(stamps), pieces.pieces("status", PAIRS))
    if levels is None or status is None or not pieces.complete:
        return level_numbers(stamps.text, stamps.ends, stamps.message_starts())
    behind = numpy.zeros(len(stamps), numpy.uint8)
    said = [piece for piece in pieces.pieces("severity") if piece.rank == HEADER]
    if severity := put_together(len(stamps), said):
        of_header = [BY_SYSLOG[SEVERITIES.index(text)] for text in severity.texts]
        behind = _numbers(of_header)[severity.codes]
    of_status = _numbers([level_of_access_log(text) for text in status.texts])[status.codes]
    # The worse of both is the level of an access log.
    behind = numpy.where(access, numpy.maximum(behind, of_status), behind)
    levels = numpy.where(levels == 0, behind, levels)
    unknown = (levels == 0) & ~objects & ~access
    for rows in pieces.events:
        # Their numbers are no severities of syslog.
        unknown[rows] = True
    others = numpy.flatnonzero(unknown)
    if len(others) == len(stamps):
        return level_numbers(stamps.text, stamps.ends, stamps.message_starts())
    if len(others):
        lines = [stamps.line(row) for row in others.tolist()]
        levels[others] = level_numbers(b"\n".join([*lines, b""]))
    return levels


def _numbers(levels: Sequence[str | None]) -> Array:
    """Return the numbers of levels, and 0 for the code -1."""
    return numpy.array([*(_NUMBERS[level] for level in levels), 0], numpy.uint8)


def levels_in_fields(lines: int, pieces: FieldPieces, objects: Array) -> Array | None:
    """Return the level in the fields of each line's content, 0 for none; None if that is not sure.

    objects: the lines whose contents are JSON objects.
    """
    levels = numpy.zeros(lines, numpy.uint8)
    if not pieces.has_sources or any(map(level_key, pieces.left_out)):
        return None
    serilog = _lines_with(lines, pieces, INFO_BESIDE) & objects
    for name in level_names_in_order(pieces.names()):
        field, key = put_together(lines, pieces.pieces(name, PAIRS)), level_key(name)
        if field is None or key is None:
            return None
        numbers = _numbers([level_of_value(key, value) for value in field.values()])[field.codes]
        if key in ONLY_IN_OBJECTS:
            numbers = numpy.where(objects, numbers, 0)
        if key == OF_MONGODB:
            numbers = numpy.where(_lines_of_mongodb(lines, pieces), numbers, 0)
        elif key == OF_SERILOG:
            serilog &= field.codes < 0
        levels = numpy.where(levels == 0, numbers, levels)
    levels[serilog & (levels == 0)] = _NUMBERS["info"]
    return levels


def _lines_of_mongodb(lines: int, pieces: FieldPieces) -> Array:
    component, times = BESIDE_OF_MONGODB
    timed = numpy.logical_or.reduce([_lines_with(lines, pieces, time) for time in times])
    found: Array = _lines_with(lines, pieces, component) & timed
    return found


def _lines_with(lines: int, pieces: FieldPieces, name: str) -> Array:
    """Return which lines have this field in their content."""
    found: Array = numpy.zeros(lines, bool)
    for piece in pieces.pieces(name, PAIRS):
        found[piece.rows] = True
    return found
