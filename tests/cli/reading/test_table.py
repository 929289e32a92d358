"""Tables that fit a terminal."""

from logsrv.cli.reading.table import Table

COLUMNS = [("n", "BIGINT"), ("text", "VARCHAR")]


def table(width: int, rows: list[list[str | None]]) -> list[str]:
    made = Table(width)
    return made.lines(COLUMNS, rows) + made.remaining_lines()


def test_numbers_stand_right_and_null_is_empty():
    assert table(0, [["5", "a"], ["100", None]]) == ["  n  text", "───  ────", "  5  a", "100"]


def test_the_widest_column_is_cut_to_fit():
    shown = table(20, [["5", "x" * 100], ["6", "short"]])
    assert max(map(len, shown)) == 20
    assert shown[2].endswith("x…")
    assert shown[3] == "6  short"


TIME = "2026-11-26T05:00:00.000000Z"


def timed(width: int, texts: int) -> list[str]:
    made = Table(width)
    columns = [("time", "TIMESTAMP"), ("n", "DOUBLE"), *((f"text {n}", "") for n in range(texts))]
    return made.lines(columns, [[TIME, "12345678", *["x" * 20] * texts]]) + made.remaining_lines()


def test_a_narrow_terminal_cuts_texts_but_neither_times_nor_numbers():
    assert timed(46, 1)[2] == f"{TIME}  12345678  xxxxxx…"
    assert max(map(len, timed(46, 1))) == 46


def test_a_table_that_is_too_wide_has_a_value_a_line():
    assert timed(40, 2)[0].splitlines() == [
        f"time    {TIME}", "n       12345678", f"text 0  {'x' * 20}", f"text 1  {'x' * 20}"
    ]  # fmt: skip


def test_what_drives_a_terminal_is_escaped():
    assert table(0, [["1", "a\x1b[2J\nb\u202e"]])[2] == "1  a\\x1b[2J\\x0ab\\u202e"


def test_rows_after_the_first_thousand_come_at_once():
    made = Table(0)
    assert made.lines(COLUMNS, [["1", "a"]] * 10) == []
    assert len(made.lines(COLUMNS, [["1", "a"]] * 1000)) == 1012
    assert made.lines(COLUMNS, [["2", "b"]]) == ["2  b"]
    assert made.remaining_lines() == []
