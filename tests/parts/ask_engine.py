"""Statements for an engine from standard input, and the rows of each to standard output, as JSON.

It runs in an environment that has the engines, and not logsrv: see `engines.py`.
"""

import json
import os
import sys
from collections.abc import Callable
from typing import Any


def ask_chdb(statements: list[str]) -> list[Any]:
    """Each statement in turn, in one session."""
    from chdb.session import Session

    session = Session()
    rows = []
    for statement in statements:
        lines = str(session.query(statement, "JSONCompactEachRow")).splitlines()
        rows.append([json.loads(line) for line in lines])
    return rows


def ask_duckdb(statements: list[str]) -> list[Any]:
    """Each statement in turn, in one database."""
    import duckdb

    database = duckdb.connect()
    return [[*map(list, database.execute(one).fetchall())] for one in statements]


def ask_polars(urls: list[str]) -> list[Any]:
    """The figures of the lake at the first URL: no SQL of Polars has maps."""
    import polars
    from polars import col

    [url] = urls
    options = {key.lower(): value for key, value in os.environ.items() if key.startswith("AWS_")}
    if not url.startswith("s3:"):
        options = {}
    lake = polars.scan_parquet(url, hive_partitioning=True, storage_options=options)
    number = col("fields").map.get("ms").cast(polars.Float64)
    known = lake.filter(col("time").is_not_null())
    figures = [
        lake.group_by("level").agg(polars.len()),
        lake.group_by("app").agg(polars.len()),
        known.group_by(col("time").dt.truncate("1h").dt.to_string("%Y-%m-%d %H")).agg(polars.len()),
        lake.group_by("app").agg(number.mean().alias("ms")).drop_nulls("ms"),
    ]
    return [[*map(list, one.collect().rows())] for one in figures]


ENGINES: dict[str, Callable[[list[str]], list[Any]]] = {
    "chdb": ask_chdb,
    "duckdb": ask_duckdb,
    "polars": ask_polars,
}

if __name__ == "__main__":
    json.dump(ENGINES[sys.argv[1]](json.load(sys.stdin)), sys.stdout)
