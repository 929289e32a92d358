"""A connection through `haproxy:`: the protocol and the guard see the client that its header names.

Twisted has a wrapper of its own for this. It takes a header whole only that comes in pieces no smaller
than 8 or 16 bytes, refuses the short `PROXY UNKNOWN`, fails with a traceback on an address that is
none, and connects the protocol before the client is known.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol, IProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import alsoProvides, directlyProvides, providedBy

from logsrv.kit.net.guarded_connection import Admitted
from logsrv.kit.net.proxy_header import ProxyHeader, ProxyHeaderError, ProxyHeaderReader
from logsrv.kit.net.source import host_of


class ProxiedTransport(ProtocolWrapper):  # type: ignore[misc]
    """Transport of what comes behind the header, which it takes off the beginning of a connection."""

    transport: Any
    wrappedProtocol: Any

    def __init__(self, protocol: IProtocol) -> None:
        # A factory would only keep a register of these; the guard has one.
        super().__init__(None, protocol)  # type: ignore[arg-type]
        self._reader: ProxyHeaderReader | None = ProxyHeaderReader()
        self._header = ProxyHeader()
        self._admitted: AdmittedByProxy | None = None

    def makeConnection(self, transport: Any) -> None:
        directlyProvides(self, providedBy(transport))
        if IHalfCloseableProtocol.providedBy(self.wrappedProtocol):
            alsoProvides(self, IHalfCloseableProtocol)
        Protocol.makeConnection(self, transport)
        self.wrappedProtocol.makeConnection(self)

    def await_header(self, admitted: AdmittedByProxy) -> None:
        """Read the header, and tell `admitted`. Before, whatever comes is dropped."""
        self._admitted = admitted

    @property
    def broken_off(self) -> bool:
        """Return true if a part of the header has come, but not all."""
        return self._reader is not None and self._reader.begun

    def getPeer(self) -> IAddress:
        return self._header.client or self.transport.getPeer()

    def getHost(self) -> IAddress:
        return self._header.destination or self.transport.getHost()

    def dataReceived(self, data: bytes) -> None:
        if self._reader is None:
            self.wrappedProtocol.dataReceived(data)
            return
        admitted = self._admitted
        if admitted is None:
            return
        try:
            read = self._reader.receive(data)
        except ProxyHeaderError as error:
            self._admitted = None
            admitted.misled(str(error))
            return
        if read is None:
            return
        self._admitted = None
        self._header, rest = read
        if admitted.identified():
            self._reader = None
            if rest:
                self.wrappedProtocol.dataReceived(rest)

    def readConnectionLost(self) -> None:
        if self._reader is None:
            self.wrappedProtocol.readConnectionLost()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        if self._reader is None:
            self.wrappedProtocol.writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._admitted = None
        protocol, self.wrappedProtocol = self.wrappedProtocol, None
        protocol.connectionLost(reason)


class AdmittedByProxy(Admitted):
    """A connection whose protocol hears of it once the client is known, and let in."""

    __slots__ = ("_known",)

    def connect(self, transport: ProxiedTransport) -> None:
        self._known = False
        self.transport = transport
        del self.protocol.makeConnection
        if self._keeper.begin(self):
            transport.await_header(self)

    def identified(self) -> bool:
        """Connect the protocol, now that the header is read. Return False if the client has to go."""
        self._known = True
        if not self._keeper.identify(self, host_of(self.transport.getPeer())):
            return False
        self.watch_activity()
        self.protocol.makeConnection(self.transport)
        return True

    def misled(self, sentence: str) -> None:
        """Drop a connection that has no header."""
        self._known = True
        self._keeper.drop_misled(self, sentence)

    def lost(self, reason: Failure) -> None:
        if self._known:
            super().lost(reason)
            return
        if self.transport.broken_off:
            self._keeper.note_misled(self, "it ended within its PROXY header")
        self.forget(reason)
