"""The levels of lines whose fields are read: most are in fields of the content, or in the header."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.header_words import SEVERITIES
from logsrv.linelog.fields.level import (
    BY_SYSLOG,
    LEVEL_FIELDS,
    level_of_access_log,
    level_of_fields,
)
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.together.pieces import HEADER, PAIRS, FieldPieces, put_together

_NUMBERS = {level: number for number, level in enumerate(OF_NUMBERS)}


def levels_of_lines(
    stamps: StampedLines, pieces: FieldPieces, objects: Array, access: Array
) -> Array:
    """Return the level of each line, as `level_numbers` does.

    objects, access: the lines whose contents are JSON objects, and lines of an access log.
    """
    found = levels_in_fields(len(stamps), pieces)
    status = put_together(len(stamps), pieces.pieces("status", PAIRS))
    if found is None or status is None or not pieces.complete:
        return level_numbers(stamps.text, stamps.ends)
    said = [piece for piece in pieces.pieces("severity") if piece.rank == HEADER]
    if severity := put_together(len(stamps), said):
        of_header = [BY_SYSLOG[SEVERITIES.index(text)] for text in severity.texts]
        found = numpy.where(found == 0, _numbers(of_header)[severity.codes], found)
    of_status = _numbers([level_of_access_log(text) for text in status.texts])[status.codes]
    found = numpy.where(access & (found == 0), of_status, found)
    unknown = (found == 0) & ~objects & ~access
    for rows in pieces.events:
        # Their numbers are no severities of syslog.
        unknown[rows] = True
    others = numpy.flatnonzero(unknown)
    if len(others) == len(stamps):
        return level_numbers(stamps.text, stamps.ends)
    if len(others):
        lines = [stamps.line(row) for row in others.tolist()]
        found[others] = level_numbers(b"\n".join([*lines, b""]))
    return found


def _numbers(levels: Sequence[str | None]) -> Array:
    """Return the numbers of levels, and 0 for the code -1."""
    return numpy.array([*(_NUMBERS[level] for level in levels), 0], numpy.uint8)


def levels_in_fields(lines: int, pieces: FieldPieces) -> Array | None:
    """Return the level in the fields of each line's content, 0 for none; None if that is not sure."""
    found = numpy.zeros(lines, numpy.uint8)
    for name in LEVEL_FIELDS:
        field = put_together(lines, pieces.pieces(name, PAIRS))
        if field is None or name in pieces.left_out:
            return None
        levels = [level_of_fields({name: value}.get) for value in field.values()]
        found = numpy.where(found == 0, _numbers(levels)[field.codes], found)
    return found
