"""A remote file, of which some parts are here: a word index in an archive."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable


class MissingParts(Exception):
    """Parts of a file are needed that are not here. ranges: the offset and the size of each."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        super().__init__(ranges)
        self.ranges = ranges


class PartialFile:
    """A file of `size` bytes, with the parts of it that are here, each with its offset."""

    def __init__(self, size: int, parts: Iterable[tuple[int, bytes]] = ()) -> None:
        self.size = size
        self._parts = sorted(parts)

    def add(self, at: int, data: bytes) -> None:
        """Add a part."""
        self._parts.insert(bisect_right(self._parts, at, key=lambda part: part[0]), (at, data))

    def read(self, at: int, size: int) -> bytes:
        """Return `size` bytes from offset `at` on, fewer at the end of the file.

        Raises MissingParts unless one of the known parts has all of them.
        """
        size = max(0, min(size, self.size - at))
        data, start = self._around(at, size)
        if data is None:
            raise MissingParts([(at, size)])
        return data[start : start + size]

    def require(self, ranges: Iterable[tuple[int, int]]) -> None:
        """Raise MissingParts with those of the ranges that are not here."""
        missing = [one for one in ranges if self._around(*one)[0] is None]
        if missing:
            raise MissingParts(missing)

    def _around(self, at: int, size: int) -> tuple[bytes | None, int]:
        """Return a known part with these bytes in it, or None, and their offset in it."""
        if not size:
            return b"", 0
        place = bisect_right(self._parts, at, key=lambda part: part[0])
        for start, data in reversed(self._parts[:place]):
            if at + size <= start + len(data):
                return data, at - start
        return None, 0
