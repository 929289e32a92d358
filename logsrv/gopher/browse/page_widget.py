"""The widget that shows a page: moving the cursor and the window by keys and mouse, and finding words."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.scrollbar import ScrollDown, ScrollTo, ScrollUp

from logsrv.gopher.browse.display_lines import DisplayLine
from logsrv.gopher.browse.guide import key_bindings
from logsrv.gopher.browse.layout import Breaking, ScrollPosition
from logsrv.gopher.browse.lines_widget import LinesWidget

# The ways of breaking lines, in the order in which the key w changes them; each with its sentence.
_BREAKING: dict[Breaking, str] = {
    "fit": "Long lines are broken, drawings and tables stay whole.",
    "all": "All long lines are broken.",
    "none": "No line is broken.",
}
# Rows per turn of the wheel.
_WHEEL = 3


class PageWidget(LinesWidget):
    """Shows lines; a click on a link opens it. Posts `Moved` when the user moves cursor or window."""

    BINDINGS: ClassVar[list[BindingType]] = [*key_bindings(of_page=True)]

    class Moved(Message):
        """The user has moved the cursor or the window, or tried to."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.found_at: int | None = None

    # Showing and finding.

    def show_lines(
        self, lines: Iterable[DisplayLine | None], position: ScrollPosition | None = None
    ) -> None:
        """Show these lines at `position`; without it, from the top with the cursor on the first link.

        Lines are taken from `lines` between keys; after None, `show_more` takes the next ones.
        """
        self.cursor = self.found_at = None
        start = position or ScrollPosition()

        def top() -> int:
            rows, first_row = self.page_layout.rows, self.page_layout.first_row
            added = first_row[start.above] if start.above < len(first_row) else len(rows)
            return start.top and start.top + added

        def arrive() -> None:
            self.scroll_to(start.left, top(), animate=False, force=True, immediate=True)
            if start.cursor is not None:
                # The link may have moved: an item of the news moves when it is read.
                self.cursor = self._find_link(start.cursor + start.above, 1, len(self.lines))
            self._keep_cursor_visible()

        self._start_layout(lines)
        self.scroll_to(0, 0, animate=False, force=True, immediate=True)
        self._act_when_laid_out(
            lambda: len(self.page_layout.rows) >= top() + self._window_rows, arrive
        )

    def show_more(self) -> None:
        """Add the lines that have come at the end; the visible rows do not move."""
        self._work()
        if self.cursor is None and self.scroll_offset.y == 0:
            self._keep_cursor_visible()
        self.refresh()

    def scroll_position(self) -> ScrollPosition:
        """Return the current position."""
        return ScrollPosition(self.cursor, self.scroll_offset.y, self.scroll_offset.x)

    @property
    def is_longer_than_window(self) -> bool:
        """Return true if the page does not fit the window."""
        return len(self.page_layout.rows) > self._window_rows

    def scroll_percent(self) -> int:
        """Return the percentage of the page's rows that end at or above the lower edge of the window."""
        if not self.page_layout.rows:
            return 100
        bottom = self.scroll_offset.y + self._window_rows
        return min(100, 100 * bottom // len(self.page_layout.rows))

    def find(
        self,
        words: str,
        then: Callable[[tuple[int, int] | None], object],
        *,
        dropped: Callable[[], object] = lambda: None,
        backward: bool = False,
        stay: bool = False,
    ) -> None:
        """Mark all matches of `words`, and go to the next line with one when all lines are searched.

        stay: whether the current line may be the one found. then: called with (the number of that line
        among the lines with a match, from 1; the number of lines with a match), or None if no line has one.
        dropped: called instead of `then` if the user moves, looks for something else or leaves the page
        before.
        """
        self.mark(words)
        here = self.found_at if self.found_at is not None else self._visible_lines()[0]

        def go() -> None:
            if not self.matches:
                then(None)
                return
            if backward:
                at = bisect_left(self.matches, here + stay) - 1
            else:
                at = bisect_left(self.matches, here + (not stay)) % len(self.matches)
            index = self.found_at = self.matches[at]
            self._scroll_to_line(index)
            if self.lines[index].leads_somewhere:
                self.cursor = index
            else:
                self._keep_cursor_visible()
            then((at % len(self.matches) + 1, len(self.matches)))

        self._act_when_searched(go, dropped)

    # Another width, another way of breaking lines.

    def _lay_out_again(self) -> None:
        top = self._visible_lines()[0]
        self.found_at = self._then = None
        self.page_layout.begin_again(self._window_columns, self._breaking)
        self._work()
        if self.lines:
            self._scroll_to_line(top, at_top=True)
        self._keep_cursor_visible()
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        before = self.cursor
        if self.page_layout.window != self._window_columns:
            self._lay_out_again()
        elif self.cursor is not None:
            # A long sentence below the page hides rows for a while: keep the line with the cursor visible.
            self._scroll_to_line(self.cursor)
        self._keep_cursor_visible()
        if self.cursor != before:
            self.post_message(self.Moved())

    def change_line_breaking(self) -> str:
        """Change to the next way of breaking lines (prose only, all, none); return its sentence."""
        ways = list(_BREAKING)
        self._breaking = ways[(ways.index(self._breaking) + 1) % len(ways)]
        self._lay_out_again()
        return _BREAKING[self._breaking]

    # Moving.

    def _visible_lines(self) -> tuple[int, int]:
        """Return the first and the last visible line; (0, -1) if there is none."""
        top = self.scroll_offset.y
        rows = self.page_layout.rows[top : top + self._window_rows] or self.page_layout.rows[-1:]
        return (rows[0][0], rows[-1][0]) if rows else (0, -1)

    def _find_link(self, index: int, step: int, limit: int) -> int | None:
        """Return the line of the first link from line `index` to `limit`, both included; None without one.

        step: 1 to look downwards, -1 upwards.
        """
        links = self.page_layout.links
        at = bisect_left(links, index if step > 0 else index + 1) - (step < 0)
        if not 0 <= at < len(links):
            return None
        found = links[at]
        return found if (found <= limit if step > 0 else found >= limit) else None

    def _keep_cursor_visible(self, step: int = 1) -> None:
        """If the cursor is not visible, move it to a visible link: Enter must open only what the user sees.

        step: 1 for the first visible link, -1 for the last.
        """
        first, last = self._visible_lines()
        if self.cursor is None or not first <= self.cursor <= last:
            begin, limit = (first, last) if step > 0 else (last, first)
            self.cursor = self._find_link(begin, step, limit)

    def _scroll_to_line(self, index: int, *, at_top: bool = False) -> None:
        def scroll() -> None:
            row, top = self.page_layout.first_row[index], self.scroll_offset.y
            if at_top:
                self.scroll_to(0, row, animate=False, immediate=True)
            else:
                self._scroll_to_row(min(row, max(top, row - self._window_rows + 1)))
            if not self.lines[index].leads_somewhere:
                self._keep_cursor_visible()

        self._act_when_laid_out(
            lambda: len(self.page_layout.rows) > self._row_below_window(index), scroll
        )

    def _row_below_window(self, index: int) -> int:
        """Return the row below a window that begins with line `index`; a huge number if not laid out."""
        first_row = self.page_layout.first_row
        return first_row[index] + self._window_rows if index < len(first_row) else 1 << 62

    def _scroll_to_row(self, row: int) -> None:
        self.scroll_to(y=row, animate=False, force=True, immediate=True)

    def put_cursor(self, index: int) -> None:
        self._drop_steps()
        self.cursor = self.found_at = index
        self._scroll_to_line(index)
        self.refresh()

    def _move_cursor_to(self, index: int | None) -> None:
        """Put the cursor on line `index`, or leave it where it is for None; post `Moved` in both cases."""
        if index is not None:
            self.put_cursor(index)
        self.post_message(self.Moved())

    def _scroll_by_rows(self, rows: int, step: int) -> None:
        self._drop_steps()
        self._scroll_to_row(self.scroll_offset.y + rows)
        self.found_at = None
        self._keep_cursor_visible(step)
        self.refresh()
        self.post_message(self.Moved())

    def action_step(self, step: int) -> None:
        """Go to the next link if it is visible or on the next line; else scroll one row."""
        first, last = self._visible_lines()
        at = self.cursor
        if at is None:
            at = first - 1 if step > 0 else last + 1
        limit = last + 1 if step > 0 else first - 1
        found = self._find_link(at + step, step, limit)
        if found is not None:
            self._move_cursor_to(found)
        else:
            self._scroll_by_rows(step, step)

    def action_next_link(self, step: int) -> None:
        """Go to the next link, even if it is far away."""
        at = self._visible_lines()[0] - (step > 0) if self.cursor is None else self.cursor
        self._move_cursor_to(self._find_link(at + step, step, len(self.lines) if step > 0 else 0))

    def action_scroll_page(self, direction: int) -> None:
        """Scroll by one window less one row, which shows the reader where he was."""
        self._scroll_by_rows(direction * max(1, self._window_rows - 1), 1)

    def action_top_or_bottom(self, step: int) -> None:
        """Go to the bottom (1) or the top (-1), with the cursor on the nearest link."""
        self.cursor = None
        self._scroll_by_rows(step * len(self.page_layout.rows), -step)
        if step > 0 and not self.settled:
            self._then = (lambda: False, lambda: self.action_top_or_bottom(step))

    def action_shift(self, cells: int) -> None:
        self.scroll_to(x=self.scroll_offset.x + cells, animate=False, immediate=True)

    # The mouse.

    async def on_click(self, event: events.Click) -> None:
        rows, row = self.page_layout.rows, self.scroll_offset.y + event.y
        if event.button == 1 and row < len(rows) and self.lines[rows[row][0]].leads_somewhere:
            self._move_cursor_to(rows[row][0])
            await self.app.run_action("app.open")

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        self._scroll_by_mouse(event, _WHEEL)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        self._scroll_by_mouse(event, -_WHEEL)

    # The scrollbar of the page: its handle is dragged, or the bar clicked.

    def _on_scroll_to(self, message: ScrollTo) -> None:
        if message.x is not None:
            self.action_shift(round(message.x) - self.scroll_offset.x)
        rows = 0 if message.y is None else round(message.y) - self.scroll_offset.y
        self._scroll_by_mouse(message, rows)

    def _on_scroll_up(self, event: ScrollUp) -> None:
        self._scroll_by_mouse(event, 1 - self._window_rows)

    def _on_scroll_down(self, event: ScrollDown) -> None:
        self._scroll_by_mouse(event, self._window_rows - 1)

    def _scroll_by_mouse(self, message: Message, rows: int) -> None:
        # `ScrollView` would scroll as well.
        message.stop().prevent_default()
        if rows:
            self._scroll_by_rows(rows, 1 if rows > 0 else -1)
