"""Limits for all clients together and for each: open requests, and requests a minute. No timers.

A client is an IPv4 address or an IPv6 /64, the network of one customer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import ceil

import attrs
from twisted.internet.defer import Deferred

from logsrv.errors import PeerError
from logsrv.kit.connections.rates import TokenBuckets
from logsrv.kit.options.declare import option
from logsrv.kit.options.kinds import integer


@attrs.frozen(kw_only=True, slots=False)
class VisitorLimits:
    """The options about clients.

    After a minute without requests, a client may send a minute's requests at once.
    """

    max_requests: int = option(64, integer(1), "the most requests at a time")
    max_requests_per_client: int = option(
        8, integer(1), "the most requests of one client at a time"
    )
    requests_per_minute: int = option(
        240, integer(1), "the most requests of one client in a minute"
    )


class RequestDenied(PeerError):
    """A web request that is refused with a status, a sentence and maybe headers."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.headers = headers


def retry_later_error(status: int, sentence: str, seconds: int) -> RequestDenied:
    """Return the error for a request that the client may repeat after `seconds`."""
    return RequestDenied(status, sentence, **{"Retry-After": str(seconds)})


class Visitors:
    """The clients with open requests. now: a monotonic clock in seconds."""

    def __init__(self, limits: VisitorLimits, now: Callable[[], float]) -> None:
        self.limits = limits
        self._requests = TokenBuckets(now)
        self._open: Counter[str] = Counter()
        self._drained: Deferred[None] | None = None

    @property
    def open_requests(self) -> int:
        """Return the number of open requests."""
        return self._open.total()

    def begin_request(self, client: str) -> Callable[[], None]:
        """Count a request of `client` (from `client_of`) as open. Raises RequestDenied.

        Return a function, to be called once at the end of the request.
        """
        if self._drained is not None:
            raise retry_later_error(503, "the gateway is being stopped", 10)
        if self.open_requests >= self.limits.max_requests:
            raise retry_later_error(503, "the gateway is busy; try again in a moment", 2)
        if self._open[client] >= self.limits.max_requests_per_client:
            sentence = "you have too many requests open here; wait until one of them has ended"
            raise retry_later_error(429, sentence, 2)
        a_minute = self.limits.requests_per_minute
        bucket = self._requests.filled_bucket(client, a_minute / 60, a_minute)
        if bucket.left < 1:
            seconds = ceil((1 - bucket.left) * 60 / a_minute)
            raise retry_later_error(429, f"too many requests; try again in {seconds} s", seconds)
        bucket.left -= 1
        self._open[client] += 1

        def leave() -> None:
            self._open -= Counter([client])
            self._fire_if_drained()

        return leave

    def drain(self) -> Deferred[None]:
        """Refuse new requests; the Deferred fires when all open ones are answered."""
        self._drained = Deferred()
        self._fire_if_drained()
        return self._drained

    def _fire_if_drained(self) -> None:
        if self._drained is not None and not self._drained.called and not self._open:
            self._drained.callback(None)
