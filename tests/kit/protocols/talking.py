"""A protocol that talks, and a client that listens to the end."""

from __future__ import annotations

import socket
from collections.abc import Callable

from logsrv.kit import LineProtocol, PeerError
from logsrv.kit.testing import Running

Serving = Callable[..., Running]


class Talk(LineProtocol):
    def connection_made(self) -> None:
        self.said_more = False
        if self.service.state.words:
            self.close(self.service.state.words)
        self.said_more = True

    def connection_lost(self, reason: str) -> None:
        self.service.state.ended.append((reason, self.said_more))

    def line_received(self, line: str) -> None:
        if line == "refuse":
            raise PeerError("not with you")
        if line == "quit":
            self.close("bye")
        self.send_line(f"said {line}")


class State:
    def __init__(self, service: object) -> None:
        self.words = ""
        self.ended: list[tuple[str, bool]] = []


def converse(port: int, *sent: bytes, half_close: bool = False) -> bytes:
    """Send, and read until the end."""
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        for data in sent:
            client.sendall(data)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        received = b""
        while data := client.recv(65536):
            received += data
        return received
