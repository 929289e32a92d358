"""Drawings and tables keep their shape; prose may be wrapped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.wire.columns import cell_count, shape_of, split_into_runs


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("Welcome to my server.\nIt has texts.", "prose"),
        ("A line with   one gap", "prose"),
        (" /\\_/\\ \n( o.o )\n > ^ < ", "drawing"),
        ("--------------------", "drawing"),
        ("Jan    17.2   20.4\nFeb    17.9   20.9", "table"),
        ("a\tb\nc\td", "table"),
        ("", "prose"),
        ("日本語のテキスト", "prose"),
        ("┌──┐\n│  │\n└──┘", "drawing"),
        (":-)", "prose"),
    ],
)
def test_a_block_of_lines_is_a_drawing_a_table_or_prose(text, shape):
    assert shape_of(text.split("\n")) == shape


@given(st.text("ab -|\n\t", max_size=200))
def test_the_runs_of_any_text_are_all_of_it(text):
    assert "".join(run.text for run in split_into_runs(text + "\n")) == text + "\n"


@pytest.mark.parametrize(
    "text",
    [
        " " * 600_000,
        (" " * 20_000 + "\v\n") * 100,
        "word\n\n" * 100_000,
        "----\n\nword\n\n" * 100_000,
        ("full " * 12 + "\n") * 40_000,
    ],
)
def test_a_hostile_text(text):
    """The gateway does nothing else meanwhile. The square of the length would take longer than
    tests/hangs.py lets a test.
    """
    assert "".join(run.text for run in split_into_runs(text)) == text


def test_a_page_has_a_bounded_number_of_runs():
    """Each is an element of a page: 2 MiB of drawings of a few letters took the gateway six seconds."""
    runs = split_into_runs("----\n\nword\n\n" * 100_000)
    assert len(runs) < 20_000
    assert [run.shape for run in runs[:3]] == ["drawing", "prose", "drawing"]


def test_wide_and_combining_characters_take_the_cells_of_a_terminal():
    """Wide and combining characters are counted as terminals show them."""
    assert cell_count("abc") == 3
    assert cell_count("日本") == 4
    assert cell_count("e\u0301") == 1
    assert cell_count("a\tb") == 9
