"""The process of the live views (see `viewing`) as the daemon sees it: started for the first viewer.

The daemon looks at no line: it writes what the process hands out to the connections of its viewers. When
the process ends by a fault all of them are sent away; they come back by themselves, behind the last line
that they have, and the next process serves them. Some time after the last viewer has gone it is ended.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.observe.seldom import Seldom
from logsrv.kit.text.escape import one_line
from logsrv.linelog.http.problems import STOPPING, Problem, too_many
from logsrv.linelog.http.spawn import spawn
from logsrv.linelog.http.viewing.talk import (
    Handed,
    HandedReader,
    Join,
    Leave,
    More,
    Order,
    order_line,
)
from logsrv.linelog.store.segments.segment import Position

log = Logger()

MODULE = "logsrv.linelog.http.viewing.viewing"
MOST_QUERIES = 200
# Seconds that it stands ready when nobody watches any more.
IDLE_SECONDS = 60.0
# Seconds from a fault to the next start; browsers come back after two.
REST_SECONDS = 1.0
_LONGEST = 4096


class Watching(Protocol):
    """A viewer as it is served."""

    query: str

    def handed(self, handed: Handed) -> None:
        """Take events."""

    def close(self, why: str) -> None:
        """Send its client away."""


class _Process(ProcessProtocol):
    """A process: `take` gets what it hands out, `told` what it says, `ended` is called at its end."""

    transport: Any

    def __init__(
        self,
        take: Callable[[Handed], object],
        told: Callable[[str], object],
        ended: Callable[[_Process, Failure], object],
    ) -> None:
        self._take = take
        self._told = told
        self._ended = ended
        self._reader = HandedReader()
        self._unfinished = b""

    def say(self, order: Order) -> None:
        self.transport.write(order_line(order))

    def leave(self) -> None:
        """Let it end by itself."""
        self.transport.closeStdin()

    def kill(self) -> None:
        """End it at once."""
        if self.transport.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.transport.pid, signal.SIGKILL)

    def outReceived(self, data: bytes) -> None:
        for handed in self._reader.receive(data):
            self._take(handed)

    def errReceived(self, data: bytes) -> None:
        *lines, rest = (self._unfinished + data).split(b"\n")
        self._unfinished = rest[-_LONGEST:]
        for line in lines:
            self._told(one_line(line.decode("utf-8", "replace"), _LONGEST))

    def processEnded(self, reason: Failure) -> None:
        self._ended(self, reason)


class Views:
    """All live views of a store. place: its directory, where it is now."""

    def __init__(self, place: Callable[[], str], reactor: Any) -> None:
        self._place = place
        self._reactor = reactor
        self._viewers: dict[int, Watching] = {}
        self._numbers: dict[Watching, int] = {}
        self._last = 0
        # The one that serves, and beside it those that are about to end.
        self._process: _Process | None = None
        self._processes: set[_Process] = set()
        self._idle: IDelayedCall | None = None
        self._not_before = float("-inf")
        self._stopped: Deferred[None] | None = None
        self._seldom = Seldom(reactor.seconds)

    def join(self, viewer: Watching, begin: Position) -> None:
        """Let a viewer have what its query finds from `begin` on, where a line begins.

        It gets the next lines, and more for each `more`, until it hears that it is live.
        Raises Problem: 429 when there are too many queries, 503 when there is no process.
        """
        queries = {one.query for one in self._viewers.values()}
        if viewer.query not in queries and len(queries) >= MOST_QUERIES:
            raise too_many(f"there are {MOST_QUERIES} live views for other queries", 60)
        process = self._process or self._started()
        self._cancel_idle()
        self._last += 1
        self._viewers[self._last] = viewer
        self._numbers[viewer] = self._last
        process.say(Join(self._last, viewer.query, begin))

    def more(self, viewer: Watching) -> None:
        """Let a viewer that is not live yet have the next lines."""
        if self._process is not None and viewer in self._numbers:
            self._process.say(More(self._numbers[viewer]))

    def leave(self, viewer: Watching) -> None:
        """Let a viewer have no more; one that never joined is ignored."""
        number = self._numbers.pop(viewer, None)
        if number is None:
            return
        del self._viewers[number]
        if self._process is None:
            return
        self._process.say(Leave(number))
        if not self._viewers:
            self._idle = self._reactor.callLater(IDLE_SECONDS, self._rest)

    def stop(self) -> Deferred[None]:
        """End all; fires when no process is left."""
        self._stopped = Deferred()
        self._cancel_idle()
        self._process = None
        for process in self._processes:
            process.kill()
        self._look_whether_stopped()
        return self._stopped

    def _started(self) -> _Process:
        if self._stopped is not None:
            raise STOPPING
        if self._reactor.seconds() < self._not_before:
            raise Problem(503, "the live views have failed just now", {"Retry-After": "1"})
        process = _Process(self._take, self._told, self._ended)
        spawn(self._reactor, process, MODULE, self._place())
        self._process = process
        self._processes.add(process)
        return process

    def _rest(self) -> None:
        self._idle = None
        assert self._process is not None
        self._process.leave()
        self._process = None

    def _cancel_idle(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _take(self, handed: Handed) -> None:
        for number in handed.viewers:
            # It may have left meanwhile.
            if (viewer := self._viewers.get(number)) is not None:
                viewer.handed(handed)

    def _told(self, sentence: str) -> None:
        if self._seldom.note(sentence) is not None:
            log.warn("the live views say: {said}", said=sentence)

    def _ended(self, process: _Process, reason: Failure) -> None:
        self._processes.discard(process)
        self._look_whether_stopped()
        if process is not self._process:
            return
        self._cancel_idle()
        self._process = None
        self._not_before = self._reactor.seconds() + REST_SECONDS
        why = reason.getErrorMessage()
        if self._seldom.note(why) is not None:
            log.error("the process of the live views has ended: {why}", why=why)
        for viewer in list(self._viewers.values()):
            viewer.close("the live views have failed; the server's log says why")

    def _look_whether_stopped(self) -> None:
        if self._stopped is not None and not self._processes and not self._stopped.called:
            self._stopped.callback(None)
