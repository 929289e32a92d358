"""Lines of several nodes as one answer; tests/end_to_end/test_http_nodes.py asks real ones."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.http.nodes.answer import AskedNode, fetch_lines, fetch_object
from logsrv.linelog.http.searching import gathered
from logsrv.linelog.http.searching.gathered import OwnStoreNode
from tests.linelog.http.searching.test_search_child import SEARCH
from tests.parts.stores import line, make_store, view_of

Ask = Callable[..., list[dict[str, Any]]]
VALUES = {**SEARCH, "q": "", "since": "", "until": "", "source": ""}
ONE = [line("same", 1), *[line("of one", 2)] * 3]
OTHER = [line("of two", 0), line("same", 1), line("of one", 2)]


class Named(OwnStoreNode):
    name = "two"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`ask(q="x")` asks this store and one that is called two."""
    here = view_of(make_store(tmp_path / "one", [ONE]))
    two = view_of(make_store(tmp_path / "two", [OTHER]))

    def nodes(_: object, seconds: float) -> list[AskedNode]:
        assert seconds == 5.0
        return [Named(two)]

    monkeypatch.setattr(gathered, "make_clients", nodes)

    def function(endpoint: str = "search", **values: Any) -> list[dict[str, Any]]:
        request = {
            "endpoint": endpoint, "values": VALUES | values, "here": True, "nodes": [], "seconds": 5.0
        }  # fmt: skip
        return [
            json.loads(one)
            for one in b"".join(gathered.reply_from_nodes(here, request)).splitlines()
        ]

    return function


def messages(found: list[dict[str, Any]]) -> list[str]:
    return [one["message"] for one in found]


def test_merged_lines_come_once_by_time(ask):
    found = ask()
    assert messages(found) == ["of two", "same", *["of one"] * 3]
    assert [sorted(one["nodes"]) for one in found] == [
        ["two"], ["here", "two"], ["here", "two"], ["here"], ["here"]
    ]  # fmt: skip
    assert messages(ask(reverse=True, limit=2)) == ["of one"] * 2
    assert messages(ask(q="same")) == ["same"] and ask(limit=0) == []
    since = "2026-11-20T06:00:01.000000Z"
    assert messages(ask(until=since)) == ["of two"] and len(ask(since=since)) == 4


def test_positions_go_on_within_a_moment(ask):
    found = ask()
    for number, one in enumerate(found):
        assert ask(after=one["position"]) == found[number + 1 :]
        assert ask(before=one["position"]) == found[:number]
        assert ask(before=one["position"], reverse=True) == found[:number][::-1]
    # Those of a store are none of these, and do no harm.
    assert len(ask(after="1:0")) == 5 and ask(before="1:0") == []


def test_a_histogram_of_nodes_counts_all_their_lines(ask):
    (found,) = ask("histogram", buckets=5)
    assert sum(one["count"] for one in found["buckets"]) == 7 and found["missing"] == []


def own(tmp_path: Path, *stored: bytes) -> OwnStoreNode:
    return OwnStoreNode(view_of(make_store(tmp_path / "store", [list(stored)])))


def found_in(node: OwnStoreNode, **asked: Any) -> list[bytes]:
    values = {"q": "", "since": "", "until": "", "source": "", "limit": 100, "reverse": 0, **asked}
    return [one.line.split(b" ", 2)[2] for one in fetch_lines(node, values)]


def test_the_own_store_answers_as_another_node_does(tmp_path):
    node = own(tmp_path, line("a", 5), line("late", 1), line("b", 7))
    assert found_in(node) == [b"a", b"late", b"b"]
    assert found_in(node, reverse=1, limit=2) == [b"b", b"late"]
    since, until = "2026-11-20T06:00:02.000000Z", "2026-11-20T06:00:06.000000Z"
    assert found_in(node, since=since, until=until) == [b"a"]
    assert found_in(node, q="late") == [b"late"] and found_in(node, source="udp:*") == []
    assert fetch_object(node, "stats", {}) == {
        "oldest": "2026-11-20T06:00:01.000000Z", "newest": "2026-11-20T06:00:07.000000Z"
    }  # fmt: skip
    asked = {"q": "", "field": "level", "limit": 5}
    assert fetch_object(node, "top", asked)["total"] == 0 and node.is_responding()


def test_bytes_of_the_own_store_are_as_they_come_over_http(tmp_path):
    """Else the same line in another node would be another one."""
    stored = line("x", 1).replace(b"x\n", b"\xff \xc3\xa4\n")
    assert found_in(own(tmp_path, stored)) == [b"\\xff \xc3\xa4"]


def test_own_lines_without_a_time_that_exists_are_there(tmp_path):
    stored = line("x", 1)
    assert len(found_in(own(tmp_path, stored, b"9999-99" + stored[7:]))) == 2


def test_the_own_store_ends_where_nobody_waits(tmp_path):
    segments = [[line("a", 1)], [line("b", 2)]]
    node = OwnStoreNode(view_of(make_store(tmp_path / "store", segments)))
    node.stop_request()
    assert found_in(node) == [b"a"]
