"""Answers for figures, as the server gives them."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from logsrv.linelog.query.units import unit_of_figures

START = datetime(2026, 11, 20, 6, tzinfo=UTC)


def answer(
    columns: list[str],
    rows: Iterable[tuple[Any, ...]],
    by: tuple[str, ...] = (),
    every: float | None = 600,
) -> dict[str, Any]:
    """Return an answer for figures; a number at the start of a row over time is that of its step."""
    shown: list[tuple[Any, ...]] = list(rows)
    if every is not None:
        shown = [(time_of(step, every), *rest) for step, *rest in shown]
    names = (["time"] if every is not None else []) + [*by, *columns]
    none: list[str] = []
    return {
        "columns": names,
        "kinds": [*map(_kind, names)],
        "units": [*map(_unit, names)],
        "rows": shown,
        "by": by,
        "every": every,
        "groups": len(shown),
        "lines": 60,
        "without": none,
        "left_out": 0,
        "exact": True,
        "absent": none,
        "missed": 0,
        "since": None,
        "until": None,
    }


def _kind(column: str) -> str:
    """What the cells of a column with such a name are."""
    if column == "time" or column.startswith(("min_time", "max_time")):
        return "time"
    kinds = {
        "count_distinct": "distinct",
        "count": "count",
        "sum": "sum",
        "first": "text",
        "last": "text",
    }
    return next((kind for name, kind in kinds.items() if column.startswith(name)), "number")


def _unit(column: str) -> str | None:
    """The unit of the numbers of a column with such a name."""
    function, _, field = column.partition("_")
    if function == "part":
        return "share"
    of_numbers = function in ("sum", "avg", "min", "max", "p50", "p95", "p99")
    return unit_of_figures(re.sub("_(before|change)$", "", field)) if of_numbers else None


def time_of(step: int, every: float) -> str:
    return (START + timedelta(seconds=step * every)).isoformat()
