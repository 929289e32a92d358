"""SQL statements that read all lines of a store: CPU time over the size of the text, for some columns.

Each is a new process, as a user starts it: half a second of its CPU time is the start of Python, DuckDB and
PyArrow. The cost of finding a field differs between kinds of text.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from bench.curves.curve import Curve
from bench.search import LOGSRV, run
from bench.stores import make

SEGMENT_MIB = 64
START = 0.8
"""CPU s that a statement may take on an empty store."""
SIZES, SHORT = (128, 256, 512, 1024), (4, 8, 16, 32)


def asked(size: int, directory: Path, *, kind: str, columns: str) -> float:
    """Return the CPU seconds of a statement that groups all lines of `size` MiB by `columns`."""
    store = directory / f"{kind}-{size}"
    if not store.exists():
        each = min(size, SEGMENT_MIB)
        make(store, size // each, each, kind)
    statement = f"select {columns}, count(*) as n from logs group by all order by n desc limit 3"
    took = run([str(LOGSRV), "sql", "--directory", str(store), "--output", "csv", statement])
    if took.output.count(b"\n") < 3:
        raise RuntimeError(f"{statement!r} was answered with {took.output!r}")
    return took.cpu


def _curve(name: str, kind: str, columns: str, of_gib: float) -> Curve:
    most = {size: START + of_gib * size / 1024 for size in SIZES}
    measure = partial(asked, kind=kind, columns=columns)
    return Curve(f"sql-{name}", f"MiB of {kind}", "CPU s", SIZES, SHORT, measure, 1.05, most)


CURVES = (
    _curve("columns", "mix", "level, source, date_trunc('minute', time)", 8),
    _curve("object", "json", "service", 15),
    _curve("header", "syslog", "app", 15),
    _curve("pair", "logfmt", "caller", 15),
    _curve("any", "mix", "status", 15),
)
