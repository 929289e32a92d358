"""`greeters.py KIND PORT [CERTIFICATE]`: greeters, echo servers and others to compare with.

Each is written as in the documentation of its library; none logs. A signal ends it.
"""

from __future__ import annotations

import asyncio
import socketserver
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IReactorCore
from twisted.internet.protocol import Protocol, ServerFactory
from twisted.protocols.basic import Int32StringReceiver, LineReceiver

from logsrv.kit import FrameProtocol, LineProtocol

MESSAGE = b"Thank you for connecting\r\n"
VALUE = b"v" * 96 + b"\r\n"


class Greet(Protocol):
    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(MESSAGE)
        self.transport.loseConnection()


class Echo(Protocol):
    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.transport.write(data)


class TwistedLines(LineReceiver):
    delimiter = b"\n"

    def lineReceived(self, line: bytes) -> None:
        self.sendLine(line)


class TwistedAnswer(TwistedLines):
    def lineReceived(self, line: bytes) -> None:
        assert self.transport is not None
        self.sendLine(line)
        self.transport.loseConnection()


class KitLines(LineProtocol):
    ending = "\n"

    def line_received(self, line: str) -> None:
        self.send_line(line)


class KitAnswer(KitLines):
    def line_received(self, line: str) -> None:
        self.close(line)


class TwistedReply(LineReceiver):
    delimiter = b"\r\n"

    def lineReceived(self, line: bytes) -> None:
        assert self.transport is not None
        self.sendLine(b"VALUE key 0 96")
        self.transport.write(VALUE)
        self.sendLine(b"END")


class KitReply(LineProtocol):
    async def line_received(self, line: str) -> None:
        self.send_line("VALUE key 0 96")
        self.write(VALUE)
        await self.drain()
        self.send_line("END")


class TwistedFrames(Int32StringReceiver):
    def stringReceived(self, string: bytes) -> None:
        self.sendString(string)


class KitFrames(FrameProtocol):
    def frame_received(self, frame: bytes) -> None:
        self.send_frame(frame)


def place(port: int, certificate: str) -> str:
    """Return the endpoint; with TLS if there is a certificate."""
    tls = f":privateKey={certificate}:certKey={certificate}" if certificate else ""
    return f"{'ssl' if tls else 'tcp'}:{port}:interface=127.0.0.1{tls}"


def serve_twisted(protocol: type[Protocol], port: int, certificate: str = "") -> None:
    from twisted.internet import reactor

    factory = ServerFactory()
    factory.protocol = cast(Any, protocol)
    factory.noisy = False
    serverFromString(reactor, place(port, certificate) + ":backlog=1024").listen(factory)
    cast(IReactorCore, reactor).run()


def serve_kit(protocol: type[Protocol], port: int, certificate: str = "") -> None:
    """Run the whole service of the kit, like twistd, but without the log."""
    from twisted.internet import reactor

    from logsrv.kit.testing import serve

    running = serve(protocol, "--listen", place(port, certificate))
    core = cast(IReactorCore, reactor)
    core.addSystemEventTrigger("before", "shutdown", running.stop)
    core.run()


def serve_asyncio(port: int) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(MESSAGE)
        writer.close()

    async def run() -> None:
        server = await asyncio.start_server(greet, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    asyncio.run(run())


def serve_asyncio_protocol(port: int) -> None:
    class Greeting(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            stream = cast(asyncio.Transport, transport)
            stream.write(MESSAGE)
            stream.close()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Greeting, "127.0.0.1", port, backlog=1024)
        await server.serve_forever()

    asyncio.run(run())


def serve_threads(port: int) -> None:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.sendall(MESSAGE)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True
        request_queue_size = 1024
        daemon_threads = True

    Server(("127.0.0.1", port), Handler).serve_forever()


KINDS: dict[str, Callable[..., None]] = {
    "twisted-greet": lambda port: serve_twisted(Greet, port),
    "kit-greet": lambda port: serve_kit(Greet, port),
    "twisted-echo": lambda port: serve_twisted(Echo, port),
    "kit-echo": lambda port: serve_kit(Echo, port),
    "twisted-lines": lambda port: serve_twisted(TwistedLines, port),
    "kit-lines": lambda port: serve_kit(KitLines, port),
    "twisted-answer": lambda port: serve_twisted(TwistedAnswer, port),
    "kit-answer": lambda port: serve_kit(KitAnswer, port),
    "twisted-frames": lambda port: serve_twisted(TwistedFrames, port),
    "kit-frames": lambda port: serve_kit(KitFrames, port),
    "twisted-reply": partial(serve_twisted, TwistedReply),
    "kit-reply": partial(serve_kit, KitReply),
    "asyncio": serve_asyncio,
    "asyncio-protocol": serve_asyncio_protocol,
    "threads": serve_threads,
}

if __name__ == "__main__":
    KINDS[sys.argv[1]](int(sys.argv[2]), *sys.argv[3:])
