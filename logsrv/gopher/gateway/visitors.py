"""Limits for each client: requests at once, and requests a minute. No timers.

A client is an IPv4 address or an IPv6 /64, which is what one customer has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import ceil

import attrs
from twisted.internet.defer import Deferred

from logsrv.errors import PeerError
from logsrv.kit.net.guard.rates import Buckets
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import integer


@attrs.frozen(kw_only=True, slots=False)
class VisitorLimits:
    """The options about clients. A minute's requests of one may come together, after one of rest."""

    max_requests: int = option(64, integer(1), "requests at a time at most")
    max_requests_per_client: int = option(8, integer(1), "requests of one client at a time at most")
    requests_per_minute: int = option(240, integer(1), "requests of one client in a minute at most")


class RequestDenied(PeerError):
    """A web request that is answered with a status, a sentence and maybe headers only."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


def too_much(status: int, sentence: str, seconds: int) -> RequestDenied:
    """Return the error for a request that may come again after so many seconds."""
    return RequestDenied(status, sentence, **{"Retry-After": str(seconds)})


class Visitors:
    """The clients that are being served. `now` gives seconds that only grow."""

    def __init__(self, limits: VisitorLimits, now: Callable[[], float]) -> None:
        self.limits = limits
        self._requests = Buckets(now)
        self._open: Counter[str] = Counter()
        self._gone: Deferred[None] | None = None

    @property
    def open(self) -> int:
        """The number of requests that are being worked on."""
        return self._open.total()

    def enter(self, client: str) -> Callable[[], None]:
        """Count a request of `client` (from `client_of`) in. What it gives has to be called once,
        when the request is over. Raises RequestDenied.
        """
        if self._gone is not None:
            raise too_much(503, "the gateway is being stopped", 10)
        if self.open >= self.limits.max_requests:
            raise too_much(503, "the gateway is busy; try again in a moment", 2)
        if self._open[client] >= self.limits.max_requests_per_client:
            sentence = "you have too many requests open here; wait until one of them has ended"
            raise too_much(429, sentence, 2)
        a_minute = self.limits.requests_per_minute
        bucket = self._requests.filled(client, a_minute / 60, a_minute)
        if bucket.left < 1:
            seconds = ceil((1 - bucket.left) * 60 / a_minute)
            raise too_much(429, f"too many requests; go on in {seconds} s", seconds)
        bucket.left -= 1
        self._open[client] += 1

        def leave() -> None:
            self._open -= Counter([client])
            self._look_for_end()

        return leave

    def close(self) -> Deferred[None]:
        """Take no more requests; fires when those that are open have been answered."""
        self._gone = Deferred()
        self._look_for_end()
        return self._gone

    def _look_for_end(self) -> None:
        if self._gone is not None and not self._gone.called and not self._open:
            self._gone.callback(None)
