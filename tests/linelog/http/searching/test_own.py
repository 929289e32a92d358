"""The own store as a node: the same lines as over HTTP, in the same bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.http.nodes.answer import moment_of
from logsrv.linelog.http.nodes.client import NodeQuestion, Room, TooMany
from logsrv.linelog.http.nodes.spans import EARLIEST, LATEST, TimeSpan
from logsrv.linelog.http.searching.own import OwnStore
from tests.linelog.read.stores import line, make_store, view_of

EVERYTHING = TimeSpan(EARLIEST, LATEST)
ROOM = Room(100, 10**6)


def own(tmp_path: Path, *stored: bytes) -> OwnStore:
    return OwnStore(view_of(make_store(tmp_path / "store", [list(stored)])))


def messages(node: OwnStore, question: NodeQuestion, span: TimeSpan = EVERYTHING) -> list[bytes]:
    return [one.line.split(b" ", 2)[2] for one in node.lines(question, span, ROOM)]


def test_lines_are_those_of_a_span_in_the_order_of_the_store(tmp_path: Path) -> None:
    node = own(tmp_path, line("a", 5), line("late", 1), line("b", 7))
    for reverse in (False, True):
        assert messages(node, NodeQuestion("", reverse=reverse)) == [b"a", b"late", b"b"]
    begin = moment_of("2026-11-20T06:00:02.000000Z")
    assert messages(node, NodeQuestion(""), TimeSpan(begin, begin + 4_000_000)) == [b"a"]
    assert messages(node, NodeQuestion("late")) == [b"late"]
    assert messages(node, NodeQuestion("", source="udp:*")) == []
    assert node.times() == ("2026-11-20T06:00:01.000000Z", "2026-11-20T06:00:07.000000Z")


def test_bytes_are_as_they_come_over_http(tmp_path: Path) -> None:
    """Else the same line in another node would be another one."""
    stored = line("x", 1).replace(b"x\n", b"\xff \xc3\xa4\n")
    assert messages(own(tmp_path, stored), NodeQuestion("")) == [b"\\xff \xc3\xa4"]


def test_lines_without_a_time_that_exists_are_there(tmp_path: Path) -> None:
    stored = line("x", 1)
    node = own(tmp_path, stored, b"9999-99" + stored[7:])
    assert len(node.lines(NodeQuestion("x"), EVERYTHING, ROOM)) == 2


def test_no_more_is_kept_than_there_is_room_for(tmp_path: Path) -> None:
    node = own(tmp_path, *(line("x" * 100, number) for number in range(50)))
    with pytest.raises(TooMany) as many:
        node.lines(NodeQuestion(""), EVERYTHING, Room(10, 10**6))
    assert len(many.value.moments) == 11
    with pytest.raises(TooMany):
        node.lines(NodeQuestion(""), EVERYTHING, Room(100, 1000))
    node.stop()
    assert len(node.lines(NodeQuestion(""), EVERYTHING, ROOM)) == 1


def test_numbers_are_those_of_the_api(tmp_path: Path) -> None:
    node = own(tmp_path, line("level=info user=ann", 1), line("level=info user=bob", 2))
    found = node.numbers("top", {"q": "", "field": "user", "limit": 5})
    assert found["total"] == 2
