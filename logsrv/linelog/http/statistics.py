"""Answers of /api/stats: the totals of the store, counted once for all who ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

# Seconds for which an answer is used again.
FRESH_SECONDS = 0.5


def totals_for_some_lines(totals: bytes) -> bytes:
    """Return totals, as JSON, for who sees only some lines: sizes and where the store ends."""
    hidden = dict.fromkeys(("lines", "oldest", "newest"))
    return json.dumps(json.loads(totals) | hidden).encode() + b"\n"


class StoreStatistics:
    """Answers of one count at a time, which a thread makes, for all who ask meanwhile or soon after.

    count: returns the totals. Raises StoreError.
    """

    def __init__(self, count: Callable[[], dict[str, Any]], reactor: Any) -> None:
        self._count = count
        self._reactor = reactor
        self._counted, self._counted_at = b"", float("-inf")
        self._waiting: list[Deferred[bytes]] = []

    async def get_totals(self) -> bytes:
        """Return the totals as JSON. Raises StoreError."""
        if self._reactor.seconds() - self._counted_at <= FRESH_SECONDS:
            return self._counted
        waiting: Deferred[bytes] = Deferred()
        self._waiting.append(waiting)
        if len(self._waiting) == 1:
            pool = self._reactor.getThreadPool()
            counted = deferToThreadPool(self._reactor, pool, self._count)
            counted.addCallback(self._take_totals).addBoth(self._answer_waiting)
        return await waiting

    def _take_totals(self, counted: dict[str, Any]) -> bytes:
        self._counted = json.dumps(counted).encode() + b"\n"
        self._counted_at = self._reactor.seconds()
        return self._counted

    def _answer_waiting(self, answer: bytes | Failure) -> None:
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            # A Failure calls the errbacks.
            one.callback(answer)
