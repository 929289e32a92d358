"""A TLS handshake with a client that has to show who it is: nobody else hears of it before."""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IHandshakeListener
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.net.guard.guarded_connection import Admitted
from logsrv.kit.net.tls.twisted_tls import take_certificate


@implementer(IHandshakeListener)
class AwaitedHandshake(Protocol):
    """Stands for the protocol of an admitted connection until its handshake is done.

    Then it steps aside, and what is received costs what it costs without it. A connection that ends
    before that was never one of the protocol's: Twisted connects a protocol before it is known whether
    there will be TLS at all.
    """

    transport: Any

    def __init__(self, admitted: Admitted) -> None:
        self._admitted = admitted
        self._refused = False

    def makeConnection(self, transport: Any) -> None:
        self.transport = transport
        self._refused = not self._admitted.begin(transport)

    def handshakeCompleted(self) -> None:
        if self._refused:
            return
        take_certificate(self.transport)
        self.transport.wrappedProtocol = self._admitted
        self._admitted.connect_protocol()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._admitted.connectionLost(reason)
