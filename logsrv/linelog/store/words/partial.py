"""A remote file of which only some parts were fetched: a word index in an archive."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class MissingParts(Exception):
    """Needed parts of a file were not fetched. ranges: the offset and the size of each."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        super().__init__(ranges)
        self.ranges = ranges


class PartialFile:
    """A file of `size` bytes, and its fetched parts, each with its offset."""

    def __init__(self, size: int, parts: Iterable[tuple[int, bytes]] = ()) -> None:
        self.size = size
        self._parts = sorted(parts)

    def add(self, at: int, data: bytes) -> None:
        """Add a part."""
        self._parts.insert(bisect_right(self._parts, at, key=lambda part: part[0]), (at, data))

    def read(self, at: int, size: int) -> bytes:
        """Return `size` bytes from offset `at` on, or fewer at the end of the file.

        Raises MissingParts unless a single fetched part has all of them.
        """
        size = max(0, min(size, self.size - at))
        data, start = self._find_part(at, size)
        if data is None:
            raise MissingParts([(at, size)])
        return data[start : start + size]

    def require_fetched(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Raise MissingParts with the ranges that were not fetched, if any."""
        missing = [one for one in ranges if self._find_part(*one)[0] is None]
        if missing:
            raise MissingParts(missing)

    def _find_part(self, at: int, size: int) -> tuple[bytes | None, int]:
        """Return a fetched part that has these bytes, or None, and their offset in the part."""
        if not size:
            return b"", 0
        place = bisect_right(self._parts, at, key=lambda part: part[0])
        for start, data in reversed(self._parts[:place]):
            if at + size <= start + len(data):
                return data, at - start
        return None, 0
