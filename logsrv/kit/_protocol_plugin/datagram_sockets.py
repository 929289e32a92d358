"""Sockets for datagrams that a plugin opens by `service.datagrams`, to ask others or for one transfer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.errors import ConfigurationError
from logsrv.kit.connections._senders import sender_at
from logsrv.kit.connections.guard import GuardPolicy
from logsrv.kit.net.parse import parse_endpoint
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.protocols._datagrams import Datagrams
from logsrv.kit.service.sites import Site, SiteSpec

log = Logger()

LABEL = "datagrams"
"""The `listener` of these sockets in the metrics; each socket would make a series of its own."""
QUIET = "opened {place} for datagrams"


class DatagramSocket:
    """A socket of the service. protocol: the author's object, which gets what comes.

    closed: true after `close`, or the stop.
    """

    closed = False

    def __init__(self, site: Site, seconds: Callable[[], float]) -> None:
        self._site = site
        self._context: Any = site.server
        receiver = site.server.receiver
        self.protocol = getattr(receiver, "protocol", receiver)
        self._refusals = RateLimitedLog(seconds)

    @property
    def address(self) -> str:
        """Return the bound address: `127.0.0.1:51234`, or a path."""
        return self._site.address

    def send(self, data: bytes, address: tuple[str, int] | bytes) -> None:
        """Send a datagram to an IP address and port, or a path.

        One that the system refuses is counted, and logged once a minute. Raises ValueError for a host
        name, an impossible port, or an address of the other kind.
        """
        peer = sender_at(_checked_address(address))
        if self.closed or self._context.send(data, peer):
            return
        self._refusals.log_unless_recent(
            log.warn,
            LABEL,
            "the system sends nothing from {place} to {peer}",
            counted="refused",
            place=self.address,
            peer=peer.source,
        )

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
        """Open one. Raises ConfigurationError for no such address, ListenError for one that is taken."""
        try:
            endpoint = parse_endpoint(text)
        except ValueError as error:
            raise ConfigurationError(str(error)) from None
        if endpoint.kind != "datagram":
            raise ConfigurationError(f"{text}: datagrams takes udp:PORT or unixgram:PATH")
        service = self._service
        make = partial(service.make_datagram_server, build)
        spec = SiteSpec(text, endpoint, LABEL, GuardPolicy(), make, QUIET)
        site = Site(spec, make, service.clock, service.metrics, service.make_listener)
        site.bind()
        site.open()
        opened = DatagramSocket(site, service.clock.seconds)
        self._open = [*(one for one in self._open if not one.closed), opened]
        return opened

    def close_all(self) -> None:
        """Close all of them."""
        for one in self._open:
            one.close()


def _checked_address(address: Any) -> Any:
    """Return an address that may be sent to. Raises ValueError."""
    if isinstance(address, bytes):
        return address
    try:
        host, port = address[:2]
        ip_address(host)
        if not 0 < port < 65536:
            raise ValueError
    except (TypeError, ValueError):
        raise ValueError(
            "send takes an IP address and a port from 1 to 65535, or a path in bytes, "
            f"not {address!r:.100}"
        ) from None
    return address
