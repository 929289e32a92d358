"""Links: connections to other servers, which reconnect for as long as the service runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
from twisted.application.internet import ClientService
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.errors import ConfigurationError
from logsrv.kit.connections._guarded_factory import GuardedFactory
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.connections.transports import with_no_delay
from logsrv.kit.net.remote import (
    CONNECT_SECONDS,
    RemoteAddress,
    located_remote,
    parse_remote,
    remote_endpoint,
)
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.protocols.faults import wrong_value_text

log = Logger()


@implementer(IStreamClientEndpoint)
@attrs.define(eq=False, slots=False)
class ReconnectingLink:
    """A connection to another server. label: its name in the log, and its `listener` in the metrics.

    It is the endpoint of its own ClientService, so it gets each try that fails.
    """

    label: str
    _endpoint: IStreamClientEndpoint
    _factory: Any
    _clock: Any
    _metrics: Metrics
    _policy: GuardPolicy

    def __attrs_post_init__(self) -> None:
        self._limited_log = RateLimitedLog(self._clock.seconds)
        how = {"label": self.label, "clock": self._clock, "metrics": self._metrics}
        self._guarded = LinkFactory(self._factory, policy=self._policy, **how)
        self._guarded.lost = self._log_lost
        self._client = ClientService(
            self, self._guarded, clock=self._clock, prepareConnection=self._log_connected
        )
        self._closed = False

    def __str__(self) -> str:
        return self.label

    @property
    def protocol(self) -> Any:
        for protocol in self._guarded.protocols:
            return protocol
        return None

    async def when_connected(self) -> Any:
        if self._closed:
            raise CancelledError(f"the connection {self.label} was closed for good")
        await self._client.whenConnected()
        return self.protocol

    def start_connecting(self) -> None:
        """Connect, and reconnect after each end or failure."""
        if not self._closed:
            self._client.startService()

    def apply(self, policy: GuardPolicy) -> None:
        """Use other rules, for the present connection too."""
        self._guarded.apply(policy)

    def close(self) -> Deferred[None]:
        """Close the connection after its output is sent, and do not reconnect; fires when it is closed."""
        self._closed = True
        self._factory.close()
        # `stopService` returns None when there is nothing to wait for.
        return maybeDeferred(self._client.stopService)

    async def drain(self, seconds: float) -> int:
        """Take in all arrived input, then close. Return how many connections were cut off: 0 or 1."""
        self._closed = True
        cut = await self._guarded.drain(seconds)
        await self.close()
        return cut

    def _log_connected(self, _: object) -> None:
        log.info("connected {link}", link=self.label)

    def _log_lost(self, reason: Failure) -> None:
        log.info("lost the connection {link}: {why}", link=self.label, why=end_sentence(reason))

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """Try once to connect."""
        connecting: Deferred[Any] = self._endpoint.connect(protocolFactory)
        return connecting.addCallbacks(with_no_delay, self._count_failed_try)

    def _count_failed_try(self, failure: Failure) -> Failure:
        if not self._closed:
            self._metrics.count("links_failed_total", listener=self.label)
            why = failure.getErrorMessage().rstrip(".")
            if self._limited_log.count_event(why) is not None:
                log.warn(
                    "cannot connect {link}, and will try again: {why}", link=self.label, why=why
                )
        return failure


class LinkFactory(GuardedFactory):
    """The factory of a link. lost: called with the reason when a connection has ended."""

    lost: Callable[[Failure], None]

    def note_connection_end(self, connection: Any, reason: Failure) -> None:
        super().note_connection_end(connection, reason)
        self.lost(reason)


@attrs.define(eq=False)
class Links:
    """The links of one service."""

    _clock: Any
    _metrics: Metrics
    _policy: Callable[[], GuardPolicy]
    _links: list[ReconnectingLink] = attrs.field(factory=list)
    _begun: bool = False

    def __iter__(self) -> Iterator[ReconnectingLink]:
        return iter(tuple(self._links))

    def add_link(
        self, label: str, endpoint: IStreamClientEndpoint, factory: IProtocolFactory
    ) -> ReconnectingLink:
        """Connect to `endpoint`, now or when the reactor runs."""
        link = ReconnectingLink(
            label, endpoint, factory, self._clock, self._metrics, self._policy()
        )
        self._links.append(link)
        if self._begun:
            link.start_connecting()
        return link

    def connect_all(self) -> None:
        """Connect all links: the reactor runs."""
        self._begun = True
        for link in self:
            link.start_connecting()

    def apply(self, policy: GuardPolicy) -> None:
        """Use other rules for all links."""
        for link in self:
            link.apply(policy)

    async def drain_all(self, seconds: float) -> int:
        """Drain all links, for at most `seconds`. Return how many were cut off."""
        draining = [Deferred.fromCoroutine(link.drain(seconds)) for link in self]
        return sum([await one for one in draining])


def client_endpoint(
    address: str | RemoteAddress | IStreamClientEndpoint,
    reactor: Any,
    seconds: float = CONNECT_SECONDS,
) -> tuple[str, IStreamClientEndpoint, str]:
    """Return the name of an address to connect to, its endpoint, and the host that its certificate names.

    seconds: the time-out of one attempt.

    The host is "" for an address without one, such as a path. Raises ConfigurationError with one sentence
    for text that names no address, TypeError for an object that cannot connect.
    """
    if isinstance(address, str):
        try:
            address = located_remote(parse_remote(address), Path())
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
    if isinstance(address, RemoteAddress):
        return address.label, remote_endpoint(address, reactor, seconds), address.host
    if not hasattr(address, "connect"):
        raise TypeError(
            f"connect takes an endpoint such as tcp:HOST:PORT, not {wrong_value_text(address)}"
        )
    return type(address).__name__, address, ""
