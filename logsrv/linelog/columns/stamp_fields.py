"""The fields of lines that are no part of the messages' content: those of the source, and the level."""

from __future__ import annotations

import numpy

from logsrv.linelog.columns.coded import CodedField
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.level import LEVELS
from logsrv.linelog.fields.level_numbers import level_numbers
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.stored_line import decode_stored, parse_source

OF_SOURCE = ("source", "name", "host", "port")


def source_fields(stamps: StampedLines) -> dict[str, CodedField]:
    """Return the fields OF_SOURCE of all lines; each different source is parsed once."""
    sources = stamps.sources()
    places = {one: place for place, one in enumerate(dict.fromkeys(sources))}
    codes: Array = numpy.full(len(stamps), -1, numpy.int32)
    codes[stamps.stamped] = [places[one] for one in sources]
    texts = [decode_stored(one) for one in places]
    found = {"source": CodedField(codes, texts)}
    parsed = [parse_source(one) for one in texts]
    for name in OF_SOURCE[1:]:
        parts = [getattr(one, name) for one in parsed]
        different = dict.fromkeys(one for one in parts if one is not None)
        of_part = {one: code for code, one in enumerate(different)}
        table = numpy.array([*(of_part.get(one, -1) for one in parts), -1], numpy.int32)
        found[name] = CodedField(table[codes], [*map(str, of_part)])
    return found


def level_field(stamps: StampedLines) -> CodedField:
    """Return the level of all lines."""
    numbers = level_numbers(stamps.text, stamps.ends).astype(numpy.int32)
    return CodedField(numbers - 1, list(LEVELS))
