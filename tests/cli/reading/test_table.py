"""Tables that fit a terminal."""

from __future__ import annotations

from logsrv.cli.reading.table import Table

COLUMNS = [("n", "BIGINT"), ("text", "VARCHAR")]


def table(width: int, rows: list[list[str | None]]) -> list[str]:
    made = Table(width)
    return made.lines(COLUMNS, rows) + made.remaining_lines()


def test_numbers_stand_right_and_null_is_empty() -> None:
    assert table(0, [["5", "a"], ["100", None]]) == ["  n  text", "───  ────", "  5  a", "100"]


def test_the_widest_column_is_cut_to_fit() -> None:
    shown = table(20, [["5", "x" * 100], ["6", "short"]])
    assert max(map(len, shown)) == 20
    assert shown[2].endswith("x…")
    assert shown[3] == "6  short"


def test_what_drives_a_terminal_is_escaped() -> None:
    assert table(0, [["1", "a\x1b[2J\nb\u202e"]])[2] == "1  a\\x1b[2J\\x0ab\\u202e"


def test_rows_after_the_first_thousand_come_at_once() -> None:
    made = Table(0)
    assert made.lines(COLUMNS, [["1", "a"]] * 10) == []
    assert len(made.lines(COLUMNS, [["1", "a"]] * 1000)) == 1012
    assert made.lines(COLUMNS, [["2", "b"]]) == ["2  b"]
    assert made.remaining_lines() == []
