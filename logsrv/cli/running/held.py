"""Listening sockets that outlive the process that serves them."""

from __future__ import annotations

import os
import socket
from typing import Any

import attrs

from logsrv.kit.manager.sockets import KeptSockets
from logsrv.kit.net.bind import bound_socket, reason_of
from logsrv.kit.net.endpoint import Endpoint
from logsrv.kit.net.listen import Listener, listener_for

HELD = ("tcp", "tcp6", "ssl", "unix")
"""Schemes of endpoints whose sockets are held; of others, the process of before has to end first."""


class HeldSockets:
    """The sockets of the listeners of a process, each given to its listener as that of a socket unit is.

    held: those that are here already, by key. used: those that are listened on.
    """

    def __init__(self, held: dict[str, socket.socket]) -> None:
        self.held = held
        self.used: dict[str, socket.socket] = {}

    def listener(self, endpoint: Endpoint, *arguments: Any, **named: Any) -> Listener:
        """Return what `listener_for` does; what is not here yet is bound. Raises ListenError."""
        if endpoint.scheme not in HELD:
            return listener_for(endpoint, *arguments, **named)
        key = key_of(endpoint)
        # Two listeners on port 0 are told apart by a number.
        number = sum(1 for used in self.used if used.partition("#")[0] == key)
        key = f"{key}#{number}"
        try:
            listening = self.held.get(key) or bound_socket(endpoint)
        except OSError as error:
            raise reason_of(error, endpoint) from error
        self.used[key] = listening
        if endpoint.port == 0:
            port = str(listening.getsockname()[1])
            given = {**dict(endpoint.arguments), "port": port}
            endpoint = attrs.evolve(endpoint, arguments=tuple(given.items()))
        kept = KeptSockets([(listening.fileno(), "held")])
        return listener_for(endpoint, *arguments, **named, kept=kept)

    def close(self) -> None:
        """Close all of them: this process serves nobody any more."""
        for each in (*self.held.values(), *self.used.values()):
            each.close()


def key_of(endpoint: Endpoint) -> str:
    """Return the key of the place of an endpoint; that of a UNIX socket has its path in it."""
    if endpoint.path is not None:
        return "unix:" + os.fsdecode(endpoint.path)
    return f"tcp:{endpoint.interface}:{endpoint.port}"
