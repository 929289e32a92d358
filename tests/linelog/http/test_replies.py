"""What each endpoint says of a store."""

import json
import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from logsrv.errors import QueryError
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.replies import REPLIES
from logsrv.linelog.read.patterns import pattern_query
from logsrv.linelog.read.view import View
from tests.leaks import killed
from tests.parts.commands import logsrv
from tests.parts.search_orders import values_of
from tests.parts.stores import (
    BEGIN,
    line,
    lines,
    make_store,
    remove_segment,
)

MESSAGES = ["start user=ann n=1", "stop user=bob n=2 level=error", "start user=ann n=3"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two segments: nine lines a second each, then three ten minutes later."""
    return make_store(tmp_path / "store", [lines(MESSAGES * 3), lines(MESSAGES, 600)])


def ask(store: Path, name: str, query: str = "", **values: Any) -> bytes:
    asked = values_of(name, query) | values
    # The process of a search ends with its answer.
    with killed():
        return b"".join(REPLIES[name](View(str(store), lambda _: None), asked))


def found(store: Path, query: str = "") -> list[str]:
    return [json.loads(text)["position"] for text in ask(store, "search", query).splitlines()]


def test_limits_and_places_choose_the_lines_of_a_search(store):
    every = found(store)
    assert len(every) == 12
    assert found(store, "reverse=1") == every[::-1]
    assert found(store, "limit=10") == every[:10]
    assert found(store, "limit=10&reverse=1") == every[:1:-1]
    assert found(store, "limit=0") == found(store, "limit=0&newest=1") == []
    assert found(store, "limit=10&newest=1") == every[2:]
    assert found(store, "limit=12&newest=1") == found(store, "limit=13&newest=1") == every
    assert found(store, f"limit=3&newest=1&q=bob&before={every[10]}") == every[1:10:3]
    assert found(store, f"limit=2&newest=1&after={every[8]}&before={every[11]}") == every[9:11]
    assert found(store, "limit=2&newest=1&reverse=1") == every[:9:-1]
    assert found(store, f"after={every[1]}&before={every[10]}") == every[2:10]
    assert found(store, "q=bob") == every[1::3]
    assert found(store, "since=2026-11-20T06:05:00Z") == every[9:]
    assert found(store, "until=2026-11-20T06:00:01Z") == every[:1]
    assert found(store, "source=udp:*") == []


def test_lines_of_two_senders_name_the_first_line_of_their_record(tmp_path):
    """In both orders, from any line on, in other segments; a query is asked of the record."""
    texts = ["first", " at 1", " at 2", "next", " at 3"]
    mixed = [
        line(text, n, f"tcp:[::1]:{sender}") for n, text in enumerate(texts) for sender in (1, 2)
    ]
    store = make_store(tmp_path / "store", [mixed[:3], mixed[3:]])
    every = found(store)
    first = [
        every[number] if number is not None else None
        for number in (None, None, 0, 1, 0, 1, None, None, 6, 7)
    ]

    def continued(query: str, endpoint: str = "search", **values: Any) -> dict[str, str | None]:
        answer = ask(store, endpoint, query, **values).decode()
        lines = [
            json.loads(one.rpartition("data: ")[2]) for one in answer.splitlines() if "{" in one
        ]
        return {one["position"]: one.get("continues") for one in lines if not one.get("beyond")}

    wanted = dict(zip(every, first, strict=True))
    assert continued("join=1") == continued("join=1&reverse=1") == wanted
    some = continued(f"join=1&reverse=1&limit=4&before={every[6]}")
    assert some == {every[number]: first[number] for number in (5, 4, 3, 2)}
    assert set(continued("").values()) == set(continued("q=at").values()) == {None}
    assert continued("join=1&q=at") == continued("join=1&q=at&reverse=1") == wanted
    last = {place: first for place, first in wanted.items() if place in every[6:]}
    assert continued("join=1&q=next -first") == continued("join=1&q=-first") == last
    assert list(continued("join=1&q=at&newest=1&limit=3")) == every[-3:]
    assert list(continued("join=1&q=at&newest=1&limit=3&reverse=1")) == every[:-4:-1]
    assert list(continued(f"join=1&q=at&limit=3&after={every[1]}")) == every[2:5]
    assert list(continued(f"join=1&q=at 1&limit=9&before={every[3]}")) == every[:3]
    assert set(continued("join=1&source=*:1").values()) == {None}
    assert continued("limit=0&join=1") == {}
    tail = continued("", "tail", begin=every[4], end="2:100000")
    assert tail == {place: wanted[place] for place in every[4:]}
    record = json.loads(ask(store, "record", f"position={every[5]}"))["lines"]
    assert [(one["position"], one.get("continues")) for one in record] == [
        (every[1], None),
        (every[3], every[1]),
        (every[5], every[1]),
    ]
    with pytest.raises(Problem, match="there is no line at 1:1"):
        ask(store, "record", "position=1:1")


BEYOND = {
    "": [],
    "limit=2": [2, 3, 4, 5],
    "limit=3": [3, 4, 5],
    "limit=6": [],
    "limit=3&reverse=1": [6],
    "limit=3&newest=1": [6],
    "limit=1&after=4": [1, 3],
    "limit=1&reverse=1&before=4": [1, 5],
    "before=3&after=1": [0, 4],
    "before=5&after=2": [0, 1, 2, 5],
    "q=at&limit=3": [3, 4, 5],
    "q=at&limit=3&reverse=1": [6],
    "q=at 1&after=3&before=5": [0, 2],
    "q=next&limit=1": [8],
    "q=next -first&after=6&before=8": [9],
    "q=at&since=2026-11-20T06:00:02Z&until=2026-11-20T06:00:03Z": [],
    "since=2026-11-20T06:00:02Z&until=2026-11-20T06:00:03Z": [0, 1, 2, 3],
    "q=at | limit 3": [],
    "source=*:1&limit=1": [],
    "q=at&source=*:1&limit=1": [2, 4],
    "limit=0": [],
}


@pytest.mark.parametrize("query", BEYOND)
def test_a_record_at_an_edge_of_an_answer_is_whole(query, tmp_path):
    """Its other lines come last, marked, in JSON alone; `before` and `after`: the number of a line."""
    texts = ["first", " at 1", " at 2", "next", " at 3"]
    mixed = [
        line(text, n, f"tcp:[::1]:{sender}") for n, text in enumerate(texts) for sender in (1, 2)
    ]
    store = make_store(tmp_path / "store", [mixed[:3], mixed[3:]])
    every = found(store)
    given = re.sub("(before|after)=([0-9])", lambda one: f"{one[1]}={every[int(one[2])]}", query)
    lines = [json.loads(one) for one in ask(store, "search", f"join=1&{given}").splitlines()]
    assert [every.index(one["position"]) for one in lines if one.get("beyond")] == BEYOND[query]
    assert [one.get("beyond", False) for one in lines] == sorted(
        one.get("beyond", False) for one in lines
    )
    for form in ("csv", "text"):
        asked = ask(store, "search", f"join=1&{given}&format={form}").splitlines()
        assert len(asked) - (form == "csv") == len(lines) - len(BEYOND[query])


def test_a_record_has_the_whole_line_of_its_parts(tmp_path):
    parts = ['P {"level":"err', 'P or","x', 'F ":1}', "F \tat f"]
    lines = [line(f"2026-11-20T06:00:00.1Z stdout {part}") for part in parts]
    store = make_store(tmp_path / "store", [lines[:2], lines[2:]])
    for position in found(store):
        first, *others = json.loads(ask(store, "record", f"position={position}"))["lines"]
        assert {one["continues"] for one in others} == {first["position"]}
        assert [one.get("rest") for one in others] == ['or","x', None, None]
        assert [one.get("whole", {}).get("level") for one in others] == [None, "error", None]
        assert others[1]["whole"]["message"].endswith(' stdout F {"level":"error","x":1}')


def test_a_line_after_removed_ones_names_no_first_line_before_them(tmp_path):
    """Its record may have begun in what is gone."""
    texts = ["ERROR failed", "INFO fine", "\tat a.B", "\tat c.D"]
    store = make_store(tmp_path / "store", [[line(text)] for text in texts])
    remove_segment(store, 2, len(line(texts[1])), 1)
    found = [json.loads(one) for one in ask(store, "search", "join=1").splitlines()]
    assert [one["message"] for one in found] == ["ERROR failed", "\tat a.B", "\tat c.D"]
    assert [one.get("continues") for one in found] == [None, None, "3:0"]
    # In a query that is asked of records, too.
    whole = ask(store, "search", "join=1&q=ERROR failed").splitlines()
    assert [json.loads(one)["message"] for one in whole] == ["ERROR failed"]


def test_top_fields_and_sources_count_lines(store):
    top = json.loads(ask(store, "top", "field=user&limit=1"))
    assert top == {
        "field": "user", "total": 12, "missed": 0, "values": [{"value": "ann", "count": 8}]
    }  # fmt: skip
    fields = json.loads(ask(store, "fields", "q=bob"))
    assert fields["sampled"] == 4
    assert {"name": "n", "lines": 4} in fields["fields"]
    (source,) = json.loads(ask(store, "sources"))["sources"]
    assert source["lines"] == 12 and source["last"] == "2026-11-20T06:10:02.000000Z"


def test_patterns_have_a_query_that_finds_their_lines(store, monkeypatch):
    answer = json.loads(ask(store, "patterns", "limit=1&q=start"))
    assert answer == {
        "lines": 8,
        "forgotten": 0,
        "since": None,
        "total": 1,
        "patterns": [
            {
                "pattern": "start user=ann n=<n>",
                "app": "",
                "level": None,
                "count": 8,
                "first": "2026-11-20T06:00:00.000000Z",
                "position": found(store)[0],
                "query": "/start user=ann n=-?[0-9][0-9.,]*$/",
            }
        ],
    }
    assert len(found(store, urlencode({"q": answer["patterns"][0]["query"]}))) == 8
    for one in json.loads(ask(store, "patterns", "q=start&by=user"))["patterns"]:
        assert one["query"].startswith(f'user="{one["value"]}" ')
        assert len(found(store, urlencode({"q": one["query"]}))) == one["count"]
    of_stage = ask(store, "patterns", urlencode({"q": "start | patterns by user"}))
    assert of_stage == ask(store, "patterns", "q=start&by=user")
    few = {"q": "| patterns since 2026-11-20T06:00:01Z | limit 1"}
    assert ask(store, "patterns", urlencode(few)) == ask(
        store, "patterns", "new_since=2026-11-20T06:00:01Z&limit=1"
    )
    monkeypatch.setattr(pattern_query, "MOST_LINES", 1)
    newest = json.loads(ask(store, "patterns"))
    assert newest["lines"] < 12 and newest["since"] > "2026-11-20T06:00:00"
    new = json.loads(ask(store, "patterns", "new_since=2026-11-20T06:00:01Z"))
    assert new["since"] is None
    assert [one["pattern"] for one in new["patterns"]] == ["stop user=bob n=<n> level=error"]
    with pytest.raises(Problem, match="since must be before new_since"):
        ask(store, "patterns", "since=2026-11-20T06:00:02Z&new_since=2026-11-20T06:00:01Z")


@pytest.mark.parametrize("buckets", [1, 2, 3, 10, 60, 1000])
@pytest.mark.parametrize("limits", ["", "since=2026-11-20T06:00:00Z&until=2026-11-20T06:10:03Z"])
def test_a_histogram_has_no_more_buckets_than_asked(store, buckets, limits):
    """All lines are in it, in no more buckets than asked for, one behind the other."""
    found = json.loads(ask(store, "histogram", f"buckets={buckets}&{limits}"))
    counted = found["buckets"]
    assert sum(bucket["count"] for bucket in counted) == 12
    assert sum(bucket["levels"].get("error", 0) for bucket in counted) == 4
    assert 0 < len(counted) <= buckets
    assert [one["time"] for one in counted] == sorted({one["time"] for one in counted})
    assert found["since"].startswith("2026-11-20T06:00:00")


@pytest.mark.parametrize("tz", ["", "&tz=Africa/Cairo"])
@pytest.mark.parametrize("since", ["0001-01-02", "1900-01-01", "1969-12-31T23:59:59Z"])
def test_a_single_bar_may_begin_before_1970(store, since, tz):
    """Steps of a fixed length begin at 1970, so none has moments before and after it."""
    for until in ("2026-11-21", "9999-12-31T23:59:59Z"):
        found = json.loads(ask(store, "histogram", f"buckets=1&since={since}&until={until}{tz}"))
        [bar] = found["buckets"]
        assert bar["count"] == 12 and bar["time"] <= since + "T"


@pytest.mark.parametrize("spacing", [0.9, 0.07, 0.007, 0.0007])
def test_a_histogram_of_a_moment_has_every_line(tmp_path, spacing):
    """In a store of a few seconds, or less, every line is in its bar too."""
    store = make_store(tmp_path / "store", [lines(["x"] * 50, 0.31, spacing)])
    counted = json.loads(ask(store, "histogram"))["buckets"]
    assert sum(bucket["count"] for bucket in counted) == 50
    assert 5 < len(counted) <= 60


@pytest.mark.parametrize("beside", ["now", "none"])
def test_a_histogram_has_late_lines_too(tmp_path, beside):
    """The clock was set back: they are before the first line, and behind the last one."""
    late = [
        *lines(["kind=x n=1"] * 5, 100),
        *lines(["kind=late n=1"], 0),
        *lines(["kind=early n=1"], 500),
        *lines(["kind=x n=1"], 101),
    ]
    store = make_store(tmp_path / "store", [late, []])
    [packed] = store.glob("*.zst")
    os.utime(packed, (BEGIN, BEGIN + 200))
    if beside == "none":
        next(store.glob("*.idx")).unlink()
    counted = json.loads(ask(store, "histogram"))["buckets"]
    assert sum(bucket["count"] for bucket in counted) == 8
    assert 5 < len(counted) <= 60
    found = json.loads(ask(store, "histogram", "by=kind"))
    assert found["values"] == ["x", "early", "late"]
    assert [sum(bucket["values"].values()) for bucket in found["buckets"]] == [
        bucket["count"] for bucket in counted
    ]


def test_a_histogram_of_millennia_has_all_lines(store):
    limits = "since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59Z"
    counted = json.loads(ask(store, "histogram", f"buckets=10&{limits}"))["buckets"]
    assert sum(bucket["count"] for bucket in counted) == 12
    assert len(counted) <= 10


@pytest.mark.parametrize(("most", "told"), [(5, {"missed": 1}), (1000, {})])
def test_a_histogram_tells_how_much_its_values_may_lack(tmp_path, monkeypatch, most, told):
    monkeypatch.setattr("logsrv.linelog.read.figures.frequent_keys.MOST_KEYS", most)
    store = make_store(tmp_path / "store", [lines([f"n=a{number}" for number in range(30)])])
    found = json.loads(ask(store, "histogram", "by=n"))
    assert {name: found[name] for name in ("missed",) if name in found} == told


def test_a_histogram_of_an_empty_store_has_no_buckets(tmp_path):
    found = json.loads(ask(make_store(tmp_path / "store", [[]]), "histogram"))
    assert found["buckets"] == [] and found["since"] is None


def test_show_has_a_line_and_its_neighbours(store):
    every = found(store)
    shown = json.loads(ask(store, "show", f"position={every[8]}&before=2&after=1"))["lines"]
    assert [one["position"] for one in shown] == every[6:10]
    assert [one.get("context") for one in shown] == [True, True, None, True]
    with pytest.raises(Problem) as caught:
        ask(store, "show", "position=1:3")
    assert caught.value.status == 404


@pytest.mark.parametrize("seconds", [0.291021, 0.3, 12.7, 1e-6])
def test_a_histogram_of_lines_of_one_moment_has_their_bar(tmp_path, seconds):
    """All lines came at once: the bar is where they are, however its beginning is rounded."""
    store = make_store(tmp_path / "store", [[line("x", seconds), line("y", seconds)]])
    found = json.loads(ask(store, "histogram", "buckets=1"))
    assert [one["count"] for one in found["buckets"]] == [2]
    found = json.loads(ask(store, "histogram", "buckets=40"))
    assert sum(one["count"] for one in found["buckets"]) == 2


def test_a_search_answers_sorted_lines_and_extracted_fields(store):
    """Stages of the query: an extracted field is among the fields, the largest number is first."""
    answer = ask(
        store, "search", 'limit=2&q=| extract "start user=<who> " | where who=ann | sort n'
    )
    first, second = [json.loads(text) for text in answer.splitlines()]
    assert first["fields"]["who"] == "ann" and first["number"] == second["number"] == 3
    assert ask(store, "search", "q=bob | limit 2&format=text").count(b"\n") == 2
    head, row, *_ = ask(
        store, "search", "q=| extract /user=(?P<who>b..)/ | where who=*&format=csv"
    ).splitlines()
    assert head == b"position,time,source,level,message,who" and row.endswith(b",bob")
    top = json.loads(ask(store, "top", 'field=who&q=bob | extract "user=<who> "'))
    assert top["values"] == [{"value": "bob", "count": 4}]
    fields = json.loads(ask(store, "fields", 'q=bob | extract "user=<who> "'))
    assert {"name": "who", "lines": 4} in fields["fields"]
    for wrong in ("q=| sort n&reverse=1", "q=| sort n | limit 10001", "q=| count"):
        with pytest.raises(Problem):
            ask(store, "search", wrong)
    assert ask(store, "search", "q=| sort nothing") == b""


def test_a_table_has_figures_by_groups(store):
    found = json.loads(ask(store, "table", "q=| count, avg n, max ms by user"))
    assert found == {
        "columns": ["user", "count", "avg_n", "max_ms"],
        "kinds": ["group", "count", "number", "number"],
        "units": [None, None, None, "ms"],
        "rows": [["ann", 8, 2.0, None], ["bob", 4, 2.0, None]],
        "by": ["user"],
        "every": None,
        "since": None,
        "until": None,
        "groups": 2,
        "lines": 12,
        "without": ["ms"],
        "left_out": 0,
        "missed": 0,
        "at_least": [],
        "compare": None,
        "exact": True,
        "absent": [],
    }
    asked = "q=| count by user compare 1d&since=2026-11-20T06:00:00Z&until=2026-11-21"
    compared = json.loads(ask(store, "table", asked))
    assert compared["columns"] == ["user", "count", "count_before", "count_change"]
    assert compared["compare"]["shift"] == 86400
    assert compared["compare"]["since"] == "2026-11-19T06:00:00.000000Z"
    with pytest.raises(QueryError, match="compare needs a range"):
        ask(store, "table", "q=| count compare 1d")
    over_time = json.loads(ask(store, "table", "q=| count every 1s"))
    newest = json.loads(ask(store, "table", "q=| count every 1s&limit=1&whole=1"))
    assert newest["rows"] == over_time["rows"][-1:] and newest["groups"] > 1
    by_user = [json.loads(ask(store, "table", f"q=| p95 n every 1s by user&limit={limit}&whole=1"))
               for limit in (100, 10)]  # fmt: skip
    whole, of_ann = (one["rows"] for one in by_user)
    assert of_ann == [row for row in whole if row[1] == "ann"] and len(of_ann) < len(whole)
    assert [one.get("cut") for one in by_user] == [None, len(whole) - len(of_ann)]
    assert [one["groups"] for one in by_user] == [len(whole)] * 2
    for chosen in ("q=| count every 1s&limit=1", "q=| count every 1s | limit 1&whole=1"):
        assert json.loads(ask(store, "table", chosen))["rows"] == over_time["rows"][:1]
    csv = ask(store, "table", "q=| count by user | limit 1&format=csv")
    assert csv == b"user,count\nann,8\n"
    with pytest.raises(Problem, match="this query finds lines"):
        ask(store, "table", "q=bob")
    csv = ask(
        store, "table", "q=| last user, max time by user | where time>now OR user=bob&format=csv"
    )
    assert csv.startswith(b"user,last_user,max_time\nbob,bob,")


@pytest.mark.parametrize(
    "query",
    [
        "| count",
        "| count by user",
        "| count by nothing",
        "| count by user | limit 1",
        "| avg n, count, p95 n by user",
        "| count every 10m",
        "| count every 10m by user",
        "| last user, max time by user | where user=bob",
        "| count_distinct n by user, level",
        "nowhere | count by user",
    ],
)
def test_figures_as_text_are_those_of_the_terminal(query, store):
    """In a pipe; the same words for what is missing, the same columns."""
    text = ask(store, "table", urlencode({"q": query, "format": "text"}))
    assert text == logsrv("search", "--directory", str(store), query).stdout
    assert not text.startswith(b"{")


def test_csv_has_the_chosen_columns(tmp_path):
    store = make_store(tmp_path / "store", [lines(["a=1 user=ann", "a=2 b=3"])])
    asked = "q=a=*&format=csv&columns=user,a"
    assert ask(store, "search", asked) == b"user,a\nann,1\n,2\n"


def test_a_histogram_by_a_field_counts_its_values(tmp_path):
    """The eight most frequent values, classes in their order, and lines without the field."""
    messages = [f"a=1 status={status}" for status in (200, 201, 200, 404, 503)] + ["nothing"]
    store = make_store(tmp_path / "store", [lines([f"n={n} x=1" for n in range(20)] + messages)])
    asked = "buckets=1&q=status=* OR nothing&by=status"
    found = json.loads(ask(store, "histogram", asked))
    assert found["by"] == "status" and found["values"] == ["200", "201", "404", "503"]
    assert found["buckets"][0]["values"] == {"200": 2, "201": 1, "404": 1, "503": 1, "": 1}
    found = json.loads(ask(store, "histogram", asked + "_class"))
    assert found["values"] == ["2xx", "4xx", "5xx"]
    assert found["buckets"][0]["values"] == {"2xx": 3, "4xx": 1, "5xx": 1, "": 1}
    many = json.loads(ask(store, "histogram", "buckets=1&q=n=*&by=n"))
    assert len(many["values"]) == len(many["buckets"][0]["values"]) == 8


NIGHT = 17.5 * 3600
"""Seconds from 06:00 of the test's day in UTC to half an hour before its midnight: 00:30 in Berlin."""


@pytest.fixture
def night(tmp_path: Path) -> Path:
    """Lines around midnight in UTC and in Berlin, and of the month after."""
    some = [line("x", NIGHT + hours * 3600) for hours in (-1, 0, 1, 24 * 15)]
    return make_store(tmp_path / "night", [some])


def test_days_of_a_table_are_those_of_the_zone(night):
    found = json.loads(ask(night, "table", "q=| count every 1d&tz=Europe/Berlin&until=@1795255200"))
    assert found["rows"] == [["2026-11-19T23:00:00.000000Z", 1], ["2026-11-20T23:00:00.000000Z", 2]]
    assert found["every"] == 86400
    assert found["steps"] == [
        ["2026-11-19T23:00:00.000000Z", "2026-11-20T23:00:00.000000Z"],
        ["2026-11-20T23:00:00.000000Z", "2026-11-21T23:00:00.000000Z"],
    ]
    found = json.loads(ask(night, "table", "q=| count every 1d"))
    assert [count for _, count in found["rows"]] == [2, 1, 1]


def test_a_table_says_the_steps_beside_its_rows_if_there_are_too_many(night):
    found = json.loads(ask(night, "table", "q=| count every 1s"))
    assert len(found["rows"]) == 4 and len(found["steps"]) == 10
    assert found["steps"][:2] == [
        ["2026-11-20T22:30:00.000000Z", "2026-11-20T22:30:01.000000Z"],
        ["2026-11-20T22:30:01.000000Z", "2026-11-20T22:30:02.000000Z"],
    ]


def test_months_and_automatic_steps_begin_at_the_midnight_of_the_zone(night):
    found = json.loads(ask(night, "table", "q=| count every 1mo&tz=Europe/Berlin"))
    assert found["rows"] == [["2026-10-31T23:00:00.000000Z", 3], ["2026-11-30T23:00:00.000000Z", 1]]
    found = json.loads(ask(night, "table", "q=| count every auto&tz=Europe/Berlin"))
    assert found["every"] == 43200 and found["rows"][0] == ["2026-11-20T11:00:00.000000Z", 1]


def test_bars_of_days_begin_at_the_midnight_of_the_zone(night):
    found = json.loads(ask(night, "histogram", "buckets=20&tz=Europe/Berlin"))
    assert found["step"] == 86400
    assert [(one["time"][:13], one["count"]) for one in found["buckets"]][:2] == [
        ("2026-11-19T23", 1),
        ("2026-11-20T23", 2),
    ]
    assert found["end"] == "2026-12-06T23:00:00.000000Z"


def test_an_unknown_zone_is_refused(night):
    with pytest.raises(Problem, match=r"tz: this machine knows no zone Europe/Nowhere") as refused:
        ask(night, "table", "q=| count every 1d&tz=Europe/Nowhere")
    assert refused.value.status == 400
