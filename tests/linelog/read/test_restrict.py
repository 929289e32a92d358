"""No answer about some lines tells of the others: a word, a field and a number that only those have.

Some of these are asked about, and are in answers as they are in the question; others nobody asks about.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from math import nan
from pathlib import Path
from random import Random
from typing import Any, NamedTuple
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.alerts.page.would_fire import TriedAlert, would_fire
from logsrv.linelog.columns import groups
from logsrv.linelog.http import replies, search_request
from logsrv.linelog.http.endpoints import BY_PATH
from logsrv.linelog.http.search_child import answer_request
from logsrv.linelog.read.remembered import RememberedParts
from logsrv.linelog.read.restrict import restrict
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Form, sealed_segments
from tests.leaks import killed
from tests.parts.examples import more
from tests.parts.made_columns import columns_for_few_frames, make_columns
from tests.parts.search_orders import NO_LIMITS, order_of
from tests.parts.stores import BEGIN, lines, make_store, small_frames, view_of

WORD, FIELD, NUMBER = "zanzibar", "kanarienfeld", "987654321"
CANARIES = (b"quagga", b"numbatfield", b"123123123")
LINES, STORES = 150, 4
WHERE = f"{__name__}:"


class StoredRecord(NamedTuple):
    """A line: its fields, and its message."""

    fields: dict[str, Any]
    message: str


class Stores(list[tuple[Path, list[StoredRecord]]]):
    """Stores with their lines. Hypothesis shows what a test gets, and these would be long."""

    def __repr__(self) -> str:
        return "stores"


class Condition(NamedTuple):
    """A filter, and what it says in Python."""

    text: str
    is_true: Callable[[StoredRecord], bool]


_NONE: dict[str, Any] = {"user": "", "ms": nan, "n": nan}
ONLY = (
    Condition("app=web", lambda one: one.fields["app"] == "web"),
    Condition("app in (web, cart)", lambda one: one.fields["app"] in ("web", "cart")),
    Condition("NOT app=api", lambda one: one.fields["app"] != "api"),
    Condition("app=web level>=error", lambda one: one.fields["app"] == "web" and _is_error(one)),
    Condition("shop NOT app=api", lambda one: one.fields["app"] != "api" and "shop" in one.message),
    Condition("ms<500 NOT app=api", lambda one: one.fields["ms"] < 500 and one.fields["app"] != "api"),
)  # fmt: skip


def _is_error(one: StoredRecord) -> bool:
    return one.fields["level"] in ("error", "critical")


def _records(random: Random, *, has_traces: bool) -> Iterator[StoredRecord]:
    for number in range(LINES):
        app = random.choice(["web", "web", "cart", "api", "api"])
        fields = {
            "app": app,
            "level": random.choice(["info", "warning", "error", "critical"]),
            "user": random.choice(["ann", "bob", "eve"]),
            "ms": random.randrange(1000),
            "n": number,
        }
        words = random.choice(["in the shop", "at the shop", "user logged in", "timeout"])
        if app == "api":
            words += f" {WORD} app=web quagga"
            fields |= {FIELD: "x", "ms": random.choice([int(NUMBER), 123123123])}
            fields |= {f"{FIELD}.{WORD}": NUMBER, "numbatfield": "quagga", "user": "quagga"}
        if random.randrange(2):
            yield StoredRecord(fields, json.dumps(fields | {"msg": words}))
        else:
            pairs = " ".join(f"{name}={value}" for name, value in fields.items())
            yield StoredRecord(fields, f"{words} {pairs}" if app != "api" else f"{pairs} {WORD}")
        if has_traces and not random.randrange(4):
            # Lines inside a record have its program and its level, and nothing else of these fields.
            inside = {**_NONE, "level": fields["level"], "app": app}
            name = f"quagga.{WORD}(numbatfield.java:123123123)" if app == "api" else "a.b(c.java:1)"
            for _ in range(random.randrange(1, 3)):
                yield StoredRecord(inside, f"  at {name}")


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Stores:
    """Stores with columns, compressed text without them, plain text and an active segment."""
    return Stores(_make_store(seed, tmp_path_factory.mktemp("stores")) for seed in range(STORES))


def _make_store(seed: int, home: Path) -> tuple[Path, list[StoredRecord]]:
    random = Random(seed)
    records = list(_records(random, has_traces=seed >= 2))
    stored = lines([one.message for one in records], step=0.001 if seed >= 2 else 0.5)
    cuts = [0, *sorted(random.sample(range(1, len(records)), 3)), len(records)]
    parts = [stored[start:end] for start, end in pairwise(cuts)]
    with small_frames(2000), patch.object(groups, "GROUP_LINES", 30):
        store = make_store(home / "store", parts, packed=2)
        disk = Disk().open_directory(store)
        packed = [one for one in sealed_segments(disk) if one.form is Form.PACKED]
        make_columns(packed[0], disk)
        disk.close()
    return store, records


ATOMS = (
    Condition("", lambda one: True),
    Condition("shop", lambda one: "shop" in one.message),
    Condition("user=ann", lambda one: one.fields["user"] == "ann"),
    Condition("ms>300", lambda one: one.fields["ms"] > 300),
    Condition("level=error", lambda one: one.fields["level"] == "error"),
    Condition("app=api", lambda one: one.fields["app"] == "api"),
    Condition("NOT app=web", lambda one: one.fields["app"] != "web"),
    Condition(WORD, lambda one: WORD in one.message),
    Condition(f"NOT {WORD}", lambda one: WORD not in one.message),
    Condition(f"{FIELD}=*", lambda one: FIELD in one.fields),
    Condition(f"ms={NUMBER}", lambda one: one.fields["ms"] == int(NUMBER)),
    Condition(f"NOT ms<={NUMBER}", lambda one: not one.fields["ms"] <= int(NUMBER)),
    # A name of a part of the message is no field of the reader's condition.
    Condition("/(?P<app>web)/ app=web", lambda one: "web" in one.message),
    Condition("/(?P<app>a?p?i?)/", lambda one: True),
)  # fmt: skip
STAGES = (
    "", ' | extract "level=<app> "', " | extract /(?P<ms>[0-9]+)/ | where ms>1", " | where n>=10",
)  # fmt: skip
FIGURES = (
    "count", "count by app", f"count by {FIELD}", "count by user, level", "sum ms, max ms by app",
    "max ms", "last user by app", "count every 10s by app", "count by app compare 30s", "p95 ms by level",
    "count_distinct user by app every 1m", f"avg `{FIELD}.{WORD}`", "rate by user",
)  # fmt: skip
FIELDS = ("app", "user", "ms", FIELD, "level", "message", f"{FIELD}.{WORD}", "source")


def _asked(random: Random, query: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every endpoint that reads lines, with parameters of the query."""
    times = NO_LIMITS
    if not random.randrange(3):
        times = times | {"since": rfc3339(BEGIN + 20), "until": rfc3339(BEGIN + 150)}
    scope = {"q": query, **times}
    place = f"{random.randrange(1, 5)}:{random.choice([0, random.randrange(9000)])}"
    lines: dict[str, Any] = {
        "limit": random.choice([1, 7, 1000]),
        "before": None,
        "after": None,
        "newest": False,
        "join": False,
    }
    lines |= {"reverse": False, "format": random.choice(["json", "csv", "text"]), "columns": ""}
    yield "search", {**scope, **lines, "join": bool(random.randrange(2))}
    yield "search", {**scope, **lines, "reverse": True, "join": bool(random.randrange(2))}
    yield "search", {**scope, **lines, "newest": True, "before": place, "format": "json"}
    for stage in ("sort ms desc", "sample 5", f"sort {FIELD}"):
        yield "search", {**scope, **lines, "q": f"{query} | {stage}"}
    span = {"begin": "1:0", "end": "4:999999"}
    yield "tail", {"q": query, **NO_LIMITS, **span, "join": bool(random.randrange(2))}
    with_progress = {**scope, "progress": bool(random.randrange(2)), "tz": ""}
    figure = random.choice(FIGURES)
    if "compare" in figure:
        with_progress |= {"since": rfc3339(BEGIN + 40), "until": rfc3339(BEGIN + 90)}
    table = {"q": f"{query} | {figure}", "limit": 1000, "format": "json", "whole": True}
    yield "table", {**with_progress, **table}
    yield "histogram", {**with_progress, "buckets": 60, "by": random.choice(["", *FIELDS])}
    yield "top", {**scope, "field": random.choice(FIELDS), "limit": 1000}
    by, since = random.choice(["", "app", FIELD]), random.choice(["", rfc3339(BEGIN + 100)])
    yield "patterns", {**with_progress, "limit": 1000, "by": by, "new_since": since}
    yield "fields", scope
    yield "sources", scope
    yield "show", {"position": place, "before": 9, "after": 9}
    yield "record", {"position": place}


def _answer(
    store: Path, only: str, name: str, values: dict[str, Any], remembered: RememberedParts | None
) -> bytes:
    sent: list[bytes] = []
    answer_request(order_of(store, name, values, only), sent.append, lambda _: None, remembered)
    return b"".join(sent[1:]) if sent and sent[0].startswith(b"200") else b"".join(sent)


@pytest.mark.minutes(3)
@settings(
    more(1),
    derandomize=settings().max_examples <= 25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(0, 2**32 - 1))
def test_no_answer_tells_of_hidden_lines_and_all_count_the_others(stores, seed):
    random = Random(seed)
    store, records = random.choice(stores)
    # A search of few lines takes longer to fork than to search.
    with (
        columns_for_few_frames(),
        killed(),
        patch.object(search_request, "PROCESSES", 1),
    ):
        remembered = RememberedParts()
        only = random.choice(ONLY)
        some = [random.choice(ATOMS)]
        if "?P<" not in some[0].text:
            some.append(random.choice([one for one in ATOMS if "?P<" not in one.text]))
        query = " ".join(one.text for one in some)
        if "?P<" not in query:
            _check_count(store, only, some, records, remembered)
        query += random.choice(STAGES if "?P<" not in query else ("",))
        for name, values in _asked(random, query):
            body = _answer(store, only.text, name, values, remembered)
            assert not any(text in body for text in CANARIES), (only.text, name, values, body)


def _check_count(
    store: Path,
    only: Condition,
    some: Sequence[Condition],
    records: Sequence[StoredRecord],
    remembered: RememberedParts,
) -> None:
    query = " ".join(one.text for one in some)
    values: dict[str, Any] = {"q": f"{query} | count", "limit": 9, "whole": False}
    values |= {"format": "json", "since": "", "until": "", "source": "", "tz": ""}
    seen = sum(only.is_true(one) and all(each.is_true(one) for each in some) for one in records)
    for asked, wanted in (
        (only.text, seen),
        # The answer of who sees all lines is another one, though the question is the same.
        ("", sum(all(each.is_true(one) for each in some) for one in records)),
        (only.text, seen),
    ):
        found = json.loads(_answer(store, asked, "table", values, remembered))
        assert found["rows"][0][0] == wanted, (asked, values["q"])
    histogram: dict[str, Any] = {"q": query}
    histogram |= {"since": "", "until": "", "source": "", "buckets": 100, "by": "", "tz": ""}
    bars = json.loads(_answer(store, only.text, "histogram", histogram, remembered))["buckets"]
    assert sum(bar["count"] for bar in bars) == seen


def test_all_endpoints_that_read_lines_are_asked():
    """A new endpoint is asked here, too, or it refuses who sees only some lines."""
    asked = {name for name, _ in _asked(Random(1), "x")}
    assert asked == {*replies.REPLIES}
    others = {"/api/me", "/api/stats", "/api/saved", "/openapi.json"}
    restricted = {path for path, endpoint in BY_PATH.items() if endpoint.of_some_lines}
    assert restricted == {f"/api/{name}" for name in asked} | others


def test_an_alert_is_tried_with_the_lines_that_its_reader_may_see(tmp_path):
    messages = [f"x app={app} n=1" for app in ("web", "api", "api", "web", "api")]
    store = make_store(tmp_path / "store", [lines(messages)])
    values: TriedAlert = {
        "alert": "x",
        "since": rfc3339(BEGIN - 5),
        "until": rfc3339(BEGIN + 50),
        "every": 1.0,
    }
    with view_of(store) as view:
        restrict(view, "app=web")
        [answer] = would_fire(view, values)
        assert json.loads(answer)["lines"] == 2
        values["alert"] = "x | count by app > 0 in 5s"
        [answer] = would_fire(view, values)
        assert b"api" not in answer and b"web" in answer
