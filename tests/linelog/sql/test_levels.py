"""Levels in statements: in the order of the query language."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.fields.level_names import LEVELS
from logsrv.linelog.read.view import View
from logsrv.linelog.sql.answer import SqlAnswer
from logsrv.linelog.sql.columns import replace_level_texts
from logsrv.linelog.sql.rows import StoreReading
from tests.parts.stores import lines, make_store, view_of

pytestmark = pytest.mark.usefixtures("both_ways")


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    """A store with a line of each level, and one without; the most severe first."""
    messages = [f"level={name} n={rank}" for rank, name in enumerate(LEVELS)]
    found = view_of(make_store(tmp_path / "logs", [lines(["no level", *reversed(messages)])]))
    yield found
    found.close()


def first_column(view: View, statement: str) -> list[object]:
    answer = SqlAnswer(statement, StoreReading(view, processes=1), utc=True)
    try:
        return [next(iter(row.values())) for batch in answer.batches() for row in batch.to_pylist()]
    finally:
        answer.close()


SEVERE = [*LEVELS[4:]]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("level >= 'error'", SEVERE),
        ("l.level >= 'ERR'", SEVERE),
        ("\"level\" > 'warn'", SEVERE),
        ("'error' <= level", SEVERE),
        ("not level < 'error'", SEVERE),
        ("level between 'warning' and 'error'", ["warning", "error"]),
        ("level >= 'critical' or level = 'debug'", ["debug", *LEVELS[5:]]),
        ("level = 'error'", ["error"]),
        ("level in ('error', 'info', 'banana')", ["info", "error"]),
        ("level = 'banana'", []),
        ("level is null", [None]),
        ("level like 'e%'", ["error", "emergency"]),
        ("level in (select 'alert')", ["alert"]),
        ("level >= 'alert'::log_level", ["alert", "emergency"]),
    ],
)
def test_conditions_on_levels_hold(view, condition, found):
    statement = f"select level from logs l where {condition} order by level"
    assert first_column(view, statement) == found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("select level from logs order by level", [*LEVELS, None]),
        ("select level from logs group by level order by level desc nulls last", [*LEVELS[::-1], None]),
        ("select max(level) from logs", ["emergency"]),
        ("select count(*) filter (where level >= 'error') from logs", [4]),
        ("select l.n from logs l join (values ('error')) w(name) on l.level = w.name", [4]),
        ("select coalesce(level, 'none') from logs where level is null", ["none"]),
        ("with e as (select * from logs where level >= 'alert') select count(*) from e", [2]),
        ("select level || '!' from logs where level = 'alert'", ["alert!"]),
    ],
)  # fmt: skip
def test_levels_compare_in_any_statement(view, statement, found):
    assert first_column(view, statement) == found


def test_a_text_that_is_no_level_has_no_order(view):
    with pytest.raises(QueryError, match="banana is not a level; these are: debug, info") as error:
        first_column(view, "select 'ä' from logs where level >= 'banana'")
    assert error.value.at == 37


def test_only_lines_that_may_have_the_level_are_read(tmp_path):
    view = view_of(make_store(tmp_path / "logs", [lines(["level=info a=1", "level=alert a=2"])]))
    answer = SqlAnswer("select a from logs where level >= 'error'", StoreReading(view, processes=1))
    try:
        assert sum(batch.num_rows for batch in answer.batches()) == 1
        assert answer.rows is not None and answer.rows.lines == 1
    finally:
        answer.close()


def test_what_cannot_be_taken_apart_stays():
    assert replace_level_texts("explain select 1", None) == "explain select 1"
