"""The first lines of records as an index keeps them, for the lines of several frames at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.fields.coded_first_lines import CodedFirstLines
from logsrv.linelog.fields.stamps import LineBounds
from logsrv.linelog.store.index.segment_index import Index


def kept_first_lines(
    index: Index, first: int, texts: Sequence[bytes], lines: LineBounds
) -> CodedFirstLines | None:
    """Return the first lines of the continuation lines of frames from number `first` on.

    texts: of the frames. lines: the whole lines of these. None if the index does not keep them, or keeps
    those of other lines.
    """
    rows: list[Array] = [_NONE]
    codes: list[Array] = [_NONE]
    begins: list[Array] = [_NONE]
    first_lines: list[bytes] = []
    size = 0
    for number, text in enumerate(texts, first):
        kept = index.continuations_of_frame(number)
        if kept is None:
            return None
        counts: Array = numpy.array(kept.counts, numpy.intp)
        runs = _rows_behind(kept.runs, lines, size)
        heads = _rows_behind(kept.starts, lines, size)
        size += len(text)
        if runs is None or heads is None or _end_beyond(runs, counts, lines, size):
            return None
        before = numpy.cumsum(counts) - counts
        rows.append(numpy.repeat(runs - before, counts) + numpy.arange(counts.sum()))
        codes.append(numpy.repeat(numpy.array(kept.numbers, numpy.intp), counts) + len(first_lines))
        begins += numpy.full(len(kept.before), -1), lines.starts[heads]
        first_lines += [*kept.before, *map(lines.line, heads.tolist())]
    starts = lines.starts[numpy.concatenate(rows)]
    return CodedFirstLines(starts, numpy.concatenate(codes), first_lines, numpy.concatenate(begins))


_NONE: Array = numpy.zeros(0, numpy.intp)


def _rows_behind(ends: Sequence[int], lines: LineBounds, size: int) -> Array | None:
    """Return the numbers of the lines behind these LFs of a text at `size`; None if not all are such."""
    starts: Array = numpy.array(ends, numpy.intp) + (size + 1)
    rows: Array = numpy.searchsorted(lines.starts, starts)
    if len(rows) and (rows[-1] == len(lines) or (lines.starts[rows] != starts).any()):
        return None
    return rows


def _end_beyond(runs: Array, counts: Array, lines: LineBounds, size: int) -> bool:
    """Return whether runs of so many lines are not one behind the other, or end behind a text of `size`."""
    ends = runs + counts
    if (ends[:-1] > runs[1:]).any():
        return True
    return bool(len(ends) and (ends[-1] > len(lines) or lines.ends[ends[-1] - 1] >= size))
