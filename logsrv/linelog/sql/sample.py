"""Types of fields, guessed from lines all over a store.

The type of a column has to be known before the first row is read. It is guessed from a few hundred lines of
a few frames: if all values of a field are numbers there, it is a column of numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property

from logsrv.linelog.fields.record import Record
from logsrv.linelog.fields.values import Value, number_of_value
from logsrv.linelog.query.expression import extractor
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.units import number_in_field_unit
from logsrv.linelog.read.texts import DamagedSegment
from logsrv.linelog.read.view import View
from logsrv.linelog.sql.columns import ColumnType

_FRAMES = 12
_LINES = 150
_INT64 = 1 << 63


class LineSample:
    """A sample of a store's lines, which is read when the first field is asked for."""

    def __init__(self, view: View, extractions: Sequence[Extraction] = ()) -> None:
        """extractions: of a query, whose fields have types, too."""
        self._view = view
        self._extracted = {
            name: extractor(one.pattern, [name]) for one in extractions for name in one.names
        }

    def type_of_field(self, name: str) -> ColumnType:
        """Return the type of the field called `name`; TEXT if no line of the sample has it."""
        return self._narrowest_type(name, only_numbers=True) or ColumnType.TEXT

    def type_of_number_field(self, name: str) -> ColumnType:
        """Return INTEGER or NUMBER for a field that is used as a number, even if some values are not."""
        return self._narrowest_type(name, only_numbers=False) or ColumnType.INTEGER

    def _narrowest_type(self, name: str, *, only_numbers: bool) -> ColumnType | None:
        kind = None
        for record in self._sample_records:
            value = self._value_of(record, name)
            if value is None:
                continue
            fits = type_of_value(value)
            if fits is ColumnType.TEXT:
                if only_numbers:
                    return ColumnType.TEXT
                if not isinstance(value, list) and number_in_field_unit(name, value) is not None:
                    kind = ColumnType.NUMBER
            elif kind is not ColumnType.NUMBER:
                kind = fits
        return kind

    def _value_of(self, record: Record, name: str) -> Value | None:
        extracted = self._extracted.get(name)
        return record.get(name) if extracted is None else extracted(record.body)[0]

    @cached_property
    def _sample_records(self) -> list[Record]:
        return list(self._read_sample())

    def _read_sample(self) -> Iterator[Record]:
        """Yield lines of up to 12 frames: of the last segment and of others at regular distances."""
        numbers = [segment.number for segment in self._view.segments]
        step = max(1, -(-len(numbers) // _FRAMES))
        chosen = numbers[::-1][::step]
        for number_ in chosen:
            frames = self._view.open_segment(number_)
            if frames is None:
                continue
            # Damage is skipped here: reading the store for the answer reports it.
            with frames, suppress(DamagedSegment, OSError):
                each = max(1, _FRAMES // len(chosen))
                for frame in {frames.count * part // each for part in range(each)}:
                    if frame < frames.count:
                        for _, text in frames.lines_between(*frames.frame_bounds(frame)):
                            yield from map(Record, lines_at_distances(text))


def lines_at_distances(text: bytes) -> list[bytes]:
    """Return lines of `text` at regular distances."""
    lines = text.removesuffix(b"\n").split(b"\n")
    return lines[:: max(1, len(lines) // _LINES)]


def type_of_value(value: Value) -> ColumnType:
    """Return the narrowest type that can hold `value`."""
    found = None if isinstance(value, list) else number_of_value(value)
    if found is None:
        return ColumnType.TEXT
    if found == int(found) and -_INT64 <= found < _INT64 and not isinstance(value, float):
        return ColumnType.INTEGER
    return ColumnType.NUMBER
