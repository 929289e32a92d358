"""A connection through `haproxy:`: the protocol and the guard see the client that its header names.

Twisted's own wrapper for this has faults: it fails if the first piece of a header is smaller than 8 or 16
bytes, refuses the short `PROXY UNKNOWN`, logs a traceback for an invalid address, and connects the protocol
before the client is known.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import alsoProvides, directlyProvides, noLongerProvides, providedBy

from logsrv.kit.net.guard.guard import Refusal
from logsrv.kit.net.guard.guarded_connection import ConnectionOwner, GuardedConnection
from logsrv.kit.net.guard.proxy_header import ProxyHeader, ProxyHeaderError, ProxyHeaderReader
from logsrv.kit.net.source import host_of


class ProxiedTransport(ProtocolWrapper):  # type: ignore[misc]
    """A transport for the data after the header, which it removes from the beginning of a connection.

    Its protocol is connected once the client is known and admitted.
    """

    transport: Any
    wrappedProtocol: Any

    def __init__(self, owner: ConnectionOwner, admitted: GuardedConnection) -> None:
        # Without a factory, which would only keep a list of these transports: the guard has one.
        super().__init__(None, admitted)  # type: ignore[arg-type]
        self._owner = owner
        self._admitted = admitted
        self._header = ProxyHeader()
        # None as soon as the protocol is connected.
        self._reader: ProxyHeaderReader | None = ProxyHeaderReader()
        # The client was refused, and the connection will end: its bytes are dropped until then.
        self._refused = False

    def makeConnection(self, transport: Any) -> None:
        directlyProvides(self, providedBy(transport))
        if IHalfCloseableProtocol.providedBy(self.wrappedProtocol):
            alsoProvides(self, IHalfCloseableProtocol)
        Protocol.makeConnection(self, transport)
        self._refused = not self._admitted.take_transport(self)

    def getPeer(self) -> IAddress:
        return self._header.client or self.transport.getPeer()

    def getHost(self) -> IAddress:
        return self._header.destination or self.transport.getHost()

    def dataReceived(self, data: bytes) -> None:
        if self._reader is None:
            self.wrappedProtocol.dataReceived(data)
        elif not self._refused:
            try:
                read = self._reader.receive(data)
            except ProxyHeaderError as error:
                self._refused = True
                self._owner.refuse_and_close(self._admitted, *self._header_refusal(str(error)))
            else:
                if read is not None:
                    self._connect_if_admitted(*read)

    def _connect_if_admitted(self, header: ProxyHeader, rest: bytes) -> None:
        """Connect the protocol if the client in the header is admitted. rest: bytes after the header."""
        self._header = header
        self._refused = not self._owner.admit_or_drop(self._admitted, host_of(self.getPeer()))
        if not self._refused:
            self._reader = None
            self._admitted.connect_protocol()
            if rest:
                self.wrappedProtocol.dataReceived(rest)

    def _header_refusal(self, sentence: str) -> tuple[Refusal, str | None]:
        return Refusal("proxy_header", sentence), host_of(self.transport.getPeer())

    def deliver_to(self, layer: Any) -> None:
        """Deliver data to `layer`, such as TLS, from now on; it stands between this and the protocol."""
        self.wrappedProtocol = layer
        # TLS cannot close one direction alone.
        noLongerProvides(self, IHalfCloseableProtocol)

    def readConnectionLost(self) -> None:
        if self._reader is None:
            self.wrappedProtocol.readConnectionLost()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        if self._reader is None:
            self.wrappedProtocol.writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        protocol, self.wrappedProtocol = self.wrappedProtocol, None
        if self._reader is None:
            protocol.connectionLost(reason)
            return
        if self._reader.begun and not self._refused:
            self._owner.count_refusal(*self._header_refusal("it ended within its PROXY header"))
        self._admitted.connectionLost(reason)
