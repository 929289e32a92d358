"""The daemon's side of the process of the live views (see `view_child`).

The daemon reads no lines: it writes the events of the process to the viewers' connections. It starts the
process for the first viewer, and ends it some time after the last one has left. If the process fails, all
streams are closed. The clients connect again by themselves, from their last line on, to the next process.
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
from logsrv.linelog.http.problems import STOPPING, Problem, too_many_problem
from logsrv.linelog.http.views.view_protocol import LiveQuery, ViewEvents, decode_events
from logsrv.linelog.store.cursor import Place
from logsrv.reactor import Timer

log = Logger()

MODULE = "logsrv.linelog.http.views.view_child"
MOST_QUERIES = 1000
# Seconds that the process stays ready after the last viewer has left.
IDLE_SECONDS = 60.0
# Seconds after a failure of the process in which no other is started; browsers connect again after two.
REST_SECONDS = 1.0
# Seconds that the process may take to end; then it is killed.
END_SECONDS = 6.0


class AttachedViewer(Protocol):
    """A viewer, as `LiveViews` uses it."""

    query: LiveQuery

    def receive_events(self, events: ViewEvents) -> None:
        """Receive events."""

    def close(self, why: str) -> None:
        """Close the stream to the client, with a reason."""


class LiveViews:
    """All live views of a store. directory: returns the store's present directory."""

    def __init__(self, directory: Callable[[], str], reactor: Any) -> None:
        self._directory = directory
        self._reactor = reactor
        self._viewers: dict[int, AttachedViewer] = {}
        self._numbers: dict[AttachedViewer, int] = {}
        # The number of viewers of each query.
        self._queries: Counter[LiveQuery] = Counter()
        self._last = 0
        # The serving process, and all processes including those that are about to end.
        self._process: ChildProcess | None = None
        self._processes = ChildProcesses(reactor, "the live views say", partial(Problem, 503))
        self._idle = Timer(reactor)
        self._not_before = float("-inf")
        self._limited_log = RateLimitedLog(reactor.seconds)

    def attach(self, viewer: AttachedViewer, begin: Place, sure: Place) -> None:
        """Add a viewer, which gets the lines that match its query from position `begin` on.

        sure: the end of the store, up to which it gets every matching line. It gets some lines now, and
        more for each `request_more`, until it is live.
        Raises Problem: 429 if there are too many queries, 503 if there is no process.
        """
        if viewer.query not in self._queries and len(self._queries) >= MOST_QUERIES:
            raise too_many_problem(f"there are {MOST_QUERIES} live views for other queries", 60)
        process = self._process or self._start_process()
        self._idle.stop()
        self._last += 1
        self._viewers[self._last] = viewer
        self._numbers[viewer] = self._last
        self._queries[viewer.query] += 1
        _send_order(process, "attach", self._last, viewer.query, str(begin), str(sure))

    def request_more(self, viewer: AttachedViewer) -> None:
        """Ask for the next lines for a viewer that is not live yet."""
        if self._process is not None and viewer in self._numbers:
            _send_order(self._process, "more", self._numbers[viewer])

    def leave(self, viewer: AttachedViewer) -> None:
        """Remove a viewer. A viewer that was never attached is ignored."""
        number = self._numbers.pop(viewer, None)
        if number is None:
            return
        del self._viewers[number]
        self._queries[viewer.query] -= 1
        if not self._queries[viewer.query]:
            del self._queries[viewer.query]
        if self._process is None:
            return
        _send_order(self._process, "leave", number)
        if not self._viewers:
            self._idle.start(IDLE_SECONDS, self._end_idle_process)

    def stop(self) -> Deferred[None]:
        """End all processes. The Deferred fires when none is left."""
        self._idle.stop()
        self._process = None
        return self._processes.stop()

    def _start_process(self) -> ChildProcess:
        if self._processes.stopping:
            raise STOPPING
        if self._reactor.seconds() < self._not_before:
            raise Problem(503, "the live views have failed just now", {"Retry-After": "1"})
        self._process = self._processes.start(
            MODULE, self._directory(), received=self._pass_on_events, ended=self._handle_process_end
        )
        return self._process

    def _end_idle_process(self) -> None:
        assert self._process is not None
        self._process.end(within=END_SECONDS)
        self._process = None

    def _pass_on_events(self, message: list[bytes]) -> None:
        events = decode_events(b"".join(message))
        for number in events.viewers:
            # The viewer may have left meanwhile.
            if (viewer := self._viewers.get(number)) is not None:
                viewer.receive_events(events)

    def _handle_process_end(self, process: ChildProcess, end: ProcessEnd) -> None:
        if process is not self._process:
            return
        self._idle.stop()
        self._process = None
        self._not_before = self._reactor.seconds() + REST_SECONDS
        if self._limited_log.count_event(str(end)) is not None:
            log.error("the process of the live views {how}", how=str(end))
        for viewer in list(self._viewers.values()):
            viewer.close("the live views have failed; the server's log says why")


def _send_order(process: ChildProcess, *order: str | int | LiveQuery) -> None:
    process.send(json.dumps(order).encode())
