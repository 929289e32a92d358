"""The table as a stream."""

from __future__ import annotations

from pathlib import Path

import pyarrow
import pytest

from logsrv.linelog.query.language.tree import Term
from logsrv.linelog.sql.columns import ALWAYS, ColumnType
from logsrv.linelog.sql.plan import Plan
from logsrv.linelog.sql.push import Wanted
from logsrv.linelog.sql.rows import Misfit, Reading, Rows
from tests.linelog.read.stores import lines, make_store, view_of


def rows_of(tmp_path: Path, plan: Plan) -> Rows:
    every = lines(["a=1 b=2", "a=x b=3", "nothing"])
    view = view_of(make_store(tmp_path / "logs", [every[:2], every[2:]]))
    return Rows(Reading(view, processes=1), {"a": ColumnType.INTEGER}, plan)


def test_columns_that_nobody_needs_are_empty(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, Plan(frozenset(["message"]), Wanted(Term("b"))))
    table = pyarrow.table(rows)
    assert table.column_names == [*ALWAYS, "a"]
    assert table.column("message").to_pylist() == ["a=1 b=2", "a=x b=3"]
    assert table.column("a").null_count == table.column("time").null_count == 2


def test_rows_can_be_counted_without_any_column(tmp_path: Path) -> None:
    assert pyarrow.table(rows_of(tmp_path, Plan(frozenset(), Wanted()))).num_rows == 3


def test_each_reading_begins_at_the_first_row(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, Plan(frozenset(["offset"]), Wanted()))
    assert pyarrow.table(rows).equals(pyarrow.table(rows))
    assert rows.lines == 6


def test_a_value_that_does_not_fit_ends_the_reading_unless_it_may_be_missing(
    tmp_path: Path,
) -> None:
    rows = rows_of(tmp_path, Plan(frozenset(["a"]), Wanted()))
    with pytest.raises(Exception, match="a"):
        pyarrow.table(rows)
    assert isinstance(rows.trouble, Misfit)
    rows.lenient = {"a"}
    assert pyarrow.table(rows).column("a").to_pylist() == [1, None, None]
    assert rows.missing == {"a": 1}
