"""Lines of a text, as the offsets of their starts and ends: all, those with a hit, the others."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.linelog.fields.stamp import STAMP, TIME_LENGTH


def lines_at(text: bytes, offsets: list[int], *, said: bool = False) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line in which one of these places is; they come in order.

    said: in whose message one is, not in the stamp.
    """
    find, rfind = text.find, text.rfind
    end = -1
    for at in offsets:
        if at > end:
            start = rfind(b"\n", max(end, 0), at) + 1
            if said and not is_said(text, start, at):
                continue
            end = find(b"\n", at)
            if end < 0:
                end = len(text)
            yield start, end


def is_said(text: bytes, start: int, at: int) -> bool:
    """Tell whether a place is in the message of the line that begins at `start`, not in its stamp."""
    # Behind the second space it is, whether there is a stamp or not.
    if text.find(b" ", start + TIME_LENGTH, at) >= 0:
        return True
    return STAMP.match(text, start) is None


def all_lines(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end, without LF, of each line; an empty one at the end needs its LF to be one."""
    start = 0
    while (end := text.find(b"\n", start)) >= 0:
        yield start, end
        start = end + 1
    if start < len(text):
        yield start, len(text)


def between(text: bytes, lines: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the lines of `text` that are not among `lines`."""
    following = next(lines, None)
    for line in all_lines(text):
        if line == following:
            following = next(lines, None)
        else:
            yield line


def number_of_lines(text: bytes) -> int:
    """Return how many lines there are, the last one with or without LF."""
    return text.count(b"\n") + (bool(text) and not text.endswith(b"\n"))
