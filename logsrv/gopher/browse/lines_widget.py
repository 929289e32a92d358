"""The widget that lays out, searches and paints the lines of a page in a scrolling window.

It paints only the visible rows, so a menu of 100,000 lines scrolls as fast as one of ten. The text was
escaped by `display_lines`; nothing here is read as markup.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from logsrv.gopher.browse.display_lines import DisplayLine
from logsrv.gopher.browse.layout import AROUND, Breaking, Layout
from logsrv.gopher.browse.page import failure_to_show
from logsrv.gopher.browse.palette import STYLES

# Shown at the right edge of a row that continues beyond it.
_MORE = "›"
# Rows of the window above and below the page.
_FRAME_ROWS = 3
# Seconds of work on a long page; after that, waiting keys are handled before the work goes on.
SLICE = 0.01
# Lines that are made before those before them are laid out; more than the layout looks at around a line.
_AHEAD = 512
_SEARCHED_AT_ONCE = 128
_OLD_AT_ONCE = 10_000


class LinesWidget(ScrollView, can_focus=True):
    """Shows lines, with a cursor on one of them and the matches of an expression marked."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        *(f"page--{style}" for style in STYLES),
        "page--cursor",
        "page--match",
    }
    DEFAULT_CSS = (
        "".join(
            f"LinesWidget .page--{style} {{ color: ${name}; }}" for style, name in STYLES.items()
        )
        + """
    LinesWidget {
        scrollbar-size: 1 1;
        background: $background;
        .page--heading, .page--menu { text-style: bold; }
        .page--dead { text-style: strike; }
        .page--cursor { background: $block-cursor-background; color: $block-cursor-foreground; }
        .page--match { background: $warning; color: $background; }
    }
    """
    )

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._breaking: Breaking = "fit"
        self.page_layout = Layout(80)
        self._source: Iterator[DisplayLine | None] = iter(())
        self.cursor: int | None = None
        # The indices of the lines with a match, and how many lines were searched.
        self.matches: list[int] = []
        self._match: re.Pattern[str] | None = None
        self._searched = 0
        # True if all lines there are have been laid out and searched.
        self.settled = True
        # A step that waits for the layout: the function that tells whether enough is laid out, and the
        # step. Then a step that waits until all is searched, and what is called if it is dropped. Then:
        # whether a worker works on the page.
        self._then: tuple[Callable[[], bool], Callable[[], None]] | None = None
        self._search: tuple[Callable[[], object], Callable[[], object]] | None = None
        self._works = False
        # The lines of earlier pages, which are freed between keys too: 300,000 take 50 ms.
        self._old_lines: list[DisplayLine] = []

    @property
    def lines(self) -> Sequence[DisplayLine]:
        """The lines that are made already."""
        return self.page_layout.lines

    # Layout.

    # A page may arrive before this widget has a size; then the terminal's size is used.

    @property
    def _window_rows(self) -> int:
        return max(1, self.scrollable_content_region.height or self.app.size.height - _FRAME_ROWS)

    @property
    def _window_columns(self) -> int:
        return self.scrollable_content_region.width or self.app.size.width

    def _start_layout(self, lines: Iterable[DisplayLine | None]) -> None:
        self._source = iter(lines)
        self._old_lines += self.page_layout.lines
        self.page_layout = Layout(self._window_columns, self._breaking)
        self.mark("")

    def mark(self, words: str) -> None:
        """Mark all matches of `words`, ignoring case, and find the lines that have one."""
        match = re.compile(re.escape(words), re.IGNORECASE) if words else None
        if match is None or match != self._match:
            self._match, self._searched, self.matches = match, 0, []
        self._drop_steps()
        self._work()
        self.refresh()

    def _work(self) -> None:
        """Work on the page for `SLICE` seconds; a worker does the rest, between keys."""
        end = time.monotonic() + SLICE
        while not self._work_until(lambda: time.monotonic() > end) and time.monotonic() <= end:
            pass
        layout = self.page_layout
        width = layout.widest + layout.indent if layout.is_wider_than_window else 1
        self.virtual_size = Size(width, len(layout.rows))
        if self._then is not None:
            self._act_when_laid_out(*self._then)
        if self._search is not None:
            self._act_when_searched(*self._search)
        if not self._works and (self._old_lines or not self.settled):
            self._works = True
            # A defect ends the work on this page, not the browser.
            self.run_worker(self._work_on(), group="layout", exit_on_error=False)

    async def _work_on(self) -> None:
        try:
            while self._old_lines or not self.settled:
                await asyncio.sleep(0.001)
                del self._old_lines[-_OLD_AT_ONCE:]
                self._work()
                self.refresh()
        finally:
            self._works = False

    def _work_until(self, late: Callable[[], bool]) -> bool:
        """Make some lines, lay them out and search them; return true if nothing is left to do."""
        layout, match = self.page_layout, self._match
        wanted = max(0, _AHEAD - (len(layout.lines) - len(layout.first_row)))
        made: list[DisplayLine] = []
        try:
            for line in islice(iter(partial(next, self._source, None), None), wanted):
                made.append(line)
        except Exception as failure:
            made.append(DisplayLine(f"{failure_to_show(failure)}.", "problem"))
        layout.add_lines(made)
        has_more = len(made) == wanted
        # The lines around a line tell how to break it.
        layout.lay_out(late, AROUND if has_more else 0)
        while match is not None and self._searched < len(layout.lines):
            some = range(self._searched, min(len(layout.lines), self._searched + _SEARCHED_AT_ONCE))
            self.matches += [at for at in some if match.search(layout.lines[at].text)]
            self._searched = some.stop
            if late():
                break
        is_searched = match is None or self._searched == len(layout.lines)
        self.settled = not has_more and layout.is_complete and is_searched
        return self.settled

    def _act_when_laid_out(self, ready: Callable[[], bool], act: Callable[[], None]) -> None:
        """Call `act` as soon as `ready()` is true or `settled`, unless the user moves before that."""
        if ready() or self.settled:
            self._then = None
            act()
        else:
            self._then = ready, act

    def _act_when_searched(self, act: Callable[[], object], dropped: Callable[[], object]) -> None:
        """Call `act` as soon as all lines are searched; `dropped` if the user goes on before that."""
        self._search = None
        if self.settled:
            act()
        else:
            self._search = act, dropped

    def _drop_steps(self) -> None:
        """Drop the steps that wait: the user goes on."""
        search, self._then, self._search = self._search, None, None
        if search is not None:
            search[1]()

    # Painting.

    def render_line(self, y: int) -> Strip:
        left, top = self.scroll_offset
        width = self.size.width
        ground = self.rich_style
        layout = self.page_layout
        if top + y >= len(layout.rows):
            return Strip.blank(width, ground)
        index, start, end = layout.rows[top + y]
        line = layout.lines[index]
        pointed = index == self.cursor and line.leads_somewhere
        segments = self._styled_row(
            line, start, end, self._component_style("cursor") if pointed else None
        )
        strip = Strip(segments)
        room = width - layout.indent
        is_cut = strip.cell_length - left > room
        strip = strip.crop_extend(left, left + room, ground)
        if is_cut:
            strip = Strip([*strip.crop(0, room - 1), Segment(_MORE, self._component_style("note"))])
        if layout.indent:
            label = Segment(layout.gutter_text(index, start), self._component_style("label"))
            strip = Strip([label, *strip])
        return strip.apply_style(ground)

    def _component_style(self, name: str) -> Style:
        return self.get_component_rich_style(f"page--{name}", partial=True)

    def _styled_row(
        self, line: DisplayLine, start: int, end: int, over: Style | None
    ) -> list[Segment]:
        """Return a row in its style and its own colours, with matches marked."""
        style = self._component_style(line.style)
        text = Text(line.text, end="")
        # The style is set as a span, because Rich drops the base style of a text without spans.
        text.stylize(style + over if over and line.label else style)
        # The line at the cursor has only the cursor's colours: a server's could hide the cursor. Of a line
        # of a text, only the address is the link.
        for span in () if over and line.label else line.spans:
            text.stylize(over or span.style, span.start, span.end)
        if self._match is not None:
            text.highlight_regex(self._match, self._component_style("match"))
        return list(text[start:end].render(self.app.console))
