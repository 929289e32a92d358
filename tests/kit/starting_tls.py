"""A protocol that begins TLS in the middle of a connection, and its client."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.task import deferLater

from logsrv.kit import LineProtocol
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.certificates import Authority


class Lines(LineProtocol):
    """Says what it was told; `tls` begins TLS, `later` does so after some work."""

    async def line_received(self, line: str) -> None:
        if line == "later":
            await deferLater(reactor, 0.01)  # type: ignore[arg-type]
        if line in ("tls", "later"):
            self.send_line("go on")
            await self.start_tls()
            self.send_line(f"welcome {self.encrypted} {self.can_start_tls}")
        else:
            self.send_line(f"said {line}")


def trusting(authority: Authority, pem: Path | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(authority.cafile))
    if pem is not None:
        context.load_cert_chain(pem)
    return context


class Client:
    """A client of those protocols, in another thread."""

    def __init__(self, where: int | str) -> None:
        if isinstance(where, str):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.settimeout(PATIENCE)
            self.socket.connect(where)
        else:
            self.socket = socket.create_connection(("127.0.0.1", where), PATIENCE)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def ask(self, data: bytes) -> bytes:
        self.socket.sendall(data)
        return self.line()

    def line(self) -> bytes:
        line = b""
        while not line.endswith(b"\n") and (byte := self.socket.recv(1)):
            line += byte
        return line

    def begin_tls(self, context: ssl.SSLContext, before: bytes = b"") -> None:
        assert self.ask(before + b"tls\n") == b"go on\r\n"
        self.wrap(context)

    def wrap(self, context: ssl.SSLContext) -> None:
        self.socket = context.wrap_socket(self.socket, server_hostname="localhost")

    def end(self) -> bytes:
        """What comes until the end, however that is."""
        received = b""
        try:
            while data := self.socket.recv(65536):
                received += data
        except OSError:
            pass
        return received


def upgraded(where: int | str, context: ssl.SSLContext, word: bytes = b"tls\n") -> list[bytes]:
    """What is heard in a whole conversation: a word, TLS, two words in one chunk, and a large one."""
    with Client(where) as client:
        heard = [client.ask(b"hello\n"), client.ask(word)]
        client.wrap(context)
        client.socket.sendall(b"one\ntwo\n" + b"x" * 40000 + b"\n")
        return [*heard, *(client.line() for _ in range(4))]


SAID = [
    b"said hello\r\n",
    b"go on\r\n",
    b"welcome True False\r\n",
    b"said one\r\n",
    b"said two\r\n",
    b"said " + b"x" * 40000 + b"\r\n",
]
