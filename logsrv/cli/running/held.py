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

from logsrv.kit.net.endpoints import Endpoint
from logsrv.kit.net.twisted_private import KeptUNIXPort

try:
    from twisted.internet.epollreactor import EPollReactor as BestReactor
except ImportError:
    from twisted.internet.selectreactor import (  # type: ignore[assignment]
        SelectReactor as BestReactor,
    )


@attrs.frozen
class HeldEndpoint(Endpoint):
    """A UNIX endpoint whose socket is here already, so that nobody looks for one left behind."""

    @property
    def path(self) -> None:
        return None


class HoldingReactor(BestReactor):
    """Serves the sockets it is given, binds the others, and can hand all of them on.

    held: the sockets given, by key. used: those that are listened on.
    """

    held: dict[str, socket.socket]
    used: dict[str, socket.socket]

    def hold(self, held: dict[str, socket.socket]) -> None:
        self.held = held
        self.used = {}

    def let_go(self) -> None:
        """Close all of them: this process serves nobody any more."""
        for each in (*self.held.values(), *self.used.values()):
            each.close()

    def _key(self, key: str) -> str:
        # Of two listeners on any free port the second is another one.
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
        return self.adoptStreamPort(held.fileno(), held.family, factory)

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


def install_holding(held: dict[str, socket.socket]) -> HoldingReactor:
    """Make a HoldingReactor the reactor of this process."""
    reactor = HoldingReactor()
    reactor.hold(held)
    installReactor(reactor)
    return reactor
