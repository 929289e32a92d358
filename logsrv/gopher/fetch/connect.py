"""The way to a server: directly or through a SOCKS5 proxy, plain or with TLS; and why it failed."""

from __future__ import annotations

import attrs
from twisted.internet.abstract import isIPAddress, isIPv6Address
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP6ClientEndpoint,
    wrapClientTLS,
)
from twisted.internet.error import (
    ConnectError,
    ConnectionRefusedError,
    DNSLookupError,
    NoRouteError,
    TimeoutError,
)
from twisted.internet.interfaces import (
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.gopher.fetch.exchange import Exchange
from logsrv.gopher.fetch.proxy import Proxy as Proxy
from logsrv.gopher.fetch.trust import Trust
from logsrv.gopher.wire.errors import GopherError, ProxyError, Refused, TimedOut, UnknownHost
from logsrv.gopher.wire.url import GopherURL

KNOWN_FOR = 60.0
_MOST_KNOWN = 1000


class _QuietFactory(Factory[Exchange]):
    noisy = False


class IClientReactor(IReactorTime, IReactorTCP, IReactorPluggableNameResolver):
    """A reactor with all that the client needs."""


@attrs.define(frozen=True, slots=True)
class _Known:
    """The address of a host that took a connection, and until when that is believed."""

    address: str
    until: float


class Connector:
    """Connects exchanges to the servers of their URLs.

    An address that took a connection is used again for KNOWN_FOR seconds: looking it up for each of
    a thousand small files, with both address families raced, takes longer than fetching them.
    """

    def __init__(
        self, reactor: IClientReactor, trust: Trust, proxy: Proxy | None, timeout: float
    ) -> None:
        """`timeout` in seconds, for looking up the name and connecting."""
        self._reactor = reactor
        self._trust = trust
        self._proxy = proxy
        self._timeout = timeout
        self._known: dict[str, _Known] = {}

    async def connect(self, url: GopherURL, exchange: Exchange) -> None:
        """Returns when there is a connection. Raises GopherError, ConfigurationError."""
        connecting = self._endpoint(url).connect(_QuietFactory.forProtocol(lambda: exchange))
        timed_out = False

        def expire(result: object, seconds: float) -> object:
            nonlocal timed_out
            timed_out = True
            return result

        connecting.addTimeout(self._timeout, self._reactor, expire)
        connecting.addErrback(lambda failure: self._fail(url, failure, timed_out))
        await connecting
        if self._proxy is None and exchange.transport is not None:
            peer = exchange.transport.getPeer()
            if isinstance(peer, (IPv4Address, IPv6Address)):
                self._remember(url.host, peer.host)

    def _endpoint(self, url: GopherURL) -> IStreamClientEndpoint:
        if self._proxy is not None:
            endpoint = self._through(self._proxy, url)
        elif url.host.rstrip(".").endswith(".onion"):
            # RFC 7686: such a name must never be asked for in the DNS.
            raise UnknownHost(
                url.host, "it is reached through Tor, such as socks5://127.0.0.1:9050"
            )
        else:
            endpoint = self._direct(url)
        if not url.tls:
            return endpoint
        from logsrv.gopher.fetch.tls import connection_creator

        return wrapClientTLS(connection_creator(self._trust, url.host), endpoint, self._reactor)

    def _direct(self, url: GopherURL) -> IStreamClientEndpoint:
        known = self._known.get(url.host)
        address = known.address if known and known.until > self._reactor.seconds() else url.host
        if isIPAddress(address):
            return TCP4ClientEndpoint(self._reactor, address, url.port, self._timeout)
        if isIPv6Address(address):
            return TCP6ClientEndpoint(self._reactor, address, url.port, self._timeout)
        return HostnameEndpoint(self._reactor, url.host, url.port, self._timeout)

    def _remember(self, host: str, address: str) -> None:
        known, now = self._known.get(host), self._reactor.seconds()
        if known is None or known.until <= now:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[host] = _Known(address, now + KNOWN_FOR)

    def _through(self, proxy: Proxy, url: GopherURL) -> IStreamClientEndpoint:
        # txtorcon speaks SOCKS5 as a Twisted endpoint and is released every year. txsocksx has
        # been dead since 2015; python-socks, which `Proxy.connect` uses, does not know Twisted.
        try:
            from txtorcon.socks import (  # type: ignore[import-not-found, import-untyped]
                TorSocksEndpoint,
            )
        except ImportError:
            raise ConfigurationError(
                f"the proxy {proxy} needs txtorcon: pip install 'logsrv[socks]'"
            ) from None
        way = HostnameEndpoint(self._reactor, proxy.host, proxy.port, self._timeout)
        endpoint: IStreamClientEndpoint = TorSocksEndpoint(way, url.host, url.port)
        return endpoint

    def _fail(self, url: GopherURL, failure: Failure, timed_out: bool) -> None:
        error = failure.value
        assert error is not None
        self._known.pop(url.host, None)
        if isinstance(error, GopherError):
            raise error
        if timed_out or isinstance(error, TimeoutError):
            raise TimedOut(url.address, "connect", self._timeout) from error
        if self._proxy is not None and _is_of_proxy(error):
            raise ProxyError(str(self._proxy), _reason(error)) from error
        if isinstance(error, DNSLookupError):
            raise UnknownHost(url.host) from error
        if isinstance(error, ConnectionRefusedError):
            raise Refused(url.address) from error
        if isinstance(error, (ConnectError, OSError)):
            raise Refused(url.address, _reason(error)) from error
        failure.raiseException()


def _is_of_proxy(error: BaseException) -> bool:
    return isinstance(error, (ConnectError, DNSLookupError, OSError)) or (
        type(error).__module__ == "txtorcon.socks"
    )


def _reason(error: BaseException) -> str:
    if isinstance(error, NoRouteError):
        return "there is no route to it"
    if isinstance(error, ConnectionRefusedError):
        return "it refused the connection"
    said = getattr(error, "osError", None) or error
    return getattr(said, "strerror", None) or str(said) or type(error).__name__
