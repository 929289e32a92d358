"""Protocols that echo, shout or talk; a client that listens to the end; one that carries datagrams."""

import select
import socket
import time
from collections.abc import Callable, Sequence

from logsrv.kit import Connection, LineProtocol, PeerError
from logsrv.kit.testing import Running
from logsrv.kit.testing.patience import PATIENCE

Serving = Callable[..., Running]


class Echo(LineProtocol):
    def line_received(self, line: str) -> None:
        self.send_line(line)


class Short(Echo):
    max_line = 10


class Shout(LineProtocol):
    def line_received(self, line: str) -> None:
        self.send_line(line.upper())


async def echo(connection: Connection) -> None:
    async for line in connection:
        connection.send_line(line)


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
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        for data in sent:
            client.sendall(data)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        received = b""
        while data := client.recv(65536):
            received += data
        return received


def carry(ports: Sequence[int], ended: Callable[[], object]) -> int:
    """Send a datagram to one of two ports, then what comes from each to the other, until `ended()`.

    So each sees the other's answers come from where its own answers go, as after a forged datagram.
    Return how many datagrams there were.
    """
    one, other = ports
    carried = 0
    deadline = time.monotonic() + PATIENCE
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as between:
        between.bind(("127.0.0.1", 0))
        between.settimeout(PATIENCE)
        between.sendto(b"hello", ("127.0.0.1", one))
        while time.monotonic() < deadline:
            if select.select([between], [], [], 0.05)[0]:
                data, (_, port) = between.recvfrom(65536)
                between.sendto(data, ("127.0.0.1", other if port == one else one))
                carried += 1
            elif ended():
                return carried
    raise AssertionError(f"after {carried} datagrams there is no end")
