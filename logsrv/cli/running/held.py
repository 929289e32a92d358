"""Listening sockets that outlive the process that serves them."""

from __future__ import annotations

import os
import socket
from typing import Any

import attrs
from twisted.internet.abstract import isIPv6Address
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.main import installReactor
from twisted.python.reflect import ObjectNotFound, namedAny

from logsrv.cli.running.reactors import REACTORS
from logsrv.errors import ConfigurationError
from logsrv.kit.net.endpoints.endpoint import Endpoint
from logsrv.kit.net.twisted.ports import KeptUNIXPort


@attrs.frozen
class HeldEndpoint(Endpoint):
    """A UNIX endpoint whose socket is here already, so that nobody looks for one left behind."""

    @property
    def path(self) -> None:
        return None


class Holding:
    """A reactor, with one of Twisted's as its other base, that can hand on its listening sockets.

    It serves the sockets it is given, and binds the others.

    held: the sockets given, by key. used: those that are listened on.
    """

    # Comes from the other base.
    adoptStreamPort: Any

    def __init__(self, held: dict[str, socket.socket]) -> None:
        super().__init__()
        self.held = held
        self.used: dict[str, socket.socket] = {}
        self._ports: dict[str, Any] = {}

    def let_go(self) -> None:
        """Close all of them: this process serves nobody any more."""
        for each in (*self.held.values(), *self.used.values()):
            each.close()

    def forget_closed(self) -> None:
        """Close those on which nobody listens any more, after a reload."""
        for key in [key for key, port in self._ports.items() if not port.connected]:
            del self._ports[key]
            self.used.pop(key).close()

    def _key(self, key: str) -> str:
        # Two listeners on port 0 are told apart by a number.
        number = 2
        numbered = key
        while numbered in self.used:
            numbered = f"{key}#{number}"
            number += 1
        return numbered

    def listenTCP(
        self, port: int, factory: IProtocolFactory, backlog: int = 50, interface: str = ""
    ) -> Any:
        key = self._key(f"tcp:{interface}:{port}")
        held = self.held.get(key)
        if held is None:
            held = _bound(interface, port, backlog)
        self.used[key] = held
        # Also what was bound here: Twisted shuts down a socket it has bound itself, for all.
        self._ports[key] = self.adoptStreamPort(held.fileno(), held.family, factory)
        return self._ports[key]

    def listenUNIX(
        self,
        address: Any,
        factory: IProtocolFactory,
        backlog: int = 50,
        mode: int = 0o666,
        wantPID: bool = False,
    ) -> Any:
        key = self._key(unix_key(address))
        held = self.held.get(key)
        if held is None:
            listening = KeptUNIXPort(address, factory, backlog, mode, self, wantPID)
        else:
            listening = KeptUNIXPort.adopt(self, held.fileno(), factory, mode, backlog)
        listening.startListening()
        self.used[key] = held or listening.socket_for_others()
        self._ports[key] = listening
        return listening

    def with_held(self, endpoints: tuple[Endpoint, ...]) -> tuple[Endpoint, ...]:
        """The same endpoints, those whose UNIX socket is held marked as such."""
        return tuple(
            HeldEndpoint(**attrs.asdict(endpoint, recurse=False))
            if endpoint.scheme == "unix" and unix_key(endpoint.path or "") in self.held
            else endpoint
            for endpoint in endpoints
        )


def _bound(interface: str, port: int, backlog: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET6 if isIPv6Address(interface) else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((interface, port))
        bound.listen(backlog)
        bound.setblocking(False)
    except OSError as error:
        bound.close()
        raise CannotListenError(interface, port, error) from None
    return bound


def unix_key(address: str | bytes) -> str:
    """The key of a UNIX socket, which has its path in it."""
    return "unix:" + os.fsdecode(address)


def holding_class(name: str) -> type[Any]:
    """Return the reactor of that name, of REACTORS, as one that holds sockets.

    Raises ConfigurationError when this system has none of that name.
    """
    try:
        base = namedAny(REACTORS[name])
    except (ImportError, ObjectNotFound) as error:
        raise ConfigurationError(f"there is no reactor {name} on this system: {error}") from None
    return type("HoldingReactor", (Holding, base), {})


def install_holding(held: dict[str, socket.socket], name: str = "") -> Any:
    """Make a reactor of that name, one that holds sockets, the reactor of this process.

    "" is the best one that this system has. Raises ConfigurationError when it has none of that name.
    """
    try:
        made = holding_class(name or "epoll")
    except ConfigurationError:
        if name:
            raise
        made = holding_class("select")
    reactor = made(held)
    installReactor(reactor)
    return reactor
