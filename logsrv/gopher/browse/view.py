"""The widget that shows a page: lines in a scrolling window, a cursor on links, matches marked.

It paints only the rows that are visible, so a menu of a hundred thousand lines scrolls like one of
ten. What it paints was escaped by `lines`; nothing here is ever read as markup.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import ClassVar

import attrs
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from logsrv.gopher.browse.lines import LABEL_WIDTH, Line
from logsrv.gopher.browse.wrap import rows_of

# Rows per turn of the wheel.
_WHEEL = 3
_STYLES = (
    *("plain", "information", "heading", "dim", "note", "problem", "dead"),
    *("text", "menu", "search", "media", "session", "outside", "file"),
)


@attrs.define(frozen=True, slots=True)
class Position:
    """A position in a page: index of the line with the cursor, first row, first column."""

    cursor: int | None = None
    top: int = 0
    left: int = 0


class PageView(ScrollView, can_focus=True):
    """Shows `Line`s. Posts `Opened` for Enter or a click on a link, `Pointed` when the cursor moves."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"page--{style}" for style in _STYLES),
        "page--label",
        "page--cursor",
        "page--match",
    }
    DEFAULT_CSS = """
    PageView {
        scrollbar-size: 1 1;
        background: $background;
        .page--plain, .page--information { color: $foreground; }
        .page--heading { color: $primary; text-style: bold; }
        .page--dim, .page--dead, .page--label { color: $page-dim; }
        .page--dead { text-style: strike; }
        .page--note { color: $warning; }
        .page--problem { color: $error; }
        .page--text { color: $page-text; }
        .page--menu { color: $page-menu; text-style: bold; }
        .page--search { color: $page-search; }
        .page--media { color: $page-media; }
        .page--session { color: $page-session; }
        .page--outside { color: $page-outside; }
        .page--file { color: $page-file; }
        .page--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        .page--match { background: $warning; color: $background; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "next", "Next link", show=False),
        Binding("up,k", "previous", "Previous link", show=False),
        Binding("tab", "next_link", "Next link", show=False),
        Binding("shift+tab", "previous_link", "Previous link", show=False),
        Binding("pagedown,space", "page(1)", "Page down", show=False),
        Binding("pageup,shift+space", "page(-1)", "Page up", show=False),
        Binding("home", "top", "Top", show=False),
        Binding("end,G", "bottom", "Bottom", show=False),
        Binding("enter,right", "open", "Open", key_display="Enter"),
        Binding("less_than_sign", "sideways(-8)", "Left", show=False),
        Binding("greater_than_sign", "sideways(8)", "Right", show=False),
        Binding("w", "wrap", "Wrap long lines", show=False),
    ]

    class Opened(Message):
        """The user wants what the line `index` leads to."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    class Pointed(Message):
        """The cursor or the window has moved."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._rows: list[tuple[int, str]] = []
        self._first_row: list[int] = []
        self._indent = 0
        self._wrapped_at = 0
        self._wrap = True
        self._match: re.Pattern[str] | None = None
        self._found_at: int | None = None
        self.cursor: int | None = None

    # What the browser calls.

    def show(self, lines: Sequence[Line], position: Position | None = None) -> None:
        """Show these lines; without `position` from their top, with the cursor on the first link."""
        self._lines = lines
        # Only pages with links have a column of labels, so that texts keep all of the width.
        self._indent = LABEL_WIDTH + 2 if any(line.label for line in lines) else 0
        self._match = None
        self.cursor = None
        self._lay_out()
        place = position or Position()
        self.scroll_to(place.left, place.top, animate=False, force=True, immediate=True)
        if place.cursor is not None and place.cursor < len(lines):
            self.cursor = place.cursor
        elif place.top == 0:
            self.cursor = self._link_from(0, 1, self._last_visible_line())
        self.refresh()

    def position(self) -> Position:
        """The position of the user now."""
        return Position(self.cursor, self.scroll_offset.y, self.scroll_offset.x)

    @property
    def lines(self) -> Sequence[Line]:
        """The lines that are shown."""
        return self._lines

    def percent(self) -> int:
        """Return how much of the page is above the lower edge of the window."""
        if not self._rows:
            return 100
        bottom = self.scroll_offset.y + self._height
        return min(100, 100 * bottom // len(self._rows))

    def find(self, words: str, *, backward: bool = False, stay: bool = False) -> bool:
        """Mark all places with `words`, in any case, and go to the next line that has one.

        With `stay` the line at the cursor counts as the next one. Returns whether there is any.
        """
        self._match = re.compile(re.escape(words), re.IGNORECASE) if words else None
        self.refresh()
        if self._match is None or not self._lines:
            return False
        count, step = len(self._lines), -1 if backward else 1
        here = self._found_at if self._found_at is not None else self._first_visible_line()
        start = here if stay else here + step
        for distance in range(count):
            index = (start + step * distance) % count
            if self._match.search(self._lines[index].text):
                self._go_to(index)
                return True
        return False

    def _go_to(self, index: int) -> None:
        self._found_at = index
        if self._lines[index].leads_somewhere:
            self.cursor = index
        self._reveal(index)
        self.refresh()

    # Layout.

    @property
    def _height(self) -> int:
        return max(1, self.scrollable_content_region.height)

    def _lay_out(self) -> None:
        width = max(8, self.scrollable_content_region.width - self._indent)
        self._wrapped_at = width
        self._found_at = None
        rows: list[tuple[int, str]] = []
        first: list[int] = []
        widest = 0
        for index, line in enumerate(self._lines):
            first.append(len(rows))
            text = line.text
            if len(text) <= width and text.isascii():
                rows.append((index, text))
            elif self._wrap:
                rows += [(index, piece) for piece in rows_of(text, width)]
            else:
                rows.append((index, text))
                widest = max(widest, len(text) if text.isascii() else cell_len(text))
        self._rows, self._first_row = rows, first
        self.virtual_size = Size(widest + self._indent if widest > width else 1, len(rows))

    def on_resize(self, event: events.Resize) -> None:
        if max(8, self.scrollable_content_region.width - self._indent) != self._wrapped_at:
            top = self._first_visible_line() if self._rows else 0
            self._lay_out()
            if self._lines:
                self.scroll_to(y=self._first_row[top], animate=False, immediate=True)
            self.refresh()

    def action_wrap(self) -> None:
        """Break long lines, or show them as they are."""
        self._wrap = not self._wrap
        top = self._first_visible_line() if self._rows else 0
        self._lay_out()
        if self._lines:
            self.scroll_to(0, self._first_row[top], animate=False, immediate=True)
        self.refresh()

    # Moving.

    def _first_visible_line(self) -> int:
        row = min(self.scroll_offset.y, len(self._rows) - 1)
        return self._rows[row][0] if row >= 0 else 0

    def _last_visible_line(self) -> int:
        row = min(self.scroll_offset.y + self._height, len(self._rows)) - 1
        return self._rows[row][0] if row >= 0 else -1

    def _link_from(self, index: int, step: int, limit: int) -> int | None:
        """The first line that leads somewhere from `index` on, up to `limit` with it."""
        while 0 <= index < len(self._lines) and (index <= limit if step > 0 else index >= limit):
            if self._lines[index].leads_somewhere:
                return index
            index += step
        return None

    def _reveal(self, index: int) -> None:
        row = self._first_row[index]
        top = self.scroll_offset.y
        if row < top:
            self._scroll_rows(row - top)
        elif row >= top + self._height:
            self._scroll_rows(row - top - self._height + 1)

    def _scroll_rows(self, count: int) -> None:
        self.scroll_to(y=self.scroll_offset.y + count, animate=False, force=True, immediate=True)

    def _point_at(self, index: int | None) -> None:
        if index is not None:
            self.cursor = self._found_at = index
            self._reveal(index)
            self.refresh()
        self.post_message(self.Pointed())

    def _step(self, step: int) -> None:
        """Go to the next link if it is in sight or just beyond; else one row further."""
        first, last = self._first_visible_line(), self._last_visible_line()
        at = self.cursor
        if at is None or not first <= at <= last:
            at = first - 1 if step > 0 else last + 1
        limit = last + 1 if step > 0 else first - 1
        found = self._link_from(at + step, step, limit)
        if found is not None:
            self._point_at(found)
        else:
            self._scroll_rows(step)
            self._point_at(None)

    def action_next(self) -> None:
        self._step(1)

    def action_previous(self) -> None:
        self._step(-1)

    def action_next_link(self) -> None:
        at = -1 if self.cursor is None else self.cursor
        self._point_at(self._link_from(at + 1, 1, len(self._lines)))

    def action_previous_link(self) -> None:
        at = len(self._lines) if self.cursor is None else self.cursor
        self._point_at(self._link_from(at - 1, -1, 0))

    def action_page(self, direction: int) -> None:
        """Go one window further, less a row to keep the place by."""
        self._scroll_rows(direction * max(1, self._height - 1))
        first, last = self._first_visible_line(), self._last_visible_line()
        if self.cursor is None or not first <= self.cursor <= last:
            self.cursor = self._link_from(first, 1, last)
        self._found_at = None
        self.refresh()
        self.post_message(self.Pointed())

    def action_top(self) -> None:
        self._scroll_rows(-len(self._rows))
        self._found_at = None
        self._point_at(self._link_from(0, 1, self._last_visible_line()))

    def action_bottom(self) -> None:
        self._scroll_rows(len(self._rows))
        self._found_at = None
        self._point_at(self._link_from(len(self._lines) - 1, -1, self._first_visible_line()))

    def action_sideways(self, cells: int) -> None:
        self.scroll_to(x=self.scroll_offset.x + cells, animate=False, immediate=True)

    def action_open(self) -> None:
        if self.cursor is not None and self._lines[self.cursor].leads_somewhere:
            self.post_message(self.Opened(self.cursor))

    # The mouse.

    def _line_at(self, event: events.MouseEvent) -> int | None:
        row = self.scroll_offset.y + event.y
        if 0 <= row < len(self._rows) and self._lines[self._rows[row][0]].leads_somewhere:
            return self._rows[row][0]
        return None

    def on_click(self, event: events.Click) -> None:
        if event.button == 1 and (index := self._line_at(event)) is not None:
            self._point_at(index)
            self.post_message(self.Opened(index))

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        # Or the widget this one is made of scrolls too.
        event.prevent_default()
        self._scroll_rows(_WHEEL)
        self.post_message(self.Pointed())

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        event.prevent_default()
        self._scroll_rows(-_WHEEL)
        self.post_message(self.Pointed())

    # Painting.

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width = self.size.width
        ground = self.rich_style
        if top + y >= len(self._rows):
            return Strip.blank(width, ground)
        index, text = self._rows[top + y]
        line = self._lines[index]
        if line.cells:
            return Strip(line.cells).adjust_cell_length(width, ground)
        pointed = index == self.cursor and line.leads_somewhere
        over = self._component("cursor") if pointed else None
        segments = self._marked(text, self._component(line.style), over)
        if self._indent:
            label = line.label if top + y == self._first_row[index] else ""
            gutter = Segment(f"{label:>{LABEL_WIDTH}}  ", self._component("label"))
            segments.insert(0, gutter)
        strip = Strip(segments).crop_extend(left, left + width, ground)
        return strip.apply_style(ground)

    def _component(self, name: str) -> Style:
        return self.get_component_rich_style(f"page--{name}", partial=True)

    def _marked(self, text: str, style: Style, over: Style | None) -> list[Segment]:
        """`text` in its style, with what is looked for marked."""
        if over is not None:
            style += over
        if self._match is None:
            return [Segment(text, style)]
        match_style = style + self._component("match")
        segments, end = [], 0
        for found in self._match.finditer(text):
            segments.append(Segment(text[end : found.start()], style))
            segments.append(Segment(found[0], match_style))
            end = found.end()
        segments.append(Segment(text[end:], style))
        return [segment for segment in segments if segment.text]
