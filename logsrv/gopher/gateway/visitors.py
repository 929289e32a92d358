"""Limits for each client: requests at once, and requests a minute. Sans-IO.

A client is an IPv4 address or an IPv6 /64, which is what one customer has.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil

import attrs

from logsrv.errors import PeerError

MOST_REMEMBERED = 4096
OTHERS = "others"


@attrs.frozen
class VisitorLimits:
    """at_once: requests of all clients. at_once_each: of one. a_minute: of one, on average; as many
    may come together after a minute of rest.
    """

    at_once: int
    at_once_each: int
    a_minute: int


class TooMuch(PeerError):
    """A request has to wait. reason: the label in the metrics; retry_after: seconds."""

    def __init__(self, status: int, reason: str, sentence: str, retry_after: int) -> None:
        super().__init__(sentence)
        self.status = status
        self.reason = reason
        self.retry_after = retry_after


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
        when the request is over. Raises TooMuch.
        """
        if self.open >= self.limits.at_once:
            raise TooMuch(503, "busy", "the gateway is busy; try again in a moment", 2)
        visitor = self._visitor(client)
        if visitor.open >= self.limits.at_once_each:
            sentence = "you have too many requests open here; wait until one of them has ended"
            raise TooMuch(429, "open", sentence, 2)
        if visitor.left < 1:
            seconds = ceil((1 - visitor.left) * 60 / self.limits.a_minute)
            raise TooMuch(429, "rate", f"too many requests; go on in {seconds} s", seconds)
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
        visitor = self._visitors.setdefault(client, _Visitor(self.limits.a_minute, now))
        self._refill(visitor, now)
        return visitor

    def _refill(self, visitor: _Visitor, now: float) -> None:
        a_minute = self.limits.a_minute
        visitor.left = min(a_minute, visitor.left + (now - visitor.since) * a_minute / 60)
        visitor.since = now

    def _forget(self, now: float) -> None:
        for client, visitor in list(self._visitors.items()):
            self._refill(visitor, now)
            if not visitor.open and visitor.left >= self.limits.a_minute:
                del self._visitors[client]
