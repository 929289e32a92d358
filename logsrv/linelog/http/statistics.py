"""Answers of /api/stats, from a process that counts the store (see `counting`).

Requests that come while it counts, and for half a second after that, get the same answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from logsrv.kit.children.pool import ProcessPool
from logsrv.linelog.http.problems import STOPPING, Problem

MODULE = "logsrv.linelog.http.counting"
# Seconds for which an answer is used again.
FRESH_SECONDS = 0.5
# Seconds that the process stays ready after the last request.
IDLE_SECONDS = 300.0


class StoreStatistics:
    """The totals of a store. place: returns the store's present directory."""

    def __init__(self, place: Callable[[], str], reactor: Any) -> None:
        self._place = place
        self._reactor = reactor
        self._counted, self._counted_at = b"", float("-inf")
        self._waiting: list[Deferred[bytes]] = []
        self._stopping = False
        self._pool = ProcessPool(
            MODULE,
            reactor,
            name="the process that counts",
            without="the store is not counted",
            idle=IDLE_SECONDS,
        )

    def request_totals(self) -> Deferred[bytes]:
        """Return a Deferred that fires with the totals as JSON, or fails with a Problem."""
        if self._reactor.seconds() - self._counted_at <= FRESH_SECONDS:
            return succeed(self._counted)
        waiting: Deferred[bytes] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            answered = self._pool.answer(os.fsencode(self._place()))
            answered.addCallbacks(self._handle_answer, self._handle_failure)
        return waiting

    def stop(self) -> Deferred[None]:
        """End the process. The Deferred fires when it has ended."""
        self._stopping = True
        return self._pool.stop()

    def _handle_answer(self, answer: list[bytes]) -> None:
        counted = b"".join(answer)
        why = json.loads(counted).get("error")
        if why is not None:
            self._fail_waiting(Problem(503, why))
            return
        self._counted, self._counted_at = counted, self._reactor.seconds()
        for waiting in self._take_waiting():
            waiting.callback(counted)

    def _handle_failure(self, _: Failure) -> None:
        why = "the store could not be counted; the server's log says why"
        self._fail_waiting(STOPPING if self._stopping else Problem(503, why))

    def _fail_waiting(self, problem: Problem) -> None:
        for waiting in self._take_waiting():
            waiting.errback(problem)

    def _take_waiting(self) -> list[Deferred[bytes]]:
        waiting, self._waiting = self._waiting, []
        return waiting
