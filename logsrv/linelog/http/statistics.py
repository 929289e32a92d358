"""Answers of /api/stats, from a process that counts the store (see `counting`).

It is started by the first question. All who ask while it counts get the same answer, and so do those that
ask within half a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from logsrv.kit.children.child import ChildProcess, ChildProcesses, LineBuffer, ProcessEnd
from logsrv.kit.observe.seldom import Seldom
from logsrv.linelog.http.problems import STOPPING, Problem
from logsrv.timer import Timer

log = Logger()

MODULE = "logsrv.linelog.http.counting"
# Seconds for which totals are not counted again.
FRESH_SECONDS = 0.5
# Seconds that it stands ready when nobody asks any more.
IDLE_SECONDS = 300.0


class Statistics:
    """The totals of a store. place: its directory, where it is now."""

    def __init__(self, place: Callable[[], str], reactor: Any) -> None:
        self._place = place
        self._reactor = reactor
        self._counted, self._counted_at = b"", float("-inf")
        self._waiting: list[Deferred[bytes]] = []
        self._process: ChildProcess | None = None
        self._processes = ChildProcesses(reactor, "counting says", partial(Problem, 503))
        self._lines = LineBuffer()
        self._idle = Timer(reactor)
        self._seldom = Seldom(reactor.seconds)

    def get(self) -> Deferred[bytes]:
        """Return what fires with the totals as JSON; it fails with a Problem. Raises Problem."""
        if self._reactor.seconds() - self._counted_at <= FRESH_SECONDS:
            return succeed(self._counted)
        process = self._process or self._started()
        self._idle.stop()
        waiting: Deferred[bytes] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            process.write(b"\n")
        return waiting

    def stop(self) -> Deferred[None]:
        """End the process; fires when it has ended."""
        self._rest()
        self._fail(STOPPING)
        return self._processes.stop()

    def _started(self) -> ChildProcess:
        if self._processes.stopping:
            raise STOPPING
        self._lines = LineBuffer()
        self._process = self._processes.start(
            MODULE, self._place(), received=self._received, ended=self._ended
        )
        return self._process

    def _received(self, data: bytes) -> None:
        for line in self._lines.receive(data):
            self._idle.start(IDLE_SECONDS, self._rest)
            why = json.loads(line).get("error")
            if why is None:
                self._counted, self._counted_at = line + b"\n", self._reactor.seconds()
                self._answer(lambda waiting: waiting.callback(self._counted))
            else:
                # The next one finds the store that is at its path then.
                self._rest()
                self._fail(Problem(503, why))

    def _fail(self, problem: Problem) -> None:
        self._answer(lambda waiting: waiting.errback(problem))

    def _answer(self, fire: Callable[[Deferred[bytes]], object]) -> None:
        answered, self._waiting = self._waiting, []
        for waiting in answered:
            fire(waiting)

    def _rest(self) -> None:
        self._idle.stop()
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    def _ended(self, process: ChildProcess, end: ProcessEnd) -> None:
        if process is not self._process:
            return
        self._process = None
        self._idle.stop()
        if self._seldom.note(str(end)) is not None:
            log.error("the process that counts {how}", how=str(end))
        self._fail(Problem(503, "the store could not be counted; the server's log says why"))
