"""The page area: where the cursor goes, what is found, what keys and mouse move."""

from collections.abc import Iterator
from typing import Any

import pytest
from textual.events import MouseScrollDown
from textual.pilot import Pilot
from textual.scrollbar import ScrollTo

from logsrv.gopher.browse import lines_widget
from logsrv.gopher.browse.display_lines import DisplayLine
from logsrv.gopher.browse.layout import ScrollPosition
from logsrv.gopher.browse.page_widget import PageWidget
from tests.gopher.browse.conftest import Frame, framed, link
from tests.gopher.conftest import until

pytestmark = pytest.mark.slow


MENU = [
    DisplayLine("Welcome", "information"),
    link("one"),
    DisplayLine("between"),
    link("two"),
    link("three"),
]
LONG_MENU = [link(f"item {number}") for number in range(100)]
TEXT = [DisplayLine(f"line {number}") for number in range(100)]


def find(view: PageWidget, words: str, *, backward: bool = False, stay: bool = False) -> Any:
    """What is told about the place that is found at once."""
    told: list[object] = []
    view.find(words, told.append, backward=backward, stay=stay)
    return told[0]


def growing(lines: list[DisplayLine], later: list[DisplayLine]) -> Iterator[DisplayLine | None]:
    """Lines, and then those that are put into `later`."""
    yield from lines
    while True:
        yield later.pop(0) if later else None


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
        assert find(frame.view, "two")
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
        frame.view.show_lines([link("0"), DisplayLine(""), link("2"), link("3")], ScrollPosition(1))
        assert frame.view.cursor == 2
        frame.view.show_lines([link("0"), link("1"), DisplayLine("")], ScrollPosition(2))
        assert frame.view.cursor == 0


async def test_a_position_is_returned_to():
    async with framed(MENU) as (frame, _):
        place = ScrollPosition(47, 40, 0)
        frame.view.show_lines(LONG_MENU, place)
        await until(lambda: frame.view.scroll_position() == place, "the place")
        frame.view.show_lines(MENU, place)
        await until(lambda: frame.view.scroll_offset.y == 0, "the top")


async def test_long_lines_are_broken_or_moved_sideways():
    words = "word " * 20

    async with framed([DisplayLine(words)]) as (frame, pilot):
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
            self.view.show_lines([DisplayLine("a few words and some more"), link("one")])
            self.rows_at_first = len(self.view.page_layout.rows)
            self.cursor_at_first = self.view.cursor

    frame = Early()
    async with frame.run_test(size=(40, 10)):
        assert (frame.rows_at_first, frame.cursor_at_first) == (2, 1)


async def test_resizing_keeps_the_place():
    async with framed([]) as (frame, pilot):
        frame.view.show_lines(
            [DisplayLine(f"{number} " + "word " * 10) for number in range(50)],
            ScrollPosition(None, 40),
        )
        await until(lambda: frame.view.settled and frame.view.scroll_offset.y == 40, "the place")
        first = frame.rows()[0].split()[0]
        await pilot.resize_terminal(80, 10)
        await until(lambda: frame.rows()[0].split()[:1] == [first], "the same line")


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
        assert find(view, "LINE 9", stay=True) == (1, 11) and view.found_at == 9
        assert find(view, "line 9") == (2, 11) and view.found_at == 90
        assert find(view, "line 9") == (3, 11) and view.found_at == 91
        assert find(view, "line 9", backward=True) == (2, 11) and view.found_at == 90
        assert find(view, "line 9", backward=True) == (1, 11)
        assert find(view, "line 9", backward=True) == (11, 11) and view.found_at == 99
        assert find(view, "line 9") == (1, 11) and view.found_at == 9
        assert find(view, "line 5$") is None
        styles = {segment.text: segment.style for segment in view.render_line(0)}
        assert styles


def searching(view: PageWidget, told: list[object]) -> None:
    """Begin to look for the last line of a long page, which is not done at once."""
    view.show_lines(DisplayLine(f"line {number}") for number in range(3000))
    view.find("line 2999", told.append, dropped=lambda: told.append("dropped"))
    assert not told


@pytest.mark.parametrize("key", ["down", "space", "end", "home"])
async def test_who_moves_while_words_are_looked_for_is_told_that_they_no_longer_are(
    key, monkeypatch
):
    monkeypatch.setattr(lines_widget, "SLICE", -1.0)
    told: list[object] = []
    async with framed(MENU) as (frame, pilot):
        searching(frame.view, told)
        await pilot.press(key)
        await until(lambda: frame.view.settled, "the rows")
        assert told == ["dropped"]
        assert find(frame.view, "line 2999") == (1, 1)


async def test_words_are_looked_for_until_another_page_or_other_words(monkeypatch):
    monkeypatch.setattr(lines_widget, "SLICE", -1.0)
    told: list[object] = []
    async with framed(MENU) as (frame, _):
        searching(frame.view, told)
        frame.view.find("line 2000", told.append)
        assert told == ["dropped"]
        await until(lambda: len(told) == 2, "the other words")
        assert told[1] == (1, 1)
        told.clear()
        searching(frame.view, told)
        frame.view.show_lines(MENU)
        assert told == ["dropped"]


async def test_a_window_of_another_size_does_not_end_what_is_looked_for(monkeypatch):
    monkeypatch.setattr(lines_widget, "SLICE", -1.0)
    told: list[object] = []
    async with framed(MENU) as (frame, pilot):
        searching(frame.view, told)
        await pilot.resize_terminal(30, 8)
        frame.view.change_line_breaking()
        await until(lambda: told == [(1, 1)] and "line 2999" in frame.rows(), "the last line")


async def test_another_page_is_searched_from_its_top():
    async with framed(TEXT) as (frame, _):
        view = frame.view
        find(view, "line 90", stay=True)
        view.show_lines(TEXT)
        assert find(view, "line 9", stay=True) == (1, 11) and view.found_at == 9


async def test_what_comes_later_is_found_too():
    later: list[DisplayLine] = []
    async with framed(growing(TEXT, later)) as (frame, _):
        view = frame.view
        assert find(view, "line 99", stay=True) == (1, 1)
        later.append(DisplayLine("line 99 once more"))
        view.show_more()
        assert view.matches == [99, 100]
        assert find(view, "line 99") == (2, 2)


async def test_places_found_are_marked_and_cleared():
    async with framed(TEXT) as (frame, _):
        find(frame.view, "lin", stay=True)
        assert [segment.text for segment in frame.view.render_line(0)][:2] == ["lin", "e 0"]
        frame.view.mark("")
        assert next(iter(frame.view.render_line(0))).text == "line 0"


async def test_a_page_grows_without_moving(monkeypatch):
    """Even if its numbers take another column, and all that is known is laid out again."""
    monkeypatch.setattr(lines_widget, "SLICE", -1.0)
    later: list[DisplayLine] = []
    async with framed(growing(LONG_MENU * 9, later)) as (frame, pilot):
        await pilot.press("space", "space", "space", "space", "down")
        before, rows = frame.view.scroll_position(), [row.strip() for row in frame.rows()]
        later.extend(LONG_MENU * 4)
        frame.view.show_more()
        assert not frame.view.settled
        assert (frame.view.scroll_position(), [row.strip() for row in frame.rows()]) == (
            before,
            rows,
        )
        await pilot.press("end")
        await until(lambda: frame.rows()[-1] == "1300 menu  item 99", "the end")
        assert before.top > 30


async def test_the_first_link_that_comes_gets_the_cursor():
    later: list[DisplayLine] = []
    async with framed(growing(TEXT[:3], later)) as (frame, _):
        assert frame.view.cursor is None
        later.append(link("one"))
        frame.view.show_more()
        assert frame.view.cursor == 3


async def test_a_defect_in_the_middle_of_a_page_is_its_last_line(monkeypatch):
    monkeypatch.setattr(lines_widget, "SLICE", -1.0)

    def breaks() -> Iterator[DisplayLine]:
        yield from TEXT * 10
        raise AssertionError("odd")

    async with framed(breaks()) as (frame, _):
        *before, last = frame.view.lines
        assert before == TEXT * 10
        assert "a defect of it (AssertionError: odd)" in last.text


async def turn_wheel(pilot: Pilot[None]) -> None:
    await pilot._post_mouse_events([MouseScrollDown], PageWidget, offset=(5, 5))


async def test_the_mouse_opens_and_scrolls():
    """Enter acts on what is in sight, however one came there."""

    async with framed([*MENU, *TEXT]) as (frame, pilot):
        await pilot.click(PageWidget, offset=(10, 3))
        assert frame.opened == [3] and frame.view.cursor == 3
        await pilot.click(PageWidget, offset=(10, 2))
        assert frame.opened == [3]
        await turn_wheel(pilot)
        assert frame.view.scroll_offset.y == 3
    async with framed(LONG_MENU) as (frame, pilot):
        await turn_wheel(pilot)
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
        await pilot.click(PageWidget, offset=(39, 9))
        assert (view.scroll_offset.y, view.cursor) == (29, 29)
        await pilot.click(PageWidget, offset=(39, 0))
        assert (view.scroll_offset.y, view.cursor) == (20, 29)
        await pilot.press("enter")
        assert frame.opened == [29]
