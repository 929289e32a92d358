"""Engines count the same in a lake as logsrv does in the store: ClickHouse (chdb), DuckDB and Polars."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.lake.lake_segment import put_lake_segment
from logsrv.linelog.objects.opening import open_archive
from tests.parts.archived_stores import STORE, packed
from tests.parts.commands import logsrv
from tests.parts.disks import at
from tests.parts.engines import ask_engine, seaweed
from tests.parts.sample_lines import KINDS
from tests.parts.stores import line, make_store

pytestmark = pytest.mark.long

COMMON = (
    "select level, count(*) from lake group by level",
    "select app, count(*) from lake group by app",
)
AVERAGE = "select app, avg({number}) from lake group by app having avg({number}) is not null"
STATEMENTS = {
    "duckdb": (
        *COMMON,
        "select strftime(time::timestamp, '%Y-%m-%d %H'), count(*) from lake group by 1",
        AVERAGE.format(number="fields['ms']::double"),
    ),
    "chdb": (
        *COMMON,
        "select formatDateTime(time, '%Y-%m-%d %H'), count() from lake group by 1",
        AVERAGE.format(number="toFloat64OrNull(fields['ms'])"),
    ),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose lines are all in sealed segments, of two days."""
    directory = tmp_path_factory.mktemp("store") / "store"
    messages = [
        *KINDS,
        *(b'{"app":"a%d","ms":%d.25,"level":"warn","n":[1,2]}' % (n % 7, n) for n in range(300)),
        *(b"level=info app=b%d ms=%d took" % (n % 3, n * n) for n in range(200)),
    ]
    segments = [
        [line(one, at * 100 + part * 43_200) for at, one in enumerate(messages)]
        for part in range(2)
    ]
    make_store(directory, [*segments, []])
    return directory


@pytest.fixture(scope="module")
def figures(store: Path) -> list[list[Any]]:
    return figures_of_logsrv(store)


def figures_of_logsrv(store: Path) -> list[list[Any]]:
    """Ask `logsrv search` for the same figures."""
    return [
        [[row.get("level"), row["count"]] for row in rows_of(store, "| count by level")],
        [[row.get("app"), row["count"]] for row in rows_of(store, "| count by app")],
        [
            [row["time"][:13].replace("T", " "), row["count"]]
            for row in rows_of(store, "| count every 1h")
        ],
        [
            [row.get("app"), row["avg_ms"]]
            for row in rows_of(store, "| avg ms by app")
            if row["avg_ms"] is not None
        ],
    ]


def rows_of(store: Path, query: str) -> list[dict[str, Any]]:
    ran = logsrv("search", "--directory", str(store), "--utc", "--output", "json", query)
    assert ran.returncode == 0, ran.stderr
    return [json.loads(one) for one in ran.stdout.splitlines()]


def require_same(found: list[list[Any]], wanted: list[list[Any]]) -> None:
    """Compare figures without their order; averages of the same numbers may differ in the last digit."""
    for one, other in zip(found, wanted, strict=True):
        assert Counter(map(_rounded, one)) == Counter(map(_rounded, other))


def _rounded(row: list[Any]) -> tuple[Any, ...]:
    return tuple(round(one, 6) if isinstance(one, float) else one for one in row)


@pytest.fixture(scope="module")
def directory(store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A lake of the store in a directory."""
    folder = tmp_path_factory.mktemp("lake")
    put_all(store, f"file://{folder}")
    assert len(list(folder.glob("day=*/*.parquet"))) == 3
    return str(folder)


def put_all(store: Path, url: str) -> None:
    for segment in packed(store):
        put_lake_segment(open_archive(url), segment, at(store), STORE, lambda: True)


def of_lake(engine: str, source: str) -> list[str]:
    return [one.replace("from lake", f"from {source}") for one in STATEMENTS[engine]]


def test_duckdb_counts_the_same(directory, figures):
    source = f"read_parquet('{directory}/*/*.parquet', hive_partitioning = true)"
    require_same(ask_engine("duckdb", *of_lake("duckdb", source)), figures)


def test_chdb_counts_the_same(directory, figures):
    source = f"file('{directory}/*/*.parquet', Parquet)"
    require_same(ask_engine("chdb", *of_lake("chdb", source)), figures)


def test_polars_counts_the_same(directory, figures):
    require_same(ask_engine("polars", f"{directory}/*/*.parquet"), figures)


@pytest.fixture(scope="module")
def bucket(store: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The variables by which the lake of the store is reached in SeaweedFS."""
    with seaweed(tmp_path_factory.mktemp("weed"), "lake") as environment:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            put_all(store, "s3://lake/logs")
            # What is there already stays.
            put_all(store, "s3://lake/logs")
        yield environment


def test_engines_count_the_same_in_a_bucket(bucket, figures):
    key, secret = bucket["AWS_ACCESS_KEY_ID"], bucket["AWS_SECRET_ACCESS_KEY"]
    url = f"{bucket['AWS_ENDPOINT_URL']}/lake/logs/*/*.parquet"
    source = f"s3('{url}', '{key}', '{secret}', Parquet)"
    require_same(ask_engine("chdb", *of_lake("chdb", source)), figures)
    polars = ask_engine("polars", "s3://lake/logs/*/*.parquet", environment=bucket)
    require_same(polars, figures)
