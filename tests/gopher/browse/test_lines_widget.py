"""Lines are laid out and painted: drawings whole, prose broken, colours where they hide nothing."""

import pytest
from rich.style import Style
from rich.text import Span

from logsrv.gopher.browse import lines_widget
from logsrv.gopher.browse.display_lines import DisplayLine
from logsrv.gopher.browse.layout import ScrollPosition
from logsrv.gopher.wire.menu import MenuItem
from tests.gopher.browse.conftest import framed, link
from tests.gopher.conftest import until

pytestmark = pytest.mark.slow

DRAWING = "+" + "-" * 50 + "+"


async def test_drawings_stay_whole_and_prose_is_broken():
    async with framed(
        [DisplayLine(DRAWING), DisplayLine(DRAWING), DisplayLine(""), DisplayLine("word " * 20)]
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
    async with framed([DisplayLine("word " * 40)], size=(160, 10)) as (frame, pilot):
        assert max(map(len, frame.rows())) <= 80
        await pilot.press("w")
        assert max(map(len, frame.rows())) > 100


async def test_colours_of_a_server_are_painted_but_not_over_the_cursor():
    blue = Style(color="color(4)")
    lines = [
        DisplayLine("xabc", "information", spans=(Span(1, 3, blue),)),
        DisplayLine("link", "menu", "menu", MenuItem("1", b"link"), spans=(Span(0, 4, blue),)),
    ]

    async with framed(lines) as (frame, _):
        painted = {each.text: str(each.style) for each in frame.view.render_line(0)}
        assert painted["ab"].startswith("color(4)") and not painted["x"].startswith("color(4)")
        pointed = {each.text.strip(): str(each.style) for each in frame.view.render_line(1)}
        assert not pointed["link"].startswith("color(4)")


async def test_lines_have_the_colour_of_their_style_and_the_cursor_has_its_own():
    lines = [DisplayLine("dim", "dim"), DisplayLine("wrong", "problem"), link("one"), link("two")]

    async with framed(lines) as (frame, _):
        frame.view.mark("wr")
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


async def test_a_line_is_judged_with_what_comes_after_it_however_far_the_layout_is():
    drawing = [DisplayLine("a" * 50), *[DisplayLine(DRAWING)] * 3]
    for before in (308, 509, 510, 511, 512):
        lines = [*[DisplayLine("x")] * before, DisplayLine(""), *drawing]
        async with framed(iter(lines)) as (frame, _):
            assert len(frame.view.page_layout.rows) == len(lines)


async def test_a_hundred_thousand_lines_are_no_trouble():
    async with framed([link(f"item {number}") for number in range(100_000)]) as (frame, pilot):
        await pilot.press("end")
        assert frame.rows()[-1] == "100000 menu  item 99999"


async def test_keys_are_obeyed_while_a_long_page_is_laid_out(monkeypatch):
    """A text of 20 MB kept the browser from looking at its keys for seconds."""
    monkeypatch.setattr(lines_widget, "SLICE", -1.0)
    lines = [DisplayLine(f"line {number}") for number in range(3000)]

    async with framed(lines[:1]) as (frame, pilot):
        view = frame.view
        view.show_lines(lines, ScrollPosition(top=2000))
        assert not view.settled and len(view.page_layout.rows) < 100
        assert len(view.lines) < len(lines)
        await until(lambda: view.scroll_offset.y == 2000, "the place of before")
        assert frame.rows()[0] == "line 2000"
        await until(lambda: view.settled, "the rows")
        # Broken otherwise, the page shows the same line again; who goes elsewhere stays there.
        view.change_line_breaking()
        assert not view.settled
        await until(lambda: frame.rows()[0] == "line 2000", "the same line")
        view.show_lines(lines, ScrollPosition(top=2000))
        await pilot.press("down")
        await until(lambda: view.settled, "the rows")
        assert view.scroll_offset.y == 1
        view.show_lines(lines)
        told: list[object] = []
        view.find("line 2500", told.append)
        assert not told
        await until(lambda: told == [(1, 1)] and "line 2500" in frame.rows(), "what is looked for")
        await until(lambda: view.settled, "the rows")
        view.find("line 1700", told.append)
        await until(lambda: told[-1] == (1, 1) and "line 1700" in frame.rows(), "another line")
        view.show_lines(lines)
        view.action_top_or_bottom(1)
        await until(lambda: frame.rows()[-1] == "line 2999", "the end")


async def test_a_defect_of_the_layout_does_not_end_the_browser(monkeypatch):
    monkeypatch.setattr(lines_widget, "SLICE", -1.0)
    reached: list[bool] = []

    class Odd:
        label, leads_somewhere = "", False

        @property
        def text(self) -> str:
            reached.append(True)
            raise ZeroDivisionError

    async with framed([]) as (frame, pilot):
        frame.view.show_lines([*[DisplayLine("x")] * 300, Odd()])  # type: ignore[list-item]
        await until(lambda: reached, "the defect")
        await pilot.pause()
        frame.view.show_lines([DisplayLine("another page")])
        await until(lambda: frame.rows()[0] == "another page", "another page")


async def test_red_is_red_and_blue_is_blue(drive, serve):
    """Not what a theme makes of them: Textual's own blue is violet."""
    server = serve(b"i\x1b[31mred \x1b[34mblue\x1b[0m\t\t\t\r\n.\r\n")
    async with drive(server.url()) as driven:
        await driven.shows("red blue")
        segments = [each for strip in driven.strips() for each in strip]
        found = {each.text.strip(): each.style for each in segments if each.style}
        assert found["red"].color.triplet.rgb == "rgb(205,0,0)"
        assert found["blue"].color.triplet.rgb == "rgb(0,0,238)"
