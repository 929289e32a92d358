"""The queries of many alerts, matched in one pass over the same text: CPU time for a line, over their
number.

The queries are words and fields, of which a few match each line. The other work of the process of alerts
is the same for any number: it reads the text once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

from bench.curves.curve import Curve
from logsrv.linelog.query.many import ManyQueries
from logsrv.linelog.query.match import make_matcher as compiled
from logsrv.linelog.query.parse import parse

STAMP = b"2026-11-20T06:18:42.123456Z web@tcp:10.0.0.1:51234 "
LINES = 20_000
SIZES, SHORT = (1, 10, 100, 1000), (1, 10, 100)
# The most CPU µs for a line with 1,000 queries.
MOST = 3.0


@cache
def _text() -> bytes:
    """Return lines of a small service, all different."""
    line = b'level=info service=shop%d status=%d duration=%dms msg="GET /api/v1/items/%x"\n'
    return b"".join(
        STAMP + line % (number % 50, 200 + number % 7, number % 2000, number * 2654435761)
        for number in range(LINES)
    )


def cost(size: int, directory: Path, *, query: Callable[[int], str]) -> float:
    """Return the CPU µs for a line with `size` queries."""
    many = ManyQueries([compiled(parse(query(number))) for number in range(size)])
    text = _text()
    begun = time.process_time()
    found = sum(len(lines) for _, lines in many.find(text))
    took = time.process_time() - begun
    if not found:
        raise RuntimeError("no line matched")
    return took * 1e6 / LINES


def _curve(name: str, query: Callable[[int], str]) -> Curve:
    measure = partial(cost, query=query)
    what = f"alerts-{name}"
    return Curve(what, "alerts", "CPU µs a line", SIZES, SHORT, measure, 0.35, {1000: MOST}, 0.1)


CURVES = (
    _curve("words", lambda number: f"shop{number}"),
    _curve("two-words", lambda number: f"status shop{number}"),
    _curve("fields", lambda number: f"service=shop{number}"),
    _curve("numbers", lambda number: f"status={200 + number}"),
)
