"""The fields of lines that are no part of the messages' content: those of the source, and the level."""

from __future__ import annotations

import numpy
import pyarrow as pa

from logsrv.linelog.fields.byte_arrays import Array, rows_at
from logsrv.linelog.fields.coded import CodedField
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.fields.level_numbers import levels_of_records
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import OF_SOURCE, TIME_LENGTH, decode_stored, parse_source

# Bytes. Nearly all sources are shorter.
_WIDTH = 40


def source_fields(stamps: StampedLines) -> dict[str, CodedField]:
    """Return the fields OF_SOURCE of all lines; each different source is parsed once."""
    known, stored = _different_sources(stamps)
    codes: Array = numpy.full(len(stamps), -1, numpy.int32)
    codes[stamps.stamped] = known
    texts = [decode_stored(one) for one in stored]
    found = {"source": CodedField(codes, texts)}
    parsed = [parse_source(one) for one in texts]
    for name in OF_SOURCE[1:]:
        parts = [getattr(one, name) for one in parsed]
        different = dict.fromkeys(one for one in parts if one is not None)
        of_part = {one: code for code, one in enumerate(different)}
        table = numpy.array([*(of_part.get(one, -1) for one in parts), -1], numpy.int32)
        found[name] = CodedField(table[codes], [*map(str, of_part)])
    return found


def _different_sources(stamps: StampedLines) -> tuple[Array, list[bytes]]:
    """Return for each stamped line the code of its SOURCE, and the different ones."""
    starts = stamps.starts[stamps.stamped] + TIME_LENGTH
    sizes = stamps.messages[stamps.stamped] - 1 - starts
    if not len(sizes) or sizes.max() > _WIDTH:
        sources = stamps.sources()
        numbers = {one: number for number, one in enumerate(dict.fromkeys(sources))}
        return numpy.array([numbers[one] for one in sources], numpy.int32), list(numbers)
    width = int(sizes.max())
    text = stamps.text if starts[-1] + width <= len(stamps.text) else stamps.text + bytes(width)
    # By size: which bytes of a row are kept, and spaces behind them. No source has a space.
    kept: Array = numpy.tri(width + 1, width, -1, numpy.uint8) * numpy.uint8(255)
    rows = rows_at(numpy.frombuffer(text, numpy.uint8), starts, width)
    rows = rows & kept[sizes] | (~kept & numpy.uint8(ord(" ")))[sizes]
    column = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(width), len(rows), [None, pa.py_buffer(rows)]
    ).dictionary_encode()
    stored = [one.rstrip(b" ") for one in column.dictionary.to_pylist()]
    return column.indices.to_numpy(), stored


def level_field(stamps: StampedLines) -> CodedField:
    """Return the level of all lines."""
    numbers = levels_of_records(stamps).astype(numpy.int32)
    return CodedField(numbers - 1, list(LEVELS))
