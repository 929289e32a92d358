"""Rows of a page: what is broken, what stays whole, and what stands beside it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from logsrv.gopher.browse.display_lines import DisplayLine
from logsrv.gopher.browse.layout import Layout, wrapped_pieces
from logsrv.gopher.wire.menu import MenuItem

TYPE_CHECKING = False
if TYPE_CHECKING:
    from logsrv.gopher.browse.layout import Breaking

WORDS = "some words that go on and on for longer than that"


def laid_out(lines: list[DisplayLine], width: int, breaking: Breaking = "fit") -> list[str]:
    layout = Layout(width, breaking)
    layout.add_lines(lines)
    layout.lay_out()
    return [layout.lines[index].text[start:end] for index, start, end in layout.rows]


def link(text: str) -> DisplayLine:
    return DisplayLine(text, "menu", "menu", MenuItem("1", text.encode()))


def test_prose_is_broken_and_what_has_columns_is_not():
    table = [
        DisplayLine("January      17.2   20.4    rain"),
        DisplayLine("February     17.9   20.9    sun"),
    ]
    rows = laid_out([DisplayLine(WORDS), DisplayLine(""), *table], 20)
    assert rows == [
        *("some words that go", "on and on for longer", "than that", ""),
        *(line.text for line in table),
    ]


def test_a_line_is_judged_with_its_paragraph():
    """One line of a drawing may well be made of letters."""
    drawing = [DisplayLine("/" * 40), DisplayLine("|" + "a" * 38 + "|"), DisplayLine("\\" * 40)]
    assert len(laid_out(drawing, 20)) == 3
    assert len(laid_out(drawing, 20, "all")) == 6
    assert len(laid_out([drawing[0], DisplayLine(""), drawing[1]], 20)) == 4


def test_a_link_made_of_dashes_is_broken_like_prose():
    assert len(laid_out([link("-" * 60)], 40)) == 2


def test_numbers_and_kinds_stand_beside_links():
    layout = Layout(80)
    layout.add_lines([DisplayLine("Welcome"), link("one"), DisplayLine("x"), link("two")])
    layout.lay_out()
    assert [layout.gutter_text(index) for index in range(4)] == [
        *(" " * 10, "  1 menu  ", " " * 10, "  2 menu  "),
    ]
    assert layout.links == [1, 3] and layout.text_width == 70


def test_a_text_has_all_of_the_width():
    layout = Layout(80)
    layout.add_lines([DisplayLine("x" * 80)])
    layout.lay_out()
    assert (layout.indent, layout.text_width, len(layout.rows)) == (0, 80, 1)
    assert layout.gutter_text(0) == ""


@given(st.lists(st.sampled_from(["", "words " * 8, "-" * 30, "a   b"]), max_size=30), st.integers())
def test_lines_that_come_in_pieces_are_all_there(texts, cut):
    lines = [
        link(text) if number % 3 == 0 else DisplayLine(text) for number, text in enumerate(texts)
    ]
    layout = Layout(30, "all")
    at = cut % (len(lines) + 1)
    layout.add_lines(lines[:at])
    layout.lay_out()
    layout.add_lines(lines[at:])
    layout.lay_out()
    whole = Layout(30, "all")
    whole.add_lines(lines)
    whole.lay_out()
    assert layout.rows == whole.rows and layout.links == whole.links


def test_more_digits_do_not_lay_out_everything_in_one_step():
    """Until the rows beside the wider column are there, those of before stay."""
    layout = Layout(80)
    layout.add_lines([link("one")] * 900)
    layout.lay_out()
    layout.add_lines([link("two")] * 200)
    steps = 0

    def is_late() -> bool:
        nonlocal steps
        steps += 1
        return steps % 4 == 0

    while not layout.is_complete:
        before = steps
        assert len(layout.rows) >= 900
        assert len(layout.gutter_text(899)) == layout.indent
        layout.lay_out(is_late)
        assert steps - before <= 4
    assert steps > 30
    assert (layout.gutter_text(899), layout.gutter_text(1099)) == (" 900 menu  ", "1100 menu  ")
    assert layout.links == list(range(1100))


@pytest.mark.slow
def test_a_long_text_without_a_break_costs_no_time():
    """Its paragraph is judged once, and not for each of its lines."""
    assert len(laid_out([DisplayLine("word " * 30)] * 20_000, 80)) == 40_000


def rows_of(text: str, width: int) -> Iterator[str]:
    return (text[start:end] for start, end in wrapped_pieces(text, width))


def test_words_stay_whole():
    assert list(rows_of("the quick brown fox", 10)) == ["the quick", "brown fox"]


def test_a_word_that_is_too_long_is_cut():
    assert list(rows_of("abcdefgh ij", 4)) == ["abcd", "efgh", "ij"]


def test_blanks_that_indent_are_kept():
    assert list(rows_of("    word word", 9)) == ["    word", "word"]


def test_wide_characters_count_twice():
    assert list(rows_of("日本語日本語", 5)) == ["日本", "語日", "本語"]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=200),
    st.integers(2, 40),
)
def test_every_row_fits_and_nothing_is_lost(text, width):
    rows = list(rows_of(text, width))
    assert all(cell_len(row) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


def test_a_line_of_megabytes_is_wrapped_in_no_time():
    """A server that sends 16 MB without a line ending does not stop the browser."""
    assert sum(1 for _ in rows_of("x" * 2_000_000, 80)) == 25_000
