"""The store of the server itself, asked as the other nodes are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from logsrv.linelog.http.nodes.answer import NodeLine, NotALine, line_of, time_of
from logsrv.linelog.http.nodes.client import NodeQuestion, Room, TooMany
from logsrv.linelog.http.nodes.settings import HERE
from logsrv.linelog.http.nodes.spans import EARLIEST, LATEST, TimeSpan
from logsrv.linelog.http.searching.replies import REPLIES
from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import compile
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.render import parts
from logsrv.linelog.read.search import Hit, Search
from logsrv.linelog.read.view import View

# The nodes are asked by threads, beside which no process may be forked.
_PROCESSES = 1


class OwnStore:
    """A node (see `gather.AskedNode`) that is the store in `view`."""

    name = HERE

    def __init__(self, view: View) -> None:
        self._view = view
        self._stopped = False

    def lines(self, question: NodeQuestion, span: TimeSpan, room: Room) -> list[NodeLine]:
        """Return the lines of a span, in the order of the store. Raises TooMany."""
        scope = Scope(
            since=time_of(span.begin) if span.begin > EARLIEST else "",
            until=time_of(span.end) if span.end < LATEST else "",
            source=question.source,
        )
        matcher = compile(parse(question.query))
        search = Search(self._view, matcher, scope, processes=_PROCESSES)
        found: list[NodeLine] = []
        size = 0
        before = max(span.begin, EARLIEST)
        for hit in search.hits(reverse=question.reverse):
            line = _as_sent(hit, before)
            before = line.moment
            found.append(line)
            size += len(line.line)
            if len(found) > room.lines or (size > room.bytes and len(found) > 1):
                raise TooMany([one.moment for one in found])
            if self._stopped:
                break
        return found[::-1] if question.reverse else found

    def times(self) -> tuple[str, str]:
        """Return the TIMEs of the oldest and of the newest line, "" for none."""
        return self._view.span()

    def numbers(self, endpoint: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return what an endpoint counts here."""
        answer: list[bytes] = []
        REPLIES[endpoint](self._view, {**asked, "processes": _PROCESSES}, answer.append)
        found: dict[str, Any] = json.loads(b"".join(answer))
        return found

    def stop(self) -> None:
        """End what is under way."""
        self._stopped = True


def _as_sent(hit: Hit, before: int) -> NodeLine:
    """Return a line as another node sends it, so that both are seen to be the same."""
    try:
        return line_of(parts(hit), before)
    except NotALine:
        # Its TIME is of no day that there is: somebody has edited the store.
        return NodeLine(before, hit.line, hit.position)
