"""Sockets for datagrams that a plugin opens by `service.datagrams`, to ask others or for one transfer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import Deferred

from logsrv.errors import ConfigurationError
from logsrv.kit.net.guard.guard import GuardPolicy
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.net.senders import sender_at
from logsrv.kit.observe.metrics import MetricsPart
from logsrv.kit.protocols.datagrams import DatagramContext, Datagrams
from logsrv.kit.service.sites import Site, SiteServer, SiteSpec

LABEL = "datagrams"
"""The `listener` of these sockets in the metrics; each socket would make a series of its own."""
QUIET = "opened {place} for datagrams"


@attrs.define(eq=False)
class DatagramSocket:
    """A socket of the service. protocol: the author's object, which gets what comes.

    closed: true after `close`, or the stop.
    """

    protocol: Any
    _context: DatagramContext
    _site: Site
    closed: bool = False

    @property
    def address(self) -> str:
        """Return the bound place: `127.0.0.1:51234`, or a path."""
        return self._site.address

    def send(self, data: bytes, address: tuple[str, int] | bytes) -> None:
        """Send a datagram to a host's address and port, or a path; one that is refused is counted."""
        if not self.closed:
            self._context.send(data, sender_at(address))

    def close(self) -> None:
        """Close it; datagrams that come later are not taken in."""
        if not self.closed:
            self.closed = True
            Deferred.fromCoroutine(self._site.close(0))


class DatagramSockets:
    """The sockets that a service has opened by itself."""

    def __init__(self, service: Any) -> None:
        self._service = service
        self._open: list[DatagramSocket] = []

    def open(self, text: str, build: Callable[[], Datagrams]) -> DatagramSocket:
        """Open one. Raises ConfigurationError for no such place, ListenError for one that is taken."""
        try:
            endpoint = parse_endpoint(text)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        if endpoint.kind != "datagram":
            raise ConfigurationError(f"{text}: datagrams takes udp:PORT or unixgram:PATH")
        contexts: list[DatagramContext] = []

        def make(wanted: SiteSpec, metrics: MetricsPart) -> SiteServer:
            context = DatagramContext(self._service, LABEL, build(), metrics)
            context.apply(wanted.settings)
            contexts.append(context)
            return context

        spec = SiteSpec(text, endpoint, LABEL, GuardPolicy(), make, QUIET)
        service = self._service
        site = Site(spec, make, service.clock, service.metrics, service.make_listener)
        site.bind()
        site.open()
        receiver = contexts[0].receiver
        opened = DatagramSocket(getattr(receiver, "protocol", receiver), contexts[0], site)
        self._open = [one for one in self._open if not one.closed]
        self._open.append(opened)
        return opened

    def stop(self) -> None:
        """Close all of them."""
        for one in self._open:
            one.close()
