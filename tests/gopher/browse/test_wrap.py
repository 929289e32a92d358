"""Long lines fit the window and lose nothing but the blanks they were broken at."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from logsrv.gopher.browse.wrap import pieces


def rows_of(text: str, width: int) -> Iterator[str]:
    return (text[start:end] for start, end in pieces(text, width))


def test_words_stay_whole() -> None:
    assert list(rows_of("the quick brown fox", 10)) == ["the quick", "brown fox"]


def test_a_word_that_is_too_long_is_cut() -> None:
    assert list(rows_of("abcdefgh ij", 4)) == ["abcd", "efgh", "ij"]


def test_blanks_that_indent_are_kept() -> None:
    assert list(rows_of("    word word", 9)) == ["    word", "word"]


def test_wide_characters_count_twice() -> None:
    assert list(rows_of("日本語日本語", 5)) == ["日本", "語日", "本語"]


@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=200),
    st.integers(2, 40),
)
def test_every_row_fits_and_nothing_is_lost(text: str, width: int) -> None:
    rows = list(rows_of(text, width))
    assert all(cell_len(row) <= width for row in rows)
    assert "".join(rows).replace(" ", "") == text.replace(" ", "")


def test_a_line_of_megabytes_is_wrapped_in_no_time() -> None:
    """A server that sends 16 MB without a line ending does not stop the browser."""
    assert sum(1 for _ in rows_of("x" * 2_000_000, 80)) == 25_000
