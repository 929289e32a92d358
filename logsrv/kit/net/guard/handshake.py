"""A TLS handshake that somebody waits for: who it is for hears nothing before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.tls.twisted_tls import take_certificate


@implementer(IHandshakeListener)
class AwaitedHandshake(Protocol):
    """Stands for a protocol until the handshake under it is done.

    Then it steps aside, and what is received costs what it costs without it. Twisted connects a protocol
    before it is known whether there will be TLS at all.
    """

    transport: Any

    def __init__(
        self,
        protocol: Any,
        done: Callable[[], None],
        begin: Callable[[Any], bool] = lambda transport: True,
    ) -> None:
        """`begin` takes the transport, and returns whether the connection may go on; `done` is called
        after the handshake.
        """
        self._protocol = protocol
        self._done = done
        self._begin = begin
        self._refused = False

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport
        self._refused = not self._begin(transport)

    def handshakeCompleted(self) -> None:
        if self._refused:
            return
        take_certificate(self.transport)
        self.transport.wrappedProtocol = self._protocol
        self._done()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._protocol.connectionLost(reason)
