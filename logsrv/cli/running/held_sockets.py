"""Listening sockets that stay open when the process that serves them is replaced by another."""

from __future__ import annotations

import os
import socket
from typing import Any

import attrs
from twisted.internet.abstract import isIPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory
from twisted.python.reflect import ObjectNotFound, namedAny

from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.twisted.ports import KeptUNIXPort


@attrs.frozen
class HeldEndpoint(Endpoint):
    """A UNIX endpoint whose socket is open already, so that no code checks for a leftover socket file."""

    @property
    def path(self) -> None:
        return None


class SocketHoldingMixin:
    """A mixin for a reactor of Twisted whose listening sockets can be passed to another process.

    It uses the sockets that it was given, and binds the others itself.

    held: the given sockets, by key. used: the sockets on which it listens, by key.
    """

    # Defined by the reactor, the other base class.
    adoptStreamPort: Any

    def __init__(self, held: dict[str, socket.socket]) -> None:
        super().__init__()
        self.held = held
        self.used: dict[str, socket.socket] = {}

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> Any:
        family = socket.AF_INET6 if isIPv6Address(interface) else socket.AF_INET
        key = f"tcp:{interface}:{port}"
        return self._listen(key, family, (interface, port), factory, backlog, 0o666)

    def listenUNIX(
        self,
        address: Any,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> Any:
        return self._listen(unix_key(address), socket.AF_UNIX, address, factory, backlog, mode)

    def _listen(
        self,
        key: str,
        family: int,
        address: Any,
        factory: IProtocolFactory,
        backlog: int,
        mode: int,
    ) -> Any:
        # A number distinguishes two listeners on port 0.
        number = sum(1 for used in self.used if used.partition("#")[0] == key)
        key = f"{key}#{number}"
        # New sockets are bound here, not by Twisted: Twisted would shut them down for all processes.
        listening = self.held.get(key) or _bind_and_listen(family, address, backlog, mode)
        self.used[key] = listening
        if family != socket.AF_UNIX:
            return self.adoptStreamPort(listening.fileno(), listening.family, factory)
        port = KeptUNIXPort.adopt(self, listening.fileno(), factory, mode, backlog)
        port.startListening()
        return port

    def close_all_sockets(self) -> None:
        """Close all sockets: this process accepts no more connections."""
        for each in (*self.held.values(), *self.used.values()):
            each.close()

    def with_held_endpoints(self, endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        """Return the endpoints, with HeldEndpoint for each UNIX socket that is held."""
        return tuple(
            HeldEndpoint(**attrs.asdict(endpoint, recurse=False))
            if endpoint.scheme == "unix" and f"{unix_key(endpoint.path or '')}#0" in self.held
            else endpoint
            for endpoint in endpoints
        )


def _bind_and_listen(family: int, address: Any, backlog: int, mode: int) -> socket.socket:
    bound = socket.socket(family)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # The mode is set by umask: with chmod after bind, anybody could connect in between.
        mask = os.umask(0o777 & ~mode)
        try:
            bound.bind(address)
        finally:
            os.umask(mask)
        bound.listen(backlog)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise CannotListenError(None, address, error) from None
    return bound


def unix_key(address: str | bytes) -> str:
    """Return the key of a UNIX socket, which contains its path."""
    return "unix:" + os.fsdecode(address)


def holding_reactor(name: str, held: dict[str, socket.socket]) -> Any:
    """Return a reactor that is a `SocketHoldingMixin`. name: the full name of Twisted's reactor class.

    Raises ConfigurationError if this system does not have that reactor.
    """
    try:
        base = namedAny(name)
    except (ImportError, ObjectNotFound) as error:
        raise ConfigurationError(f"this system has no {name}: {error}") from None
    return type("HoldingReactor", (SocketHoldingMixin, base), {})(held)
