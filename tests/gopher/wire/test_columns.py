"""Drawings and tables keep their shape; prose may be wrapped."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.wire.columns import columns, runs_of, shape_of


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
def test_shape(text: str, shape: str) -> None:
    assert shape_of(text.split("\n")) == shape


@given(st.lists(st.sampled_from(["", "  ", "words in a row", "/\\/\\/\\", "a    b", "\t"])))
def test_nothing_is_lost(lines: list[str]) -> None:
    """Whatever a text is made of, all of it is shown, once and in order."""
    text = "".join(line + "\n" for line in lines)
    assert "".join(run.text for run in runs_of(text)) == text


@given(st.text("ab -|\n\t", max_size=200))
def test_any_text(text: str) -> None:
    assert "".join(run.text for run in runs_of(text + "\n")) == text + "\n"


def test_columns() -> None:
    """Wide and combining characters are counted as terminals show them."""
    assert columns("abc") == 3
    assert columns("日本") == 4
    assert columns("e\u0301") == 1
    assert columns("a\tb") == 9
