"""Plans of DuckDB, and what is made of those that are not understood."""

from __future__ import annotations

import json

from logsrv.linelog.sql.columns import ColumnType
from logsrv.linelog.sql.plan import Plan, everything, of_plans
from logsrv.linelog.sql.push import Wanted

KINDS = {"status": ColumnType.INTEGER}


def scan(*names: str) -> str:
    return json.dumps(
        [{"name": "PYTHON_ARROW_SCAN", "children": [], "extra_info": {"Projections": list(names)}}]
    )


def test_what_is_not_understood_is_read_in_full() -> None:
    for explained in ("", "[]x", '[{"name": 5}]', scan("unheard-of")):
        assert of_plans([], explained, KINDS) == everything(KINDS)


def test_without_a_plan_the_columns_are_known_still() -> None:
    for plans in (None, [], [{"type": "X"}], [{"children": 3}]):
        found = of_plans(plans, scan("time", "STATUS"), KINDS)
        assert found == Plan(frozenset(("time", "status")), Wanted())
