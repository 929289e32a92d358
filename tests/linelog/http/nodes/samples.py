"""Nodes that are lists of lines: no network, the same rules."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

import attrs

from logsrv.kit.text.time import exact_rfc3339
from logsrv.linelog.http.nodes.answer import (
    EARLIEST,
    LATEST,
    Body,
    NodeFailure,
    NodeLine,
    parse_moment,
)
from logsrv.linelog.http.nodes.spans import TimeSpan
from logsrv.linelog.read.render import hit_as_json
from logsrv.linelog.read.search import Hit
from logsrv.linelog.store.segments.segment import Position

BEGIN = 1_763_600_000_000_000
"""A moment of November 2025."""
EVERYTHING = TimeSpan(EARLIEST, LATEST)


def node_line(moment: int, text: str, offset: int = 0) -> NodeLine:
    return NodeLine(
        moment,
        f"{exact_rfc3339(moment)} tcp:1.2.3.4:5 {text}".encode(),
        Position(1, offset),
    )


@cache
def _as_sent(line: NodeLine) -> bytes:
    return hit_as_json(Hit(line.position, line.line)).encode() + b"\n"


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
    is_alive: bool = True

    def answer_pieces(self, endpoint: str, asked: Mapping[str, Any]) -> Body:
        if self.fails_after is not None and len(self.spans) >= self.fails_after:
            raise NodeFailure("it cannot be reached: no route to host")
        if endpoint == "stats":
            moments = [one.moment for one in self.stored]
            ends = (
                (exact_rfc3339(min(moments)), exact_rfc3339(max(moments)))
                if moments
                else (None, None)
            )
            yield json.dumps(dict(zip(("oldest", "newest"), ends, strict=True))).encode()
            return
        span = TimeSpan(
            parse_moment(asked["since"]) if asked["since"] else EARLIEST,
            parse_moment(asked["until"]) if asked["until"] else LATEST,
        )
        self.spans.append(span)
        found = [one for one in self.stored if span.begin <= one.moment < span.end]
        sent = (found[::-1] if asked["reverse"] else found)[: asked["limit"]]
        self.largest = max(self.largest, len(sent))
        for one in sent:
            yield _as_sent(one)

    def is_responding(self) -> bool:
        return self.is_alive

    def stop_request(self) -> None:
        self.stopped = True
