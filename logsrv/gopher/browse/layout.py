"""Lines of a page as rows of a window, with a column of numbers and labels beside them.

A line that fits the window stays whole, up to 120 columns. Longer prose, and longer links, are broken
between words, at `READABLE` columns at most. Drawings and tables (by the rule in `wire/columns`, as in the
gateway) are not broken: the window scrolls sideways.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from typing import Literal

import attrs

from logsrv.gopher.browse.display_lines import DisplayLine
from logsrv.gopher.wire.columns import cell_count, shape_of

# fit: break prose, not drawings. all: break every line. none: break no line.
Breaking = Literal["fit", "all", "none"]
# Columns for prose: lines that people have broken are up to 80 wide, and much longer ones are hard to read.
READABLE = 80
# Columns. Lines up to this width were probably broken by a person; if they fit the window, they stay whole.
_HAND_MADE = 120
# To tell whether a line is prose, at most 200 lines before and after it are read, 400 characters of each.
AROUND = 200
_ENOUGH = 400
# Lines that are laid out between two calls of `until`: a line takes a few microseconds, a paragraph of long
# lines 20 ms.
_LINES_A_CHECK = 32
_NARROWEST = 8
_TAG_WIDTH = 4
_GAP = 2


@attrs.frozen
class ScrollPosition:
    """A position in a page: index of the line with the cursor, first row, first column.

    above: the number of lines that were added above the page since then. At the top they are shown, further
    down the same rows stay.
    """

    cursor: int | None = None
    top: int = 0
    left: int = 0
    above: int = 0


class Layout:
    """The rows of lines in a window.

    rows: (index of the line, start, end) of each row. first_row: the first row of each line that is laid
    out. links: the indices of the lines that lead somewhere. indent: cells of the column beside the text,
    which has the numbers and labels of links; 0 without links. widest: cells of the widest row. window:
    cells of the window; `text_width`: cells of the window without the column.
    """

    def __init__(self, width: int, breaking: Breaking = "fit") -> None:
        self.lines: list[DisplayLine] = []
        self.indent = 0
        self._known_links = 0
        # The rows beside a wider column of numbers, until they are as many as those there are.
        self._wider: Layout | None = None
        self.begin_again(width, breaking)

    def begin_again(self, width: int, breaking: Breaking) -> None:
        """Drop all rows: the window has another width, or lines are broken in another way."""
        self.window = width
        self._breaking = breaking
        if self._wider is not None:
            self.indent, self._wider = self._wider.indent, None
        self.rows: list[tuple[int, int, int]] = []
        self.first_row: list[int] = []
        self.links: list[int] = []
        self.widest = 0
        # The lines of the paragraph judged last, and whether they stay as their author broke them.
        self._judged = range(0)
        self._whole = False

    @property
    def text_width(self) -> int:
        """Return the cells for the text."""
        return max(_NARROWEST, self.window - self.indent)

    def add_lines(self, lines: Sequence[DisplayLine]) -> None:
        """Add lines at the end, for `lay_out`."""
        latest = self._wider or self
        for layout in (self, latest):
            if layout._judged.stop >= len(self.lines):
                # New lines may belong to the last paragraph.
                layout._judged = range(0)
        self.lines += lines
        self._known_links += sum(line.leads_somewhere for line in lines)
        if latest.indent or any(line.label for line in lines):
            indent = max(3, len(str(self._known_links))) + 1 + _TAG_WIDTH + _GAP
            if indent != latest.indent:
                # A wider column of numbers needs other rows; those that are seen stay until then.
                self._wider = Layout(self.window, self._breaking)
                self._wider.lines, self._wider.indent = self.lines, indent
                if not self.rows:
                    self._take_wider()

    @property
    def is_complete(self) -> bool:
        """Return true if all lines have their rows."""
        return self._wider is None and len(self.first_row) == len(self.lines)

    def lay_out(self, until: Callable[[], bool] = lambda: False, ahead: int = 0) -> None:
        """Give lines their rows: all but the last `ahead`, or some until `until()` is true."""
        if (wider := self._wider) is not None:
            known = len(self.first_row)
            wider.lay_out(lambda: until() or len(wider.first_row) >= known, ahead)
            if len(wider.first_row) < known:
                return
            self._take_wider()
        lines = self.lines
        for index in range(len(self.first_row), len(lines) - ahead):
            self._add_rows(index, lines[index])
            if not index % _LINES_A_CHECK and until():
                return

    def _take_wider(self) -> None:
        if (wider := self._wider) is not None:
            self.rows, self.first_row, self.links = wider.rows, wider.first_row, wider.links
            self.indent, self.widest = wider.indent, wider.widest
            self._judged, self._whole, self._wider = wider._judged, wider._whole, None

    @property
    def is_wider_than_window(self) -> bool:
        """Return true if a row is wider than the text's part of the window."""
        return self.widest > self.text_width

    def gutter_text(self, index: int, start: int = 0) -> str:
        """Return the text of the column beside a row that begins at character `start` of a line.

        Number and label in the first row of a link, else blanks; "" on pages without links.
        """
        if start or not self.indent:
            return " " * self.indent
        number = bisect_left(self.links, index) + 1 if self.lines[index].leads_somewhere else ""
        digits = self.indent - 1 - _TAG_WIDTH - _GAP
        return f"{number:>{digits}} {self.lines[index].label:>{_TAG_WIDTH}}{'':{_GAP}}"

    def _add_rows(self, index: int, line: DisplayLine) -> None:
        self.first_row.append(len(self.rows))
        if line.leads_somewhere:
            self.links.append(index)
        text, width = line.text, self.text_width
        # A character takes at most two cells.
        short = len(text) * (1 if text.isascii() else 2) <= width
        cells = len(text) if text.isascii() or short else cell_count(text)
        readable = min(width, READABLE) if self._breaking == "fit" else width
        if cells <= min(width, _HAND_MADE) or not self._is_wrapped(index):
            self.rows.append((index, 0, len(text)))
            self.widest = max(self.widest, cells)
        else:
            self.rows += [(index, start, end) for start, end in wrapped_pieces(text, readable)]
            self.widest = max(self.widest, readable)

    def _is_wrapped(self, index: int) -> bool:
        if self._breaking != "fit":
            return self._breaking == "all"
        if self.lines[index].label:
            return True
        if index not in self._judged:
            around = self._paragraph_around(index)
            self._judged = around
            self._whole = shape_of([self.lines[each].text[:_ENOUGH] for each in around]) != "prose"
        return not self._whole

    def _paragraph_around(self, index: int) -> range:
        """Return the lines around line `index`, up to an empty line or a link on either side."""
        first = last = index
        while first > max(0, index - AROUND) and self._is_in_paragraph(first - 1):
            first -= 1
        while last < min(len(self.lines) - 1, index + AROUND) and self._is_in_paragraph(last + 1):
            last += 1
        return range(first, last + 1)

    def _is_in_paragraph(self, index: int) -> bool:
        line = self.lines[index]
        return bool(line.text.strip()) and not line.label


def wrapped_pieces(text: str, width: int) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of pieces of at most `width` cells; only a blank at each break is left out."""
    start = 0
    while True:
        end = _end_that_fits(text, start, width)
        if end == len(text):
            yield start, end
            return
        blank = text.rfind(" ", start, end + 1)
        # A line is not broken within its leading blanks.
        if blank > start and text[start:blank].strip():
            yield start, blank
            start = blank + 1
        else:
            yield start, end
            start = end


def _end_that_fits(text: str, start: int, width: int) -> int:
    """Return the end of the longest piece from `start` on that fits `width` cells, or of one character."""
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
