"""Colours that a server writes are told from everything else that a terminal would obey."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.browse.content.colours import Colours, Paint, Span
from logsrv.kit.text.escape import printable


@pytest.mark.parametrize(
    ("codes", "paint"),
    [
        ("31", Paint(1)),
        ("97;44", Paint(15, 4)),
        ("38;5;208", Paint(208)),
        ("48;2;1;2;3", Paint(ground=(1, 2, 3))),
        ("1;4", Paint(attributes=frozenset({"bold", "underline"}))),
        ("1;22;33", Paint(3)),
        ("31;39;42;49;7", Paint(attributes=frozenset({"reverse"}))),
        # Letters in the colour of their ground would be hidden.
        ("30;40", Paint(0)),
    ],
)
def test_what_a_sequence_means(codes: str, paint: Paint) -> None:
    assert Colours().line(f"\x1b[{codes}mtext") == ("text", (Span(0, 4, paint),))


@pytest.mark.parametrize(
    "line",
    [
        "\x1b[8mhidden",
        "\x1b[5mblinks",
        "\x1b[31mred\x1b[2J",
        "\x1b[31mred\x07",
        "\x1b[31mred\u202e",
        "\x1b[38;5mhalf",
        "\x1b[38;5;256mtoo much",
        "\x1b[00031mlong",
        "\x1b[31mtwo\nlines",
    ],
)
def test_more_than_colours(line: str) -> None:
    assert Colours().line(line) is None


def test_a_colour_goes_on_in_the_next_line() -> None:
    colours = Colours()
    colours.line("\x1b[32mgreen")
    assert colours.line("still") == ("still", (Span(0, 5, Paint(2)),))
    assert colours.line("\x1b[mplain") == ("plain", ())


@given(
    st.lists(st.sampled_from(["\x1b[31m", "\x1b[0m", "\x1b[", "m", "x", "\t", "\x1b", "\x9b1m"]))
)
def test_nothing_that_is_shown_drives_a_terminal(parts: list[str]) -> None:
    found = Colours().line("".join(parts))
    if found is not None:
        text, spans = found
        assert printable(text) == text and "\t" not in text
        assert all(span.end <= len(text) for span in spans)


def test_many_colours_in_one_line_take_no_more_time_than_its_length() -> None:
    begin = time.process_time()
    shown = Colours().line("words\t" * 100_000 + "\x1b[31ma\x1b[32mb\t" * 2_000)
    assert shown is not None and len(shown[0]) == 8 * 102_000
    assert Colours().line("\x1b[31ma" * 1_000_000) is None
    assert time.process_time() - begin < 10
