"""Answers of /api/stats, from a process that counts the store (see `statistics_child`).

Requests that come while it counts, and for half a second after that, get the same answer.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, NoReturn

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from logsrv.kit.children.pool import ProcessPool
from logsrv.linelog.http.problems import STOPPING, Problem

MODULE = "logsrv.linelog.http.statistics_child"
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
            counted = self._pool.answer(os.fsencode(self._place()))
            counted.addCallbacks(self._take_totals, self._failed).addBoth(self._answer_waiting)
        return waiting

    def stop(self) -> Deferred[None]:
        """End the process. The Deferred fires when it has ended."""
        self._stopping = True
        return self._pool.stop()

    def _take_totals(self, answer: list[bytes]) -> bytes:
        counted = b"".join(answer)
        why = json.loads(counted).get("error")
        if why is not None:
            raise Problem(503, why)
        self._counted, self._counted_at = counted, self._reactor.seconds()
        return counted

    def _failed(self, _: Failure) -> NoReturn:
        why = "the store could not be counted; the server's log says why"
        raise STOPPING if self._stopping else Problem(503, why)

    def _answer_waiting(self, answer: bytes | Failure) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            # A Failure calls the errbacks.
            one.callback(answer)
