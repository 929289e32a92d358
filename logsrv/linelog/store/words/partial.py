"""A file that is far away, of which some parts are here: a word index in an archive."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class MissingParts(Exception):
    """Parts of a file are needed that are not here: where each begins, and its size."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        super().__init__(ranges)
        self.ranges = ranges


class PartialFile:
    """A file of `size` bytes, with the parts of it that are here, each by where it begins."""

    def __init__(self, size: int, parts: Iterable[tuple[int, bytes]] = ()) -> None:
        self.size = size
        self._parts = sorted(parts)

    def add(self, at: int, data: bytes) -> None:
        """Add a part."""
        self._parts.insert(bisect_right(self._parts, at, key=lambda part: part[0]), (at, data))

    def read(self, at: int, size: int) -> bytes:
        """Return a part, all of it within one that is here; as much as there is at the end of the file.

        Raises MissingParts.
        """
        size = max(0, min(size, self.size - at))
        data, start = self._around(at, size)
        if data is None:
            raise MissingParts([(at, size)])
        return data[start : start + size]

    def require(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Raise MissingParts with all of some ranges that are not here."""
        missing = [one for one in ranges if self._around(*one)[0] is None]
        if missing:
            raise MissingParts(missing)

    def _around(self, at: int, size: int) -> tuple[bytes | None, int]:
        """Return a part with these bytes in it, and where they begin there."""
        if not size:
            return b"", 0
        place = bisect_right(self._parts, at, key=lambda part: part[0])
        for start, data in reversed(self._parts[:place]):
            if at + size <= start + len(data):
                return data, at - start
        return None, 0
