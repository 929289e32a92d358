"""Hits: the next place of a candidate in a text, and the lines that have one, without NumPy.

Apart from `numpy_search`, which finds all hits of a text at once: here each line is left after its first
hit. That is faster in a small text, and the only way for most expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from logsrv.linelog.fields.stored_line import STAMP, TIME_LENGTH
from logsrv.linelog.query.text_search.engine import Search

Find: TypeAlias = Callable[..., int]
"""The method `find` of a text, or a function like it."""
Hits: TypeAlias = Callable[[bytes, int, int], int]
"""text, start, end → the offset of the first hit in that part, or -1."""


def lines_with_hit(
    hits: Hits, text: bytes, start: int = 0, *, in_message: bool
) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line with a hit. in_message: whether the hit must be in its message."""
    find, rfind = text.find, text.rfind
    size = len(text)
    while start < size:
        at = hits(text, start, size)
        if at < 0:
            return
        start = rfind(b"\n", start, at) + 1 or start
        if start >= size:
            return
        end = find(b"\n", at)
        if end < 0:
            end = size
        # After the second space a hit is in the message, with or without a stamp.
        if (
            not in_message
            or find(b" ", start + TIME_LENGTH, at) >= 0
            or has_hit_in_message(text, start, at, end, hits)
        ):
            yield start, end
        start = end + 1


def count_lines_with_hit(hits: Hits, text: bytes, start: int = 0) -> int:
    """Return the number of lines from `start` on with a hit in their message. Faster than a generator."""
    find, rfind = text.find, text.rfind
    size = len(text)
    count = 0
    while start < size:
        at = hits(text, start, size)
        if at < 0:
            return count
        start = rfind(b"\n", start, at) + 1 or start
        if start >= size:
            return count
        end = find(b"\n", at)
        if find(b" ", start + TIME_LENGTH, at) >= 0 or has_hit_in_message(
            text, start, at, end if end >= 0 else size, hits
        ):
            count += 1
        if end < 0:
            return count
        start = end + 1
    return count


def match_start_finder(search: Search) -> Hits:
    """Return a function that finds where the next match of an expression begins."""
    return lambda text, start, end: search(text, start, end)[0]


def literal_finder(find: Find, needle: bytes) -> Hits:
    """Return a function that finds a literal."""
    return lambda text, start, end: find(needle, start, end)


def nearest_literal_finder(finds: list[tuple[Find, bytes]]) -> Hits:
    """Return a function that finds the nearest of several literals; it searches no part twice for one."""
    # The next offset of each literal; it counts only if the whole literal lies before `end`.
    following = [-1] * len(finds)

    def hits(text: bytes, start: int, end: int) -> int:
        nearest = -1
        for index, (find, needle) in enumerate(finds):
            at = following[index]
            if at < start:
                at = find(needle, start)
                following[index] = at = len(text) if at < 0 else at
            if at + len(needle) <= end and (nearest < 0 or at < nearest):
                nearest = at
        return nearest

    return hits


def has_hit_in_message(text: bytes, start: int, at: int, end: int, hits: Hits) -> bool:
    """Return whether the line's first hit, at `at`, or a later hit is in its message."""
    found = STAMP.match(text, start, end)
    return found is None or at >= found.end() or hits(text, found.end(), end) >= 0
