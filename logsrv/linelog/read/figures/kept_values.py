"""Measures of groups of lines other than numbers: different values, the first or last one, times."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy

from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.fields.byte_arrays import Array
from logsrv.linelog.read.figures.numbers import MOST_DISTINCT, AtLeast


class DistinctValues:
    """The hashes of a field's different values: 64 bits of each, so 100,000 values make no two equal."""

    def __init__(self) -> None:
        self._packed: list[bytes] = []
        self._many = self._least = 0
        self._is_bound = self._is_full = False

    def __bool__(self) -> bool:
        """Return whether there are any values."""
        return self._many + self._least > 0

    def __len__(self) -> int:
        """Return how many hashes are in memory."""
        return self._many

    def add(self, packed: bytes) -> None:
        """Add hashes, of which some may be known."""
        if not self._is_full:
            self._packed.append(packed)
            self._many += len(packed) // 8

    def add_values(self, other: DistinctValues) -> None:
        """Add the values of other lines."""
        for packed in other._packed:
            self.add(packed)
        self._least = max(self._least, other._least)
        self._is_bound |= other._is_bound
        self._is_full |= other._is_full

    def compress(self, most: int) -> None:
        """Keep each hash once, and `most` at most."""
        values = self._values()
        self._least = min(max(self._least, len(values)), MOST_DISTINCT)
        self._is_full |= len(values) > MOST_DISTINCT
        self._is_bound |= len(values) > most
        kept = values[: 0 if self._is_full else most]
        self._packed, self._many = [kept.tobytes()], len(kept)

    def _values(self) -> Array:
        return numpy.unique(numpy.frombuffer(b"".join(self._packed), numpy.int64))

    def figure(self, function: str) -> int:
        """Return the number of different values, or an `AtLeast`."""
        many = max(self._least, len(self._values()))
        is_bound = self._is_bound or many > MOST_DISTINCT
        return AtLeast(min(many, MOST_DISTINCT)) if is_bound else many


class EdgeValue:
    """The first or last value of a field. by_time: whether lines are in the order of their times.

    Otherwise they are added in their order.
    """

    def __init__(self, *, is_last: bool, by_time: bool) -> None:
        self._is_last, self._by_time = is_last, by_time
        self._text: str | None = None
        self._moment = 0

    def __bool__(self) -> bool:
        """Return whether there is a value."""
        return self._text is not None

    def add(self, row: int, moment: int, text: str) -> None:
        """Add the first or last value of more lines. row: by which `joined` orders lines of a part."""
        # Lines with the same time are added in their order.
        is_later = moment >= self._moment if self._by_time else True
        if self._text is None or is_later is self._is_last:
            self._moment, self._text = moment, text

    def figure(self, function: str) -> str | None:
        """Return the value; None if there is none."""
        return self._text


class TimeSpan:
    """The smallest and the largest time of lines."""

    def __init__(self) -> None:
        self._bounds: tuple[int, int] | None = None

    def __bool__(self) -> bool:
        """Return whether there is a time."""
        return self._bounds is not None

    def add(self, *bounds: int) -> None:
        """Add the smallest and the largest time of more lines, in microseconds since 1970."""
        known = (*bounds, *(self._bounds or ()))
        self._bounds = min(known), max(known)

    def figure(self, function: str) -> str | None:
        """Return the time as text; None if no line has one."""
        if self._bounds is None:
            return None
        return exact_rfc3339(self._bounds[function == "max"])


GroupValue: TypeAlias = DistinctValues | EdgeValue | TimeSpan


class KeptValues:
    """A measure of groups, which have numbers from 0 on. new: makes that of a group."""

    def __init__(self, new: Callable[[], GroupValue]) -> None:
        self._new = new
        self._values: dict[int, Any] = {}

    def __bool__(self) -> bool:
        """Return whether a group has the measure."""
        return any(self._values.values())

    def add(self, groups: Sequence[int], measured: Iterable[Any]) -> None:
        """Add the measures of more lines in some groups."""
        for group, one in zip(groups, measured, strict=True):
            if group not in self._values:
                self._values[group] = self._new()
            self._values[group].add(*one)

    def keep(self, groups: Sequence[int]) -> None:
        """Forget all groups but these, which get the numbers from 0 on in this order."""
        kept = enumerate(map(self._values.get, groups))
        self._values = {number: value for number, value in kept if value is not None}

    def figures(self, function: str, groups: int) -> list[str | int | None]:
        """Return a figure of so many groups."""
        none = self._new().figure(function)
        known = map(self._values.get, range(groups))
        return [none if one is None else one.figure(function) for one in known]


class KeptDistinct(KeptValues):
    """The different values of groups. size: how many hashes are in memory."""

    def __init__(self) -> None:
        super().__init__(DistinctValues)
        self.size = 0

    def add(self, groups: Sequence[int], measured: Iterable[Any]) -> None:
        known = list(measured)
        super().add(groups, known)
        self.size += sum(len(packed) for (packed,) in known) // 8

    def keep(self, groups: Sequence[int]) -> None:
        super().keep(groups)
        self._count()

    def compress(self, most: int) -> None:
        """Keep each hash of a group once, and `most` of a group at most."""
        for one in self._values.values():
            one.compress(most)
        self._count()

    def _count(self) -> None:
        self.size = sum(map(len, self._values.values()))
