"""Tables that fit a terminal."""

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import duckdb
import pytest

from logsrv.errors import LogsrvError
from logsrv.linelog.commands.rows import cell_text, cell_texts, writer
from logsrv.linelog.commands.table import RowWriter
from logsrv.linelog.read.tables.text_table import Table

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


MOMENT = datetime(2026, 11, 20, 6, 0, 1, 500000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (1.5, "1.5"),
        (Decimal("1E+3"), "1000"),
        (MOMENT, "2026-11-20T06:00:01.500000Z"),
        (date(2026, 11, 20), "2026-11-20"),
        (b"\xff", "\\xff"),
        ([1, None, "a"], "[1, NULL, a]"),
        ({"a": MOMENT}, "{a: 2026-11-20T06:00:01.500000Z}"),
    ],
)
def test_each_value_has_its_text(value, text):
    assert cell_text(value, local=False) == text


def test_local_times_have_their_offset():
    shown = cell_text(MOMENT, local=True)
    assert datetime.fromisoformat(shown) == MOMENT
    assert not shown.endswith("Z")


def test_a_column_of_duckdb_becomes_texts():
    relation = duckdb.sql(
        "select * from (values (interval '1 month 2 days 3 seconds', 'a'), (null, null)) t(i, s)"
    )
    assert relation is not None
    table = relation.to_arrow_table()
    assert cell_texts(table.column("i").chunk(0), local=False) == ["1 month 2 days 00:00:03", None]
    assert cell_texts(table.column("s").chunk(0), local=False) == ["a", None]


def written(path: Path, output: str, statement: str) -> str:
    relation = duckdb.sql(statement)
    assert relation is not None
    columns = list(zip(relation.columns, map(str, relation.types), strict=True))
    with writer(output, str(path), local=False, paged=False) as out:
        for batch in relation.to_arrow_reader(100):
            out.write(columns, batch)
    return path.read_text()


def test_json_has_numbers_lists_and_objects(tmp_path):
    statement = (
        "select sum(5) s, 1.5::decimal(3,1) d, [1] l, {'a': 'nan'::double} o, '{\"x\":[]}'::json j"
    )
    found = written(tmp_path / "x", "json", statement)
    assert found == '{"s":5,"d":1.5,"l":[1],"o":{"a":null},"j":{"x":[]}}\n'


@pytest.mark.parametrize(("for_terminal", "cell"), [(False, "\x1b[2J"), (True, "\\x1b[2J")])
def test_csv_that_comes_in_pieces_has_one_head_and_drives_no_terminal(for_terminal, cell):
    file = BytesIO()
    rows = RowWriter(file, "csv", for_terminal=for_terminal)
    for number in (1, 2):
        rows.write(COLUMNS, [[number, "\x1b[2J"]])
    rows.end()
    assert file.getvalue().decode().splitlines() == ["n,text", f"1,{cell}", f"2,{cell}"]


def test_csv_quotes_the_values_that_need_it(tmp_path):
    found = written(tmp_path / "x", "csv", 'select \'a,"b\' as "x y", null as z')
    assert found == 'x y,z\n"a,""b",\n'


def test_a_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(LogsrvError, match=r"--to .*nowhere"):
        written(tmp_path / "nowhere" / "x", "csv", "select 1")
