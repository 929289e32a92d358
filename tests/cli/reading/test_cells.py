"""Values as text."""

from datetime import UTC, date, datetime
from decimal import Decimal

import duckdb
import pytest

from logsrv.cli.reading.cells import cell_text, cell_texts

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
