"""Lines of several nodes as one answer; tests/end_to_end/test_http_nodes.py asks real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from logsrv.linelog.http.nodes.gather import AskedNode
from logsrv.linelog.http.searching import gathered
from logsrv.linelog.http.searching.own import OwnStore
from tests.linelog.http.searching.test_searching import SEARCH
from tests.linelog.read.stores import line, make_store, view_of

Ask = Callable[..., list[dict[str, Any]]]
VALUES = {**SEARCH, "q": "", "since": "", "until": "", "source": ""}
ONE = [line("same", 1), *[line("of one", 2)] * 3]
OTHER = [line("of two", 0), line("same", 1), line("of one", 2)]


class Named(OwnStore):
    name = "two"


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ask:
    """`ask(q="x")` asks this store and one that is called two."""
    here = view_of(make_store(tmp_path / "one", [ONE]))
    two = view_of(make_store(tmp_path / "two", [OTHER]))

    def nodes(_: object, seconds: float) -> list[AskedNode]:
        assert seconds == 5.0
        return [Named(two)]

    monkeypatch.setattr(gathered, "clients_of", nodes)

    def function(endpoint: str = "search", **values: Any) -> list[dict[str, Any]]:
        written: list[bytes] = []
        request = {
            "endpoint": endpoint, "values": VALUES | values, "here": True, "nodes": [], "seconds": 5.0
        }  # fmt: skip
        gathered.reply(here, request, written.append)
        return [json.loads(one) for one in b"".join(written).splitlines()]

    return function


def messages(found: list[dict[str, Any]]) -> list[str]:
    return [one["message"] for one in found]


def test_each_line_once_by_time(ask: Ask) -> None:
    found = ask()
    assert messages(found) == ["of two", "same", *["of one"] * 3]
    assert [sorted(one["nodes"]) for one in found] == [
        ["two"], ["here", "two"], ["here", "two"], ["here"], ["here"]
    ]  # fmt: skip
    assert messages(ask(reverse=True, limit=2)) == ["of one"] * 2
    assert messages(ask(q="same")) == ["same"] and ask(limit=0) == []
    since = "2026-11-20T06:00:01.000000Z"
    assert messages(ask(until=since)) == ["of two"] and len(ask(since=since)) == 4


def test_positions_go_on_within_a_moment(ask: Ask) -> None:
    found = ask()
    for number, one in enumerate(found):
        assert ask(after=one["position"]) == found[number + 1 :]
        assert ask(before=one["position"]) == found[:number]
        assert ask(before=one["position"], reverse=True) == found[:number][::-1]
    # Those of a store are none of these, and do no harm.
    assert len(ask(after="1:0")) == 5 and ask(before="1:0") == []


def test_numbers_of_several(ask: Ask) -> None:
    (found,) = ask("histogram", buckets=5)
    assert sum(one["count"] for one in found["buckets"]) == 5 and found["missing"] == []
