"""Limits for each client: requests at once, and requests a minute. Sans-IO.

A client is an IPv4 address or an IPv6 /64, which is what one customer has.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import attrs

from logsrv.errors import PeerError
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import integer

MOST_REMEMBERED = 4096
OTHERS = "others"


@attrs.frozen(kw_only=True, slots=False)
class VisitorLimits:
    """The options about clients. A minute's requests of one may come together, after one of rest."""

    max_requests: int = option(64, integer(1), "how many requests to work on at a time")
    max_requests_per_client: int = option(8, integer(1), "how many of them for one client")
    requests_per_minute: int = option(240, integer(1), "how many requests to take of one client")


class RequestDenied(PeerError):
    """A web request that gets nothing but a status, a sentence and maybe headers."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


def too_much(status: int, sentence: str, seconds: int) -> RequestDenied:
    """Return the error for a request that may come again after so many seconds."""
    return RequestDenied(status, sentence, **{"Retry-After": str(seconds)})


@attrs.define
class _Visitor:
    left: float
    since: float
    open: int = 0


class Visitors:
    """The clients that are being served. `now` gives seconds that only grow."""

    def __init__(self, limits: VisitorLimits, now: Callable[[], float]) -> None:
        self.limits = limits
        self.open = 0
        self._now = now
        self._visitors: dict[str, _Visitor] = {}

    def enter(self, client: str) -> Callable[[], None]:
        """Count a request of `client` (from `client_of`) in. What it gives has to be called once,
        when the request is over. Raises RequestDenied.
        """
        if self.open >= self.limits.max_requests:
            raise too_much(503, "the gateway is busy; try again in a moment", 2)
        visitor = self._visitor(client)
        if visitor.open >= self.limits.max_requests_per_client:
            sentence = "you have too many requests open here; wait until one of them has ended"
            raise too_much(429, sentence, 2)
        if visitor.left < 1:
            seconds = ceil((1 - visitor.left) * 60 / self.limits.requests_per_minute)
            raise too_much(429, f"too many requests; go on in {seconds} s", seconds)
        visitor.left -= 1
        visitor.open += 1
        self.open += 1

        def leave() -> None:
            visitor.open -= 1
            self.open -= 1

        return leave

    def _visitor(self, client: str) -> _Visitor:
        now = self._now()
        if client not in self._visitors and len(self._visitors) >= MOST_REMEMBERED:
            self._forget(now)
            if len(self._visitors) >= MOST_REMEMBERED:
                client = OTHERS
        visitor = self._visitors.setdefault(client, _Visitor(self.limits.requests_per_minute, now))
        self._refill(visitor, now)
        return visitor

    def _refill(self, visitor: _Visitor, now: float) -> None:
        a_minute = self.limits.requests_per_minute
        visitor.left = min(a_minute, visitor.left + (now - visitor.since) * a_minute / 60)
        visitor.since = now

    def _forget(self, now: float) -> None:
        for client, visitor in list(self._visitors.items()):
            self._refill(visitor, now)
            if not visitor.open and visitor.left >= self.limits.requests_per_minute:
                del self._visitors[client]
