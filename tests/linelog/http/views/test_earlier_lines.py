"""The stored lines that a live view gets before it is attached: of one store, and of several."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.http.replies import REPLIES
from logsrv.linelog.read.all_stores import open_all_stores
from logsrv.linelog.store.segment import Position
from tests.leaks import killed
from tests.parts.search_orders import values_of
from tests.parts.stores import (
    line,
    lines,
    make_store,
    note_listings,
    remove_segment,
    view_of,
)

MESSAGES = ["start user=ann n=1", "stop user=bob n=2 level=error", "start user=ann n=3"]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Two segments: nine lines a second each, then three ten minutes later."""
    return make_store(tmp_path / "store", [lines(MESSAGES * 3), lines(MESSAGES, 600)])


def ask(store: Path, name: str, query: str = "", **values: Any) -> bytes:
    asked = values_of(name, query) | values
    # The processes of a search end with its answer.
    with killed(), open_all_stores(str(store), pytest.fail) as view:
        return b"".join(REPLIES[name](view, asked))


def found(store: Path, query: str = "") -> list[str]:
    return [json.loads(text)["position"] for text in ask(store, "search", query).splitlines()]


def events(text: bytes) -> Sequence[Any]:
    """Pairs of an event's name and the position that it tells."""
    told = []
    for block in text.decode().split("\n\n")[:-1]:
        parts = dict(part.split(": ", 1) for part in block.split("\n"))
        data = json.loads(parts["data"])
        told.append((parts["event"], data.get("position") or data["from"]))
    return told


def test_a_tail_has_all_matches_between_two_positions(store):
    """All that matches between two places, across segments."""
    every = found(store)
    values = {"q": "ann", "begin": every[1], "end": every[10]}
    assert events(ask(store, "tail", **values)) == [
        ("line", place) for place in found(store, "q=ann") if place in every[1:10]
    ]


def test_a_tail_from_a_removed_position_says_so(store):
    every = found(store)
    end = str(Position(*map(int, every[-1].split(":"))).offset + len(line(MESSAGES[2])))
    for begin in ("0:5", "9:0", f"2:{10**9}"):
        told = events(ask(store, "tail", q="", begin=begin, end=f"2:{end}"))
        assert told == [("missed", "1:0"), *(("line", place) for place in every)]


def test_a_tail_tells_of_removed_segments(tmp_path, monkeypatch):
    """Where lines were removed while they were looked for, it is told; the store is listed once for it."""
    store = make_store(tmp_path / "store", [[line(str(number), number)] for number in range(6)])
    listed = note_listings(monkeypatch)

    text: list[bytes] = []
    with killed(), view_of(store) as view:
        values = values_of("tail", "q=NOT+4") | {"begin": "1:0", "end": f"6:{len(line('5'))}"}
        for data in REPLIES["tail"](view, values):
            text.append(data)
            for number in (3, 4) if len(text) == 1 else ():
                remove_segment(store, number, len(line("2")), 1)
    assert events(b"".join(text)) == [
        ("line", "1:0"),
        ("line", "2:0"),
        ("missed", "5:0"),
        ("line", "6:0"),
    ]
    # Once to open it, and once when a name was missing.
    assert len(listed) == 2


def documents(text: bytes) -> list[dict[str, Any]]:
    """The lines of events, as objects."""
    datas = [
        part.split("data: ", 1)[1] for part in text.decode().split("\n\n") if "event: line" in part
    ]
    return [json.loads(data) for data in datas]


@pytest.mark.parametrize("query", ["q=", "q=ERROR", "q=%7C+extract+/n=(%3FP<number>.)/"])
def test_a_tail_of_several_stores_tells_the_records_that_a_search_tells(store, query):
    """Also if a stage adds fields to all lines, so that the lines of a record cannot be shared."""
    trace = ["ERROR failed n=1", "Traceback (most recent call last):", "ValueError: x"]
    (store / "stores").mkdir()
    make_store(store / "stores" / "audit", [lines(trace)])
    end = "2:100000,audit/1:100000"
    joined = query + "&join=1"
    told = documents(ask(store, "tail", joined, begin="1:0,audit/1:0", end=end))
    searched = [json.loads(one) for one in ask(store, "search", joined).splitlines()]
    assert told == [one for one in searched if not one.get("beyond")]
