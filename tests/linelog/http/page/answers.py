"""Answers for figures, as the server gives them."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

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


def time_of(step: int, every: float) -> str:
    return (START + timedelta(seconds=step * every)).isoformat()
