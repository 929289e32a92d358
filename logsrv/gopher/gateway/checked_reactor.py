"""The reactor as the gateway's client has it: it connects to allowed addresses, and to no others.

Here, and not where names are looked up: what is checked is what is connected to. A name that has
another address a moment later, and an address in an unusual spelling, gain nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.internet.interfaces import (
    IConnector,
    IDelayedCall,
    IHostnameResolver,
    IListeningPort,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorTime,
)
from twisted.internet.protocol import ClientFactory, ServerFactory
from zope.interface import implementer

from logsrv.gopher.fetch.connect import IClientReactor
from logsrv.gopher.gateway.destinations import Destinations


@implementer(IClientReactor, IReactorTime, IReactorTCP, IReactorPluggableNameResolver)
class CheckedReactor:
    """A `reactor` as the client needs it. `destinations` may be changed while it runs."""

    def __init__(self, reactor: IClientReactor, destinations: Destinations) -> None:
        self._reactor = reactor
        self.destinations = destinations

    def seconds(self) -> float:
        return self._reactor.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> IDelayedCall:
        return self._reactor.callLater(delay, callable, *args, **kwargs)

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        return self._reactor.getDelayedCalls()

    @property
    def nameResolver(self) -> IHostnameResolver:
        return self._reactor.nameResolver

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        return self._reactor.installNameResolver(resolver)

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float = 30,
        bindAddress: tuple[str, int] | None = None,
    ) -> IConnector:
        """Raises NotAllowed."""
        self.destinations.check_address(host, port)
        return self._reactor.connectTCP(host, port, factory, timeout, bindAddress)

    def listenTCP(
        self, port: int, factory: ServerFactory[Any], backlog: int = 50, interface: str = ""
    ) -> IListeningPort:
        return self._reactor.listenTCP(port, factory, backlog, interface)
