"""A column of maps: the texts of many fields in each line, by name."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy
import pyarrow as pa

from logsrv.linelog.columns.numbers import ArrowArray
from logsrv.linelog.fields.byte_arrays import Array

_NONE = pa.array([], pa.string())


class FieldTexts(NamedTuple):
    """The texts of a field in the lines with these numbers."""

    name: str
    rows: Array
    texts: ArrowArray


def map_column(
    lines: int, fields: Iterable[FieldTexts], kind: pa.MapType | None = None
) -> pa.MapArray:
    """Return a map for each of so many lines; its names are in the order of `fields`."""
    rows, names, texts = [numpy.zeros(0, numpy.int32)], [], [_NONE]
    for one in fields:
        rows.append(one.rows.astype(numpy.int32))
        names.append(one.name)
        texts.append(one.texts)
    found = numpy.concatenate(rows)
    order = numpy.argsort(found, kind="stable")
    ends = numpy.cumsum(numpy.bincount(found, minlength=lines))
    of_names = numpy.repeat(numpy.arange(len(names), dtype=numpy.int32), [*map(len, rows[1:])])
    keys = pa.DictionaryArray.from_arrays(of_names[order], pa.array(names, pa.string()))
    return pa.MapArray.from_arrays(
        pa.array([0, *ends.tolist()], pa.int32()),
        keys.dictionary_decode(),
        pa.concat_arrays(texts).take(pa.array(order)),
        type=kind,
    )
