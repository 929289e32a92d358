"""A socket that sends answers to datagrams; the listener itself only receives datagrams."""

from __future__ import annotations

import os
import re
import socket
from typing import Any

from logsrv.kit.connections.source import Sender

# The number of senders whose addresses are remembered, so that an answer need not look them up again.
REMEMBERED = 1024


class AnswerSocket:
    """Sends answers as datagrams, from the socket that a listener has bound."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=os.dup(descriptor))
        self._addresses: dict[Sender, Any] = {}

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes, peer: Sender) -> bool:
        """Send a datagram to `peer`, and return whether the system accepted it. A peer without an address
        gets no answer.
        """
        address = self._addresses.get(peer)
        try:
            if address is None:
                address = self._sendto_address(peer)
                if len(self._addresses) >= REMEMBERED:
                    self._addresses.clear()
                self._addresses[peer] = address
            self._socket.sendto(data, address)
        except OSError:
            return False
        return True

    def _sendto_address(self, peer: Sender) -> Any:
        """Return the address of `peer` for sendto.

        Raises OSError if it has none, ValueError if this socket cannot send to one of its kind.
        """
        by_path = self._socket.family == socket.AF_UNIX
        if by_path is not (peer.host is None):
            kind = "paths" if by_path else "IP addresses"
            raise ValueError(f"this socket sends to {kind}, not to {peer.source}")
        if peer.host is not None:
            return socket.getaddrinfo(
                peer.host,
                peer.peer_port,
                self._socket.family,
                socket.SOCK_DGRAM,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV | socket.AI_V4MAPPED,
            )[0][4]
        path = unix_path_of(peer)
        if path is None:
            raise OSError("the sender has not bound a path")
        return path


def unix_path_of(peer: Sender) -> bytes | None:
    """Return the path to which a sender has bound its UNIX socket; None if the socket has no path."""
    found = peer.source.removeprefix("unix:")
    if found.startswith("uid="):
        # A path that begins so has ./ before it.
        found = ",".join(found.split(",")[2:])
    escaped = found.encode("ascii")
    if not escaped:
        return None
    path = re.sub(rb"\\x([0-9a-f]{2})", lambda match: bytes.fromhex(match[1].decode()), escaped)
    return b"\0" + path[1:] if path.startswith(b"@") else path
