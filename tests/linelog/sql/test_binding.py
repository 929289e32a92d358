"""Fields that statements name, and their kinds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.sql.binding import Binder
from logsrv.linelog.sql.columns import ColumnType
from logsrv.linelog.sql.fault import StatementError
from logsrv.linelog.sql.session import connect

T, INT, N = ColumnType.TEXT, ColumnType.INTEGER, ColumnType.NUMBER


class Known:
    """Kinds by the first letter of the name."""

    def kind(self, name: str) -> ColumnType:
        return {"i": INT, "n": N}.get(name[0], T)

    def kind_of_number(self, name: str) -> ColumnType:
        return INT


@pytest.fixture
def binder(tmp_path: Path) -> Iterator[Binder]:
    connection = connect(str(tmp_path), utc=True)
    yield Binder(connection, Known())
    connection.close()


@pytest.mark.parametrize(
    ("statement", "fields"),
    [
        ("select time, message from logs", {}),
        ("select i1, n1, t1 from logs", {"i1": INT, "n1": N, "t1": T}),
        ("select l.i1 from logs l", {"i1": INT}),
        ('select "t.a b" from logs', {"t.a b": T}),
        ("select count(*) as total from logs order by total", {}),
        ("select lower(t1) as t1 from logs group by t1", {"t1": T}),
        ("select date_trunc('hour', time) as hour, count(*) from logs group by hour", {}),
        ("with a as (select i1 as x from logs) select x from a", {"i1": INT}),
        ("select count(*) from logs where i1 = 'bob'", {"i1": T}),
        ("select count(*) from logs where i1 in ('5', '6')", {"i1": INT}),
        ("select lower(i1) from logs", {"i1": T}),
        ("select avg(t1) + avg(t2) from logs", {"t1": INT, "t2": INT}),
        ("select 1 from logs where t1 >= 500 and t2 = 3", {"t1": INT, "t2": INT}),
        ("select cast(t1 as int), try_cast(t2 as int) from logs", {"t1": INT, "t2": T}),
        ("select user from logs", {"user": T}),
        ("select 1 from logs a join logs b using (i1)", {"i1": INT}),
        ("describe select i1 from logs", {"i1": INT}),
    ],
)
def test_fields_and_their_kinds(
    binder: Binder, statement: str, fields: dict[str, ColumnType]
) -> None:
    assert binder.bind(statement, explained=False) == fields


@pytest.mark.parametrize(
    "statement",
    [
        "select x from logs l, (select 1) b where b.x = 1",
        "select avg(message) from logs",
        "select nope(1)",
        "select A, a from nowhere",
        "with a as (select host from logs) select x from a",
    ],
)
def test_errors_are_not_mistaken_for_fields(binder: Binder, statement: str) -> None:
    with pytest.raises(StatementError):
        binder.bind(statement, explained=False)


def test_kinds_that_cannot_suit_all_do_not_go_round_for_ever(binder: Binder) -> None:
    assert binder.bind("select 1 from logs where t1 = 5 or t1 = 'x'", explained=False).keys() == {
        "t1"
    }


def test_a_long_constant_is_not_drawn(binder: Binder) -> None:
    """To draw the plan of this one took DuckDB 20 s, in which it heard no signal."""
    began = time.process_time()
    assert binder.bind("select repeat('x', 30000000), t1 from logs", explained=False) == {"t1": T}
    assert time.process_time() - began < 10
