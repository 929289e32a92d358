"""Lines of a text, as offsets of their starts and ends: all lines, lines with a hit, lines without."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.linelog.fields.stored_line import STAMP, TIME_LENGTH


def line_spans_at(
    text: bytes, offsets: list[int], *, in_message: bool = False
) -> Iterator[tuple[int, int]]:
    """Yield start and end of each line that contains one of the sorted `offsets`.

    in_message: whether one of them must be in the message, not in the stamp.
    """
    find, rfind = text.find, text.rfind
    end = -1
    for at in offsets:
        if at > end:
            start = rfind(b"\n", max(end, 0), at) + 1
            if in_message and not is_in_message(text, start, at):
                continue
            end = find(b"\n", at)
            if end < 0:
                end = len(text)
            yield start, end


def is_in_message(text: bytes, start: int, at: int) -> bool:
    """Return whether offset `at` is in the message, not the stamp, of the line that begins at `start`."""
    # After the second space it is in the message, with or without a stamp.
    if text.find(b" ", start + TIME_LENGTH, at) >= 0:
        return True
    return STAMP.match(text, start) is None


def all_line_spans(text: bytes) -> Iterator[tuple[int, int]]:
    """Yield start and end, without LF, of each line. An empty last line counts only with its LF."""
    start = 0
    while (end := text.find(b"\n", start)) >= 0:
        yield start, end
        start = end + 1
    if start < len(text):
        yield start, len(text)


def other_line_spans(text: bytes, lines: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the lines of `text` that are not among `lines`."""
    following = next(lines, None)
    for line in all_line_spans(text):
        if line == following:
            following = next(lines, None)
        else:
            yield line


def number_of_lines(text: bytes) -> int:
    """Return the number of lines; the last one may lack its LF."""
    return text.count(b"\n") + (bool(text) and not text.endswith(b"\n"))
