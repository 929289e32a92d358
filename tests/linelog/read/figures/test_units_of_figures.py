"""Units of figures: by the names of fields, and by how their values are written, in text and in columns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.query.units import PLAIN, SIZES, TIMES, unit_of_figures
from logsrv.linelog.read.figures.group_table import Rows
from logsrv.linelog.read.plan import Scope
from tests.linelog.read.figures.tables import ask
from tests.parts.stores import add_columns, lines, make_store, view_of


@pytest.mark.parametrize(
    ("field", "ways", "unit"),
    [
        *((f"took_{name}", 0, name) for name in ("ns", "ms", "s", "min")),
        ("tookMs", 0, "ms"),
        ("took_us", 0, "µs"),
        *((name, 0, "B") for name in ("bytes", "body_bytes_sent", "size")),
        *(
            (name, 0, "s")
            for name in ("duration", "rt", "request_time", "upstream_response_time", "took")
        ),
        *((f"size_{unit.lower()}", 0, unit) for unit in ("kB", "MB", "GB", "KiB", "MiB", "GiB")),
        ("fields.took", 0, "s"),
        ("n", 0, None),
        ("n", PLAIN, None),
        ("n", TIMES, "s"),
        ("n", SIZES, "B"),
        ("n", PLAIN | TIMES, None),
        ("n", TIMES | SIZES, None),
        ("took", PLAIN, "s"),
        ("took", PLAIN | TIMES, "s"),
        ("took", SIZES, "B"),
        ("took", PLAIN | SIZES, None),
        ("size", PLAIN | SIZES, "B"),
        # Its values of other kinds are no numbers.
        ("took_ms", PLAIN | TIMES, "ms"),
    ],
)
def test_the_name_of_a_field_and_its_values_tell_the_unit_of_figures(field, ways, unit):
    assert unit_of_figures(field, ways) == unit


MESSAGES = [
    *("app=a lag=39ms mixed=1s any=5 list=7", "app=a lag=1m mixed=2 any=6s list=8"),
    *('app=b took="2 kB" any=7kB n=1', '{"app":["a","b"],"cost":["3ms","2ms"]}', "app=c big=1MiB"),
]
FIGURES = (
    "avg lag, p95 lag, sum mixed, max any, min took, sum cost, max big, sum n, count, "
    "count_distinct lag, last lag, rate, max time, sum ms"
)
UNITS = ("s", "s", None, None, "B", "s", "B", *[None] * 6, "ms")


@pytest.fixture(scope="module", params=["text", "columns"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    every = lines(MESSAGES)
    made = make_store(tmp_path_factory.mktemp("units") / "logs", [every[:2], every[2:3], every[3:]])
    return add_columns(made) if request.param == "columns" else made


def table(store: Path, query: str, scope: Scope = Scope()) -> Rows:  # noqa: B008
    with view_of(store) as view:
        return ask(view, query, scope)


def units(store: Path, query: str, scope: Scope = Scope()) -> Sequence[Any]:  # noqa: B008
    return table(store, query, scope).units


@pytest.mark.parametrize("by", ["", "by app", "every 1s by app"])
def test_figures_have_the_unit_of_the_values_that_were_counted(store, by):
    before = {"": 0, "by app": 1}.get(by, 2)
    assert units(store, f"| {FIGURES} {by}") == (*[None] * before, *UNITS)


def test_only_lines_that_are_found_tell(store):
    assert units(store, "mixed=1s | sum mixed, max any") == ("s", None)
    assert units(store, "any=6s | max any") == ("s",)
    assert units(store, "| max any if (any=7kB) as a, max any if (any=6s) as b, max any") == (
        *("B", "s"),
        None,
    )


def test_compared_figures_have_one_unit(store):
    scope = Scope(since="2026-11-20T06:00:01.000000Z", until="2026-11-20T06:00:02.000000Z")
    found = units(store, "| max mixed, max lag, last lag compare 1s", scope)
    assert found == (*[None] * 3, *["s"] * 3, *[None] * 2)


def test_stages_behind_figures_keep_the_units(store):
    query = "| sum lag, count, max big by app | let each = lag / count | where each > 0 | sort each"
    found = table(store, query)
    assert found.columns[-1] == "each"
    assert found.units == (None, "s", None, "B", "s")
