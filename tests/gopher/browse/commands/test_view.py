"""The page area: where the cursor goes, what is painted, and how long lines are broken."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.pilot import Pilot
from textual.scrollbar import ScrollTo

from logsrv.gopher.browse.app import DARK
from logsrv.gopher.browse.commands import view as view_module
from logsrv.gopher.browse.commands.view import PageView
from logsrv.gopher.browse.content.colours import ColouredSpan, SpanStyle
from logsrv.gopher.browse.content.layout import ScrollPosition
from logsrv.gopher.browse.content.page_lines import PageLine
from logsrv.gopher.wire.menu import MenuItem
from tests.gopher.conftest import until

pytestmark = pytest.mark.slow


class Frame(App[None]):
    CSS = "PageView { scrollbar-size: 0 0; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open"), Binding("w", "break")]

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.view = PageView()
        self.opened: list[int] = []
        self.pointed = 0

    def compose(self) -> ComposeResult:
        yield self.view

    def action_open(self) -> None:
        if self.view.cursor is not None:
            self.opened.append(self.view.cursor)

    def action_break(self) -> None:
        self.view.change_line_breaking()

    def on_page_view_moved(self) -> None:
        self.pointed += 1

    def rows(self) -> list[str]:
        height = self.view.size.height
        return [self.view.render_line(y).text.rstrip() for y in range(height)]


def link(text: str) -> PageLine:
    return PageLine(text, "menu", "menu", MenuItem("1", text.encode()))


@asynccontextmanager
async def framed(
    lines: Sequence[PageLine], size: tuple[int, int] = (40, 10)
) -> AsyncIterator[tuple[Frame, Pilot[None]]]:
    frame = Frame()
    async with frame.run_test(size=size) as pilot:
        frame.view.focus()
        frame.view.show_lines(lines)
        await pilot.pause()
        yield frame, pilot


MENU = [
    PageLine("Welcome", "information"),
    link("one"),
    PageLine("between"),
    link("two"),
    link("three"),
]
LONG_MENU = [link(f"item {number}") for number in range(100)]
TEXT = [PageLine(f"line {number}") for number in range(100)]


async def test_items_are_aligned_beside_their_types():
    async with framed(MENU) as (frame, _):
        assert frame.rows()[:4] == [
            "          Welcome",
            "  1 menu  one",
            "          between",
            "  2 menu  two",
        ]


async def test_a_text_has_all_of_the_width():
    async with framed([PageLine("x" * 40), PageLine("")]) as (frame, _):
        assert frame.rows()[:2] == ["x" * 40, ""]


async def test_the_cursor_goes_from_link_to_link():
    async with framed(MENU) as (frame, pilot):
        seen = [frame.view.cursor]
        for key in ("down", "j", "down", "up", "k", "tab", "shift+tab", "end", "home"):
            await pilot.press(key)
            seen.append(frame.view.cursor)
        assert seen == [1, 3, 4, 4, 3, 1, 3, 1, 4, 1]
        await pilot.press("enter")
        assert frame.opened == [1]


async def test_whoever_finds_words_has_the_last_word_about_it():
    """No news of the cursor comes after it, which would wipe out what the browser says."""

    async with framed(MENU) as (frame, pilot):
        assert frame.view.mark_and_find("two")
        await pilot.pause()
        assert (frame.view.cursor, frame.pointed) == (3, 0)
        await pilot.press("down")
        assert (frame.view.cursor, frame.pointed) == (4, 1)


async def test_the_window_follows_the_cursor():
    async with framed(LONG_MENU) as (frame, pilot):
        for _ in range(12):
            await pilot.press("down")
        assert frame.view.scroll_position() == ScrollPosition(12, 3, 0)
        await pilot.press("space")
        assert frame.view.scroll_position() == ScrollPosition(12, 12, 0)
        await pilot.press("space")
        assert frame.view.scroll_position() == ScrollPosition(21, 21, 0)
        await pilot.press("end")
        assert frame.view.scroll_position() == ScrollPosition(99, 90, 0)
        assert frame.view.scroll_percent() == 100


async def test_links_out_of_sight_are_not_jumped_to():
    """Reading a long text between two links goes row by row."""

    async with framed([link("first"), *TEXT[:50], link("last")]) as (frame, pilot):
        await pilot.press("down")
        assert frame.view.scroll_position() == ScrollPosition(None, 1, 0)
        await pilot.press("enter")
        assert frame.opened == []
        await pilot.press("tab")
        assert frame.view.cursor == 51


async def test_a_text_scrolls():
    async with framed(TEXT) as (frame, pilot):
        await pilot.press("down", "down")
        assert frame.rows()[0] == "line 2"
        await pilot.press("pagedown", "pageup", "up")
        assert frame.rows()[0] == "line 1"


async def test_a_position_on_a_line_that_leads_nowhere_now_is_that_of_the_next_link():
    async with framed([]) as (frame, _):
        frame.view.show_lines([link("0"), PageLine(""), link("2"), link("3")], ScrollPosition(1))
        assert frame.view.cursor == 2
        frame.view.show_lines([link("0"), link("1"), PageLine("")], ScrollPosition(2))
        assert frame.view.cursor == 0


async def test_a_position_is_returned_to():
    async with framed(MENU) as (frame, pilot):
        frame.view.show_lines(LONG_MENU, ScrollPosition(47, 40, 0))
        await pilot.pause()
        assert frame.view.scroll_position() == ScrollPosition(47, 40, 0)
        frame.view.show_lines(MENU, ScrollPosition(47, 40, 0))
        await pilot.pause()
        assert frame.view.scroll_offset.y == 0


async def test_long_lines_are_broken_or_moved_sideways():
    words = "word " * 20

    async with framed([PageLine(words)]) as (frame, pilot):
        assert frame.rows()[:3] == ["word word word word word word word word"] * 2 + [
            "word word word word"
        ]
        await pilot.press("w", "w")
        assert frame.rows()[0] == words[:39] + "›" and frame.rows()[1] == ""
        await pilot.press("greater_than_sign")
        assert frame.rows()[0] == words[8:47] + "›"
        await pilot.press("less_than_sign", "w")
        assert frame.rows()[1].startswith("word")


async def test_what_is_shown_before_the_window_has_a_size_is_not_squeezed():
    class Early(Frame):
        def on_mount(self) -> None:
            self.view.show_lines([PageLine("a few words and some more"), link("one")])
            self.rows_at_first = len(self.view.page_layout.rows)
            self.cursor_at_first = self.view.cursor

    frame = Early()
    async with frame.run_test(size=(40, 10)):
        assert (frame.rows_at_first, frame.cursor_at_first) == (2, 1)


async def test_resizing_keeps_the_place():
    async with framed([]) as (frame, pilot):
        frame.view.show_lines(
            [PageLine(f"{number} " + "word " * 10) for number in range(50)],
            ScrollPosition(None, 40),
        )
        await pilot.pause()
        first = frame.rows()[0].split()[0]
        await pilot.resize_terminal(80, 10)
        await pilot.pause()
        assert frame.rows()[0].split()[0] == first


async def test_a_row_less_leaves_the_cursor_where_it_is():
    """A sentence of two rows takes it from the page; it may be about the last link in sight."""

    async with framed(LONG_MENU) as (frame, pilot):
        frame.view.put_cursor(9)
        await pilot.resize_terminal(40, 9)
        await pilot.pause()
        assert (frame.view.cursor, frame.rows()[-1]) == (9, " 10 menu  item 9")


async def test_what_is_looked_for_is_found_round_the_end():
    async with framed(TEXT) as (frame, _):
        view = frame.view
        assert view.mark_and_find("LINE 9", stay=True) == (1, 11) and view.found_at == 9
        assert view.mark_and_find("line 9") == (2, 11) and view.found_at == 90
        assert view.mark_and_find("line 9") == (3, 11) and view.found_at == 91
        assert view.mark_and_find("line 9", backward=True) == (2, 11) and view.found_at == 90
        assert view.mark_and_find("line 9", backward=True) == (1, 11)
        assert view.mark_and_find("line 9", backward=True) == (11, 11) and view.found_at == 99
        assert view.mark_and_find("line 9") == (1, 11) and view.found_at == 9
        assert view.mark_and_find("line 5$") is None
        styles = {segment.text: segment.style for segment in view.render_line(0)}
        assert styles


async def test_what_comes_later_is_found_too():
    async with framed(TEXT) as (frame, _):
        view = frame.view
        assert view.mark_and_find("line 99", stay=True) == (1, 1)
        view.add_lines([PageLine("line 99 once more")])
        assert view.matches == [99, 100]
        assert view.mark_and_find("line 99") == (2, 2)


async def test_places_found_are_marked_and_cleared():
    async with framed(TEXT) as (frame, _):
        frame.view.mark_and_find("lin", stay=True)
        assert [segment.text for segment in frame.view.render_line(0)][:2] == ["lin", "e 0"]
        frame.view.mark_and_find("")
        assert next(iter(frame.view.render_line(0))).text == "line 0"


DRAWING = "+" + "-" * 50 + "+"


async def test_drawings_stay_whole_and_prose_is_broken():
    async with framed(
        [PageLine(DRAWING), PageLine(DRAWING), PageLine(""), PageLine("word " * 20)]
    ) as (frame, pilot):
        assert frame.rows()[:5] == [
            DRAWING[:39] + "›",
            DRAWING[:39] + "›",
            "",
            "word word word word word word word word",
            "word word word word word word word word",
        ]
        await pilot.press("greater_than_sign", "greater_than_sign")
        assert frame.rows()[0] == DRAWING[12:] and frame.view.page_layout.is_wider_than_window
        await pilot.press("w")
        assert frame.rows()[:2] == ["-" * 39 + "-", "-" * 11 + "+"] or "+" in frame.rows()[0]
        assert not frame.view.page_layout.is_wider_than_window


async def test_prose_has_a_readable_width_in_a_wide_window():
    async with framed([PageLine("word " * 40)], size=(160, 10)) as (frame, pilot):
        assert max(map(len, frame.rows())) <= 80
        await pilot.press("w")
        assert max(map(len, frame.rows())) > 100


async def test_colours_of_a_server_are_painted_but_not_over_the_cursor():
    blue = SpanStyle(letters=4)
    lines = [
        PageLine("xabc", "information", spans=(ColouredSpan(1, 3, blue),)),
        PageLine("link", "menu", "menu", MenuItem("1", b"link"), spans=(ColouredSpan(0, 4, blue),)),
    ]

    async with framed(lines) as (frame, _):
        painted = {each.text: str(each.style) for each in frame.view.render_line(0)}
        assert painted["ab"].startswith("color(4)") and not painted["x"].startswith("color(4)")
        pointed = {each.text.strip(): str(each.style) for each in frame.view.render_line(1)}
        assert not pointed["link"].startswith("color(4)")


async def test_lines_have_the_colour_of_their_style_and_the_cursor_has_its_own():
    lines = [PageLine("dim", "dim"), PageLine("wrong", "problem"), link("one"), link("two")]

    async with framed(lines) as (frame, _):
        frame.view.mark_and_find("wr")
        painted = [
            {each.text.strip(): each.style for each in frame.view.render_line(y)} for y in range(4)
        ]
        names = {"dim": "dim", "ong": "problem", "wr": "match", "one": "cursor", "two": "menu"}
        for row in painted:
            for text, style in row.items():
                if text in names:
                    wanted = frame.view.get_component_rich_style(f"page--{names.pop(text)}")
                    assert style and style.color == wanted.color, text
        assert names == {}


async def test_a_page_grows_without_moving():
    async with framed(LONG_MENU) as (frame, pilot):
        await pilot.press("space", "down")
        before = frame.view.scroll_position(), frame.rows()
        frame.view.add_lines(LONG_MENU)
        await pilot.pause()
        assert (frame.view.scroll_position(), frame.rows()) == before
        await pilot.press("end")
        assert frame.rows()[-1] == "200 menu  item 99"


async def test_the_mouse_opens_and_scrolls():
    """Enter acts on what is in sight, however one came there."""

    async with framed([*MENU, *TEXT]) as (frame, pilot):
        await pilot.click(PageView, offset=(10, 3))
        assert frame.opened == [3] and frame.view.cursor == 3
        await pilot.click(PageView, offset=(10, 2))
        assert frame.opened == [3]
        await pilot._post_mouse_events([_wheel()], PageView, offset=(5, 5))
        assert frame.view.scroll_offset.y == 3
    async with framed(LONG_MENU) as (frame, pilot):
        await pilot._post_mouse_events([_wheel()], PageView, offset=(5, 5))
        await pilot.press("enter")
        assert frame.opened == [3]


async def test_a_scrollbar_leaves_no_cursor_behind():
    """Dragged, or clicked beside its handle: the cursor and the line that tells it come along."""

    async with framed(LONG_MENU) as (frame, pilot):
        view = frame.view
        view.styles.scrollbar_size_vertical = 1
        await pilot.pause()
        told = frame.pointed
        view.post_message(ScrollTo(y=50.4))
        await pilot.pause()
        assert (view.scroll_offset.y, view.cursor) == (50, 50)
        view.post_message(ScrollTo(y=20))
        await pilot.pause()
        assert (view.scroll_offset.y, view.cursor) == (20, 29)
        assert frame.pointed == told + 2
        await pilot.click(PageView, offset=(39, 9))
        assert (view.scroll_offset.y, view.cursor) == (29, 29)
        await pilot.click(PageView, offset=(39, 0))
        assert (view.scroll_offset.y, view.cursor) == (20, 29)
        await pilot.press("enter")
        assert frame.opened == [29]


def _wheel() -> type:
    from textual.events import MouseScrollDown

    return MouseScrollDown


async def test_a_hundred_thousand_lines_are_no_trouble():
    async with framed([link(f"item {number}") for number in range(100_000)]) as (frame, pilot):
        await pilot.press("end")
        await until(lambda: frame.view.page_layout.is_complete, "the rows")
        assert frame.rows()[-1] == "100000 menu  item 99999"


async def test_keys_are_obeyed_while_a_long_page_is_laid_out(monkeypatch):
    """A text of 20 MB kept the browser from looking at its keys for seconds."""
    monkeypatch.setattr(view_module, "SLICE", -1.0)
    lines = [PageLine(f"line {number}") for number in range(3000)]

    async with framed(lines[:1]) as (frame, pilot):
        view = frame.view
        view.show_lines(lines, ScrollPosition(top=2000))
        assert not view.page_layout.is_complete and len(view.page_layout.rows) < 100
        assert view.lines == lines
        await until(lambda: view.scroll_offset.y == 2000, "the place of before")
        assert frame.rows()[0] == "line 2000"
        await until(lambda: view.page_layout.is_complete, "the rows")
        # Broken otherwise, the page shows the same line again; who goes elsewhere stays there.
        view.change_line_breaking()
        assert not view.page_layout.is_complete
        await until(lambda: frame.rows()[0] == "line 2000", "the same line")
        view.show_lines(lines, ScrollPosition(top=2000))
        await pilot.press("down")
        await until(lambda: view.page_layout.is_complete, "the rows")
        assert view.scroll_offset.y == 1
        view.show_lines(lines)
        assert view.mark_and_find("line 2500") == (1, 1)
        await pilot.pause()
        await until(lambda: "line 2500" in frame.rows(), "what was found")
        view.show_lines(lines)
        view.action_top_or_bottom(1)
        await until(lambda: frame.rows()[-1] == "line 2999", "the end")
