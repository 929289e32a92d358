"""The process of the live views (see `view_child`) as the daemon sees it: started for the first viewer.

The daemon looks at no line: it writes what the process hands out to the connections of its viewers. When
the process ends by a fault all of them are sent away; they come back by themselves, behind the last line
that they have, and the next process serves them. Some time after the last viewer has gone it is ended.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.kit.children.child_process import ChildProcess, ChildProcesses, ProcessEnd
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.linelog.http.problems import STOPPING, Problem, too_many
from logsrv.linelog.http.viewing.view_protocol import ViewEvents, decode_events
from logsrv.linelog.store.segments.segment import Position
from logsrv.timer import Timer

log = Logger()

MODULE = "logsrv.linelog.http.viewing.view_child"
MOST_QUERIES = 1000
# Seconds that it stands ready when nobody watches any more.
IDLE_SECONDS = 60.0
# Seconds from a fault to the next start; browsers come back after two.
REST_SECONDS = 1.0
# Seconds that it has for its end, when nobody watches any more.
END_SECONDS = 6.0


class Watching(Protocol):
    """A viewer as it is served."""

    query: str

    def handed(self, handed: ViewEvents) -> None:
        """Take events."""

    def close(self, why: str) -> None:
        """Send its client away."""


class Views:
    """All live views of a store. place: its directory, where it is now."""

    def __init__(self, place: Callable[[], str], reactor: Any) -> None:
        self._place = place
        self._reactor = reactor
        self._viewers: dict[int, Watching] = {}
        self._numbers: dict[Watching, int] = {}
        # The number of viewers of each.
        self._queries: Counter[str] = Counter()
        self._last = 0
        # The one that serves; and all, with those that are about to end.
        self._process: ChildProcess | None = None
        self._processes = ChildProcesses(reactor, "the live views say", partial(Problem, 503))
        self._idle = Timer(reactor)
        self._not_before = float("-inf")
        self._limited_log = RateLimitedLog(reactor.seconds)

    def join(self, viewer: Watching, begin: Position, sure: Position | None = None) -> None:
        """Let a viewer have what its query finds in the lines that begin at `begin` or behind it.

        sure: the end of the store, up to which it asked for all lines. It gets the next lines, and more for
        each `more`, until it hears that it is live. None: it begins with what is written now; a line begins
        at `begin`.
        Raises Problem: 429 when there are too many queries, 503 when there is no process.
        """
        if viewer.query not in self._queries and len(self._queries) >= MOST_QUERIES:
            raise too_many(f"there are {MOST_QUERIES} live views for other queries", 60)
        process = self._process or self._started()
        self._idle.stop()
        self._last += 1
        self._viewers[self._last] = viewer
        self._numbers[viewer] = self._last
        self._queries[viewer.query] += 1
        known = None if sure is None else str(sure)
        _order(process, "join", self._last, viewer.query, str(begin), known)

    def more(self, viewer: Watching) -> None:
        """Let a viewer that is not live yet have the next lines."""
        if self._process is not None and viewer in self._numbers:
            _order(self._process, "more", self._numbers[viewer])

    def leave(self, viewer: Watching) -> None:
        """Let a viewer have no more; one that never joined is ignored."""
        number = self._numbers.pop(viewer, None)
        if number is None:
            return
        del self._viewers[number]
        self._queries[viewer.query] -= 1
        if not self._queries[viewer.query]:
            del self._queries[viewer.query]
        if self._process is None:
            return
        _order(self._process, "leave", number)
        if not self._viewers:
            self._idle.start(IDLE_SECONDS, self._rest)

    def stop(self) -> Deferred[None]:
        """End all; fires when no process is left."""
        self._idle.stop()
        self._process = None
        return self._processes.stop()

    def _started(self) -> ChildProcess:
        if self._processes.stopping:
            raise STOPPING
        if self._reactor.seconds() < self._not_before:
            raise Problem(503, "the live views have failed just now", {"Retry-After": "1"})
        self._process = self._processes.start(
            MODULE, self._place(), received=self._received, ended=self._ended
        )
        return self._process

    def _rest(self) -> None:
        assert self._process is not None
        self._process.end(within=END_SECONDS)
        self._process = None

    def _received(self, message: list[bytes]) -> None:
        handed = decode_events(b"".join(message))
        for number in handed.viewers:
            # It may have left meanwhile.
            if (viewer := self._viewers.get(number)) is not None:
                viewer.handed(handed)

    def _ended(self, process: ChildProcess, end: ProcessEnd) -> None:
        if process is not self._process:
            return
        self._idle.stop()
        self._process = None
        self._not_before = self._reactor.seconds() + REST_SECONDS
        if self._limited_log.note(str(end)) is not None:
            log.error("the process of the live views {how}", how=str(end))
        for viewer in list(self._viewers.values()):
            viewer.close("the live views have failed; the server's log says why")


def _order(process: ChildProcess, *order: str | int | None) -> None:
    process.send(json.dumps(order).encode())
