"""A question to one engine over Parquet files, in a process of its own.

    python bench/parquet_engine.py DuckDB minute FILE...

It prints an object: seconds and CPU seconds without the import, and the rows. Nothing of logsrv is
imported, so that the process costs what the engine does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

THREADS = 2
SQL = {
    "app": "select count(*) from {files} where app = 'sshd'",
    "minute": "select {minute} as start, level, count(*) from {files} group by start, level",
    "top": "select client, count(*) as lines from {files} where client is not null"
    " group by client order by lines desc, client limit 10",
    "p95": "select {ten_minutes} as start, path, {p95} from {files} group by start, path",
    "class": "select {hour} as start, status_class, count(*) from {files} group by start, status_class",
}
"""The questions of bench.columns, by their names there."""


def _statement(question: str, files: str, steps: str, p95: str) -> str:
    """Return SQL. steps: an engine's expression for the number of a step of so many microseconds."""
    sizes = {"minute": 60, "ten_minutes": 600, "hour": 3600}
    starts = {name: steps.format(size * 1_000_000) for name, size in sizes.items()}
    return SQL[question].format(files=files, p95=p95, **starts)


def duckdb(question: str, files: Sequence[str]) -> Callable[[], list[Any]]:
    """Import DuckDB, and return the function that asks."""
    import duckdb as engine

    def ask() -> list[Any]:
        connection = engine.connect(config={"threads": THREADS})
        statement = _statement(
            question,
            f"read_parquet({[*files]!r}, union_by_name=true)",
            "epoch_us(time) // {0}",
            "quantile_cont(rt, 0.95)",
        )
        return connection.execute(statement).fetchall()

    return ask


def chdb(question: str, files: Sequence[str]) -> Callable[[], list[Any]]:
    """Import ClickHouse, and return the function that asks."""
    import chdb as engine  # type: ignore[import-not-found]

    folder = os.path.dirname(files[0])
    names = ",".join(os.path.basename(file) for file in files)

    def ask() -> list[Any]:
        statement = _statement(
            question,
            f"file('{folder}/{{{names}}}', Parquet)",
            "intDiv(toUnixTimestamp64Micro(assumeNotNull(time)), {0})",
            "quantileExactInclusive(0.95)(rt)",
        )
        settings = f" settings max_threads={THREADS}"
        answer = engine.query(statement + settings, "JSONCompactEachRow")
        return [json.loads(line) for line in str(answer).splitlines()]

    return ask


def polars(question: str, files: Sequence[str]) -> Callable[[], list[Any]]:
    """Import Polars, and return the function that asks."""
    os.environ["POLARS_MAX_THREADS"] = str(THREADS)
    import polars as engine  # type: ignore[import-not-found]

    def start(seconds: int) -> Any:
        micros = engine.col("time").dt.epoch("us")
        return (micros // (seconds * 1_000_000)).alias("start")

    def ask() -> list[Any]:
        lines = engine.concat([engine.scan_parquet(file) for file in files], how="diagonal_relaxed")
        count = engine.len()
        if question == "app":
            found = lines.filter(engine.col("app") == "sshd").select(count)
        elif question == "top":
            groups = lines.filter(engine.col("client").is_not_null()).group_by("client")
            order = ["len", "client"]
            found = groups.agg(count).sort(order, descending=[True, False]).limit(10)
        elif question == "p95":
            rt = engine.col("rt").quantile(0.95, "linear")
            found = lines.group_by(start(600), "path").agg(rt)
        else:
            key, seconds = {"minute": ("level", 60), "class": ("status_class", 3600)}[question]
            found = lines.group_by(start(seconds), key).agg(count)
        return [*found.collect().rows()]

    return ask


ENGINES = {"DuckDB": duckdb, "ClickHouse": chdb, "Polars": polars}


def main(arguments: Sequence[str]) -> None:
    """Ask, and print what it took, and the rows."""
    engine, question, *files = arguments
    ask = ENGINES[engine](question, files)
    begun, cpu = time.perf_counter(), time.process_time()
    rows = ask()
    took = {"seconds": time.perf_counter() - begun, "cpu": time.process_time() - cpu}
    json.dump({**took, "rows": rows}, sys.stdout, default=str)


if __name__ == "__main__":
    main(sys.argv[1:])
