"""Plain Twisted protocols in a plugin: wrappers that log and count errors, of streams and datagrams."""

from __future__ import annotations

import os
from inspect import iscoroutine, iscoroutinefunction
from typing import Any, TypeAlias

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import AbstractDatagramProtocol, Protocol, connectionDone
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.connections._guarded_connection import ThirdPartyProtocol
from logsrv.kit.connections._senders import sender_at
from logsrv.kit.connections.source import Sender, source_of
from logsrv.kit.net.answer_socket import unix_path_of
from logsrv.kit.observe.peer_log import end_sentence
from logsrv.kit.protocols._datagrams import Datagrams
from logsrv.kit.protocols.faults import wrong_value_text

# An address of a peer in Twisted's form: host and port, or the path of a UNIX socket.
Address: TypeAlias = tuple[str, int] | str


def check_not_async(protocol_class: type[Protocol]) -> None:
    """Raise ConfigurationError for an `async def` in a method that Twisted calls and does not await."""
    for name in ("connectionMade", "dataReceived", "connectionLost"):
        if iscoroutinefunction(getattr(protocol_class, name)):
            raise ConfigurationError(
                f"{protocol_class.__name__}.{name} is `async def`, and Twisted awaits nothing: write "
                "`async def handle(connection)`, or a LineProtocol with `async def line_received`"
            )


def error_counting_subclass(protocol_class: type[Protocol]) -> type[Protocol]:
    """Return a subclass of a plain Twisted protocol: if its code raises, that is counted, logged and closes
    only this connection.

    A wrapper beside the guard's would cost more than a subclass, which costs one Python call a chunk.
    """
    connection_made = protocol_class.connectionMade
    data_received = protocol_class.dataReceived
    connection_lost = protocol_class.connectionLost

    def failed(protocol: Any, doing: str) -> None:
        protocol.factory.log_failure(doing, source_of(protocol.transport), Failure())
        protocol.transport.loseConnection()

    class Watched(protocol_class, ThirdPartyProtocol):  # type: ignore[valid-type,misc]
        def connectionMade(self) -> None:
            if self.factory.connection_log is not None:
                self.factory.connection_log.log_connect(source_of(self.transport))
            try:
                connection_made(self)
            except Exception:
                failed(self, "connectionMade")

        def dataReceived(self, data: bytes) -> None:
            try:
                result = data_received(self, data)
                if result is not None and iscoroutine(result):
                    raise TypeError(
                        f"Twisted awaits nothing, but was given {wrong_value_text(result)}"
                    )
            except Exception:
                failed(self, "dataReceived")

        def connectionLost(self, reason: Failure = connectionDone) -> None:
            if self.factory.connection_log is not None:
                self.factory.connection_log.log_disconnect(
                    source_of(self.transport), end_sentence(reason)
                )
            try:
                connection_lost(self, reason)
            except Exception:
                self.factory.log_failure("connectionLost", source_of(self.transport), Failure())

    Watched.__name__ = protocol_class.__name__
    Watched.__qualname__ = protocol_class.__qualname__
    Watched.__module__ = protocol_class.__module__
    return Watched


class TwistedDatagrams(Datagrams):
    """A Twisted DatagramProtocol of one listener; the kit does not limit its answers."""

    def __init__(self, protocol_class: type[AbstractDatagramProtocol]) -> None:
        self.protocol: Any = protocol_class()
        self._doing = "datagramReceived"

    def begin(self) -> None:
        # Twisted calls startProtocol when the socket is bound: now, or before the reactor's first turn.
        self.clock.callLater(0, self._start_if_bound)

    def _start_if_bound(self) -> None:
        if self.context.listener.fileno() >= 0:
            self._start()

    def _start(self) -> None:
        if self.protocol.transport is None:
            self.protocol.makeConnection(DatagramTransport(self))

    def end(self) -> None:
        if self.protocol.transport is not None:
            self.protocol.doStop()

    def datagram_received(self, data: bytes, peer: Sender) -> object:
        self._start()
        self.protocol.datagramReceived(data, address_of(peer))
        return None


class DatagramTransport:
    """The transport of a DatagramProtocol: `write`, `getHost`, and the running `service`."""

    def __init__(self, datagrams: TwistedDatagrams) -> None:
        self.service = datagrams.service
        self._context = datagrams.context

    def write(self, data: bytes, addr: Address | None = None) -> None:
        """Send a datagram. One that the system does not take is counted as unsent.

        Raises ValueError without an address: the socket is connected to nobody.
        """
        if addr is None:
            raise ValueError("write needs the address to send to: this socket is not connected")
        socket_address = addr if isinstance(addr, tuple) else os.fsencode(addr)
        self._context.send(data, sender_at(socket_address))

    def getHost(self) -> IAddress:
        """Return the address where the socket listens."""
        host, _, port = self._context.listener.address.rpartition(":")
        if not port.isdecimal():
            return UNIXAddress(self._context.listener.address)
        host = host.strip("[]")
        return (IPv6Address if ":" in host else IPv4Address)("UDP", host, int(port))


def address_of(peer: Sender) -> Address:
    """Return the address of a sender; "" for a UNIX socket that has bound no path."""
    if peer.host is not None:
        return peer.host, peer.peer_port or 0
    path = unix_path_of(peer)
    return "" if path is None else os.fsdecode(path)
