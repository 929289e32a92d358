"""Twisted's ports: made to be ours, adopted, closed and kept."""

from __future__ import annotations

import os
import socket
from typing import Any

from twisted.internet import tcp, unix
from twisted.internet.endpoints import AdoptedStreamServerEndpoint
from twisted.protocols.tls import TLSMemoryBIOFactory

from logsrv.kit.net.bind import file_of_socket
from logsrv.kit.net.tls.twisted_tls import improve_tls
from logsrv.kit.net.twisted.streams import (
    AcceptedTCP,
    AcceptingPort,
    AcceptingSocket,
    ReceivingTCP,
    ReceivingUNIX,
)


def make_ours(port: Any, *, layered: bool) -> None:
    """Let a port that listens make the transports of `streams`, if it would make Twisted's.

    layered: there is a protocol between each transport and ours, such as that of TLS.
    """
    if isinstance(port, unix.Port) and not isinstance(port, KeptUNIXPort):
        keep_files_of_others(port)
    if type(getattr(port, "socket", None)) is socket.socket:
        port.socket.__class__ = AcceptingSocket
    if type(port) is tcp.Port:
        port.__class__ = AcceptingPort
    made = getattr(port, "transport", None)
    if made is tcp.Server:
        port.transport = ReceivingTCP if layered else AcceptedTCP
    elif made is unix.Server:
        port.transport = ReceivingUNIX
    factory = getattr(port, "factory", None)
    if isinstance(factory, TLSMemoryBIOFactory):
        improve_tls(factory)


def keep_files_of_others(port: unix.Port) -> None:
    """Let a port that has just been bound remove its file when it ends, but no other of that name.

    Twisted removes whatever is there by then: the socket of the program that came after us, say.
    """
    path = port.getHost().name
    ours = file_of_socket(path)

    def end(reason: Any) -> None:
        if ours is None or file_of_socket(path) == ours:
            unix.Port.connectionLost(port, reason)
            return
        if port.lockFile is not None:
            port.lockFile.unlock()
        tcp.Port.connectionLost(port, reason)

    port.connectionLost = end  # type: ignore[method-assign]


def close_socket(port: Any) -> None:
    """Close our descriptor of a listening socket, and nothing more: others may have it as well.

    `stopListening` would shut a UNIX socket down for all of them and delete its file; or it has raised
    before it came to the socket.
    """
    port.stopReading()
    port.socket.close()


def keep_inherited(endpoint: Any) -> None:
    """Have an endpoint adopt a duplicate of the descriptor that the service manager gave us.

    Twisted closes the one that an endpoint adopts. Its number then goes to what is opened next, and would
    stand for that when the endpoint is listened on again. Raises OSError.
    """
    if isinstance(endpoint, AdoptedStreamServerEndpoint):
        os.set_inheritable(endpoint.fileno, False)
        endpoint.fileno = os.dup(endpoint.fileno)


def stop_accepting(port: Any) -> None:
    """Let who connects wait: Twisted begins to accept when it binds.

    A port of another package that cannot accepts all the same.
    """
    getattr(port, "stopReading", lambda: None)()


def start_accepting(port: Any) -> None:
    """Accept from the reactor's next turn on."""
    getattr(port, "startReading", lambda: None)()


class KeptUNIXPort(unix.Port):
    """Leaves its socket, and the file of it, as they are when it ends: another process serves them."""

    _shouldShutdown = False

    def connectionLost(self, reason: Any) -> None:
        tcp.Port.connectionLost(self, reason)

    @classmethod
    def adopt(
        cls, reactor: Any, descriptor: int, factory: Any, mode: int, backlog: int
    ) -> KeptUNIXPort:
        """A port for a socket that is there: what `adoptStreamPort` does, but of this class."""
        port: KeptUNIXPort = cls._fromListeningDescriptor(reactor, descriptor, factory)
        port.mode = mode
        port.backlog = backlog
        return port

    def socket_for_others(self) -> socket.socket:
        """The listening socket once more."""
        return self.socket.dup()
