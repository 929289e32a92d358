"""The levels of lines whose fields are read: of an object, and of an access log, they are in the fields."""

from __future__ import annotations

import numpy

from logsrv.linelog.columns.pieces import PAIRS, FieldPieces, put_together
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.level import LEVEL_FIELDS, level_of_access_log, level_of_fields
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers
from logsrv.linelog.fields.stamps import StampedLines

_NUMBERS = {level: number for number, level in enumerate(OF_NUMBERS)}


def levels_of_lines(
    stamps: StampedLines, pieces: FieldPieces, objects: Array, access: Array
) -> Array:
    """Return the level of each line, as `level_numbers` does.

    objects, access: which lines are a JSON object, and which of an access log, without a header.
    """
    known = objects | access
    found = _levels_in_fields(len(stamps), pieces) if known.any() else None
    if found is None or not pieces.complete:
        return level_numbers(stamps.text, stamps.ends)
    status = put_together(len(stamps), pieces.pieces("status", PAIRS))
    if status is None:
        return level_numbers(stamps.text, stamps.ends)
    of_status = [_NUMBERS[level_of_access_log(text)] for text in status.texts]
    levels = numpy.array([*of_status, 0], numpy.uint8)[status.codes]
    found = numpy.where(access & (found == 0), levels, found)
    others = numpy.flatnonzero(~known)
    if len(others):
        lines = [stamps.line(row) for row in others.tolist()]
        found[others] = level_numbers(b"\n".join([*lines, b""]))
    return found


def _levels_in_fields(lines: int, pieces: FieldPieces) -> Array | None:
    """Return the level in the fields of each line's content, 0 for none; None if that is not sure."""
    found = numpy.zeros(lines, numpy.uint8)
    for name in LEVEL_FIELDS:
        field = put_together(lines, pieces.pieces(name, PAIRS))
        if field is None or name in pieces.left_out:
            return None
        levels = [_NUMBERS[level_of_fields({name: value}.get)] for value in field.values()]
        found = numpy.where(found == 0, numpy.array([*levels, 0], numpy.uint8)[field.codes], found)
    return found
