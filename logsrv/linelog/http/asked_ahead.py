"""Questions of boards, asked again in the background: their parts stay in memory (read/remembered.py).

So who opens a board in the morning waits only for what has come since the last round.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.linelog.http.endpoints import BY_PATH
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searches import SPARE_SECONDS, Searches
from logsrv.reactor import Timer, time_of_day

log = Logger()

EVERY = 0.4 * SPARE_SECONDS
"""Seconds between two rounds. SPARE_SECONDS after the last question all is forgotten, and a round skips
those asked since the one before.
"""
FOR = 86400.0
"""Seconds for which a question is asked ahead after somebody has asked it."""
MOST = 36
"""Questions: of three boards. Others, asked longer ago, are forgotten."""
LONGEST = 20.0
"""Seconds. A question that takes longer, although it was asked before, is dropped."""


@attrs.frozen
class _Unread:
    """The sink of an answer that nobody reads."""

    ended: Callable[[Problem | None], None]

    def receive_missing(self, missing: str) -> None: ...

    def receive_data(self, data: bytes) -> None: ...

    def receive_end(self, problem: Problem | None) -> None:
        self.ended(problem)


class AskedAhead:
    """The questions of boards, and rounds in which they are asked one after the other."""

    def __init__(self, searches: Searches, reactor: Any) -> None:
        self._searches, self._reactor = searches, reactor
        # When somebody asked last, by path and query string; the latest is the last.
        self._asked: dict[tuple[str, bytes], float] = {}
        self._timer = Timer(reactor)
        self._is_round = False

    def note(self, path: str, query: bytes) -> None:
        """Note that somebody has asked. query: the valid query string of an endpoint."""
        self._asked.pop((path, query), None)
        self._asked[path, query] = self._reactor.seconds()
        while len(self._asked) > MOST:
            del self._asked[next(iter(self._asked))]
        self._plan_round()

    def stop(self) -> None:
        """Ask no more."""
        self._asked.clear()
        self._timer.stop()

    def _plan_round(self) -> None:
        if self._asked and not self._is_round and not self._timer.running:
            self._timer.start(EVERY, self._begin_round)

    def _begin_round(self) -> None:
        self._is_round = True
        ended = Deferred.fromCoroutine(self._ask_all(self._reactor.seconds()))
        ended.addErrback(lambda failure: log.failure("asking ahead has failed", failure))
        ended.addCallback(lambda _: self._end_round())

    def _end_round(self) -> None:
        self._is_round = False
        self._plan_round()

    async def _ask_all(self, now: float) -> None:
        self._asked = {one: then for one, then in self._asked.items() if now - then < FOR}
        for asked, then in [*self._asked.items()]:
            # An open board asks by itself.
            is_due = now - then >= EVERY and asked in self._asked
            if is_due and not await self._ask(*asked):
                self._asked.pop(asked, None)

    async def _ask(self, path: str, query: bytes) -> bool:
        """Ask; return whether to ask again: it took little time in its turn, and may succeed."""
        endpoint, ended = BY_PATH[path], Deferred[Problem | None]()
        try:
            values = endpoint.parse_query_string(query, time_of_day(self._reactor))
            request = {"endpoint": endpoint.name, "values": values}
            search = self._searches.queue_search(request, _Unread(ended.callback))
        except Problem:
            return False
        problem = await ended
        took = self._reactor.seconds() - search.running_since
        return took <= LONGEST and (problem is None or problem.status >= 500)
