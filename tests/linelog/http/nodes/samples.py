"""Nodes that are lists of lines: no network, the same rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from logsrv.linelog.http.nodes.answer import NodeLine, time_of
from logsrv.linelog.http.nodes.body import NodeFailure
from logsrv.linelog.http.nodes.client import NodeQuestion, Room, TooMany
from logsrv.linelog.http.nodes.spans import TimeSpan
from logsrv.linelog.store.segments.segment import Position

BEGIN = 1_763_600_000_000_000
"""A moment of November 2025."""


def node_line(moment: int, text: str, offset: int = 0) -> NodeLine:
    return NodeLine(moment, f"{time_of(moment)} tcp:1.2.3.4:5 {text}".encode(), Position(1, offset))


@attrs.define
class ListedNode:
    """A node that has these lines, in the order of its store. spans: what it was asked for.

    fails_after: it answers so many questions, and no more.
    """

    stored: list[NodeLine]
    fails_after: int | None = None
    name: str = "localhost:1"
    spans: list[TimeSpan] = attrs.Factory(list)
    largest: int = 0
    stopped: bool = False

    def lines(self, question: NodeQuestion, span: TimeSpan, room: Room) -> list[NodeLine]:
        if self.fails_after is not None and len(self.spans) >= self.fails_after:
            raise NodeFailure("it cannot be reached: no route to host")
        self.spans.append(span)
        found = [one for one in self.stored if span.begin <= one.moment < span.end]
        if len(found) > room.lines:
            # As over HTTP: those that the store has first, or last.
            some = found[-room.lines :] if question.reverse else found[: room.lines]
            raise TooMany([one.moment for one in some])
        self.largest = max(self.largest, len(found))
        return found

    def times(self) -> tuple[str, str]:
        if self.fails_after == 0:
            raise NodeFailure("it cannot be reached: no route to host")
        moments = [one.moment for one in self.stored]
        return (time_of(min(moments)), time_of(max(moments))) if moments else ("", "")

    def numbers(self, endpoint: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        return {"lines": len(self.stored)}

    def stop(self) -> None:
        self.stopped = True
