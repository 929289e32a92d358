"""Lines into rows of a window: broken between words, by cells and not by characters."""

from __future__ import annotations

from collections.abc import Iterator


def pieces(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Cuts of `text` (start, end) such that each piece takes at most `width` cells; only blanks at
    the breaks are left out.
    """
    start = 0
    while True:
        end = _fits(text, start, width)
        if end == len(text):
            yield start, end
            return
        blank = text.rfind(" ", start, end + 1)
        # A line drawn with blanks in front is not broken inside of them.
        if blank > start and text[start:blank].strip():
            yield start, blank
            start = blank + 1
        else:
            yield start, end
            start = end


def _fits(text: str, start: int, width: int) -> int:
    """The end of the longest piece from `start` on that takes `width` cells; one character at least."""
    end = min(len(text), start + width)
    if text.isascii():
        return max(end, min(start + 1, len(text)))
    from rich.cells import cell_len, get_character_cell_size  # 10 ms that ASCII need not wait for

    if cell_len(text[start:end]) <= width and end == len(text):
        return end
    used, position = 0, start
    while position < len(text):
        used += get_character_cell_size(text[position])
        if used > width and position > start:
            break
        position += 1
    return position
