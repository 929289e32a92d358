"""Lines counted by NumPy: adjacent lines with the same time are counted at once.

It is not in `line_counts.py`, because NumPy takes a tenth of a second to load.
"""

from __future__ import annotations

from collections import Counter

import numpy

from logsrv.linelog.fields.byte_arrays import (
    Array,
    indexes_of_true,
    rows_at,
    rows_with_nonzero,
)
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, level_numbers, levels_of_records
from logsrv.linelog.fields.stamps import LineBounds
from logsrv.linelog.fields.stored_line import NO_FIRST_LINES, FirstLines

_HEAD = 32
_LEVELS = len(OF_NUMBERS)


def count_by_time_with_numpy(
    text: bytes, size: int, *, levels: bool, first_lines: FirstLines = NO_FIRST_LINES
) -> Counter[tuple[bytes, str | None]]:
    """Return the numbers of lines by their first `size` bytes (32 at most) and, if wanted, their levels."""
    raw: Array = numpy.frombuffer(text + bytes(_HEAD), numpy.uint8)
    ends = indexes_of_true(raw == ord("\n"))
    starts = numpy.concatenate(([0], ends[:-1] + 1))
    begins = _starts_of_runs(raw, starts, size)
    runs = numpy.repeat(numpy.arange(len(begins)), numpy.diff(begins, append=len(starts)))
    numbers: Array = level_numbers(text, ends) if levels else numpy.zeros(1, numpy.uint8)
    if levels and first_lines:
        numbers = levels_of_records(LineBounds(text, first_lines, ends), numbers)
    table = numpy.bincount(runs * _LEVELS + numbers, minlength=len(begins) * _LEVELS)
    found: Counter[tuple[bytes, str | None]] = Counter()
    heads = [text[start : start + size].partition(b"\n")[0] for start in starts[begins].tolist()]
    filled = numpy.flatnonzero(table)
    for index, lines in zip(filled.tolist(), table[filled].tolist(), strict=True):
        found[heads[index // _LEVELS], OF_NUMBERS[index % _LEVELS]] += lines
    return found


def _starts_of_runs(raw: Array, starts: Array, size: int) -> Array:
    """Return the indexes of the lines whose first `size` bytes differ from those of the line before."""
    mask = numpy.frombuffer(b"\xff" * size + bytes(_HEAD - size), "<u8")
    heads = rows_at(raw, starts, _HEAD).view("<u8") & mask
    differ = rows_with_nonzero(heads[1:] ^ heads[:-1])
    return numpy.concatenate(([0], numpy.flatnonzero(differ) + 1))
