"""Redis servers for a comparison: GET and SET, by the kit in two ways, by asyncio in two, by Twisted alone.

    python -m bench.redis_servers KIND PORT

serves until it is killed.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from twisted.internet.protocol import Factory, Protocol

from logsrv.kit import Connection, FrameProtocol
from logsrv.kit.testing import serve

KEPT: dict[bytes, bytes] = {}


def answer(words: list[bytes]) -> bytes:
    match words:
        case [b"GET", key]:
            value = KEPT.get(key)
            return b"$-1\r\n" if value is None else b"$%d\r\n%b\r\n" % (len(value), value)
        case [b"SET", key, value]:
            KEPT[key] = value
            return b"+OK\r\n"
    return b"-ERR unknown command\r\n"


class Resp:
    """Cuts bytes into commands, each a list of words."""

    def __init__(self, most: int = 0) -> None:
        self._rest = b""

    def receive(self, data: bytes) -> list[list[bytes]]:
        data = self._rest + data
        commands: list[list[bytes]] = []
        at = 0
        while (end := data.find(b"\r\n", at)) > 0:
            words = []
            place = end + 2
            for _ in range(int(data[at + 1 : end])):
                end = data.find(b"\r\n", place)
                begin = end + 2
                place = begin + int(data[place + 1 : end] or b"0") + 2
                if end < 0 or place > len(data):
                    self._rest = data[at:]
                    return commands
                words.append(data[begin : place - 2])
            commands.append(words)
            at = place
        self._rest = data[at:]
        return commands


class Frames(FrameProtocol[Any, Any, Any]):
    framing = Resp

    def frame_received(self, frame: list[bytes]) -> None:
        self.send_frame(answer(frame))


async def handle(connection: Connection) -> None:
    while True:
        head = await connection.read_until(b"\r\n")
        words = []
        for _ in range(int(head[1:])):
            size = await connection.read_until(b"\r\n")
            words.append((await connection.read_exactly(int(size[1:]) + 2))[:-2])
        connection.write(answer(words))
        await connection.drain()


async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n")
            words = []
            for _ in range(int(head[1:])):
                size = await reader.readuntil(b"\r\n")
                words.append((await reader.readexactly(int(size[1:]) + 2))[:-2])
            writer.write(answer(words))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


class Alone(asyncio.Protocol):
    """A Protocol of asyncio."""

    def connection_made(self, transport: Any) -> None:
        self._transport, self._framer = transport, Resp()

    def data_received(self, data: bytes) -> None:
        answers = [answer(words) for words in self._framer.receive(data)]
        if answers:
            self._transport.write(b"".join(answers))


class Plain(Protocol):
    """A Protocol of Twisted."""

    def connectionMade(self) -> None:
        self._framer = Resp()

    def dataReceived(self, data: bytes) -> None:
        answers = [answer(words) for words in self._framer.receive(data)]
        if answers:
            assert self.transport is not None
            self.transport.write(b"".join(answers))


async def serve_asyncio(kind: str, port: int) -> None:
    if kind == "streams":
        server = await asyncio.start_server(streams, "127.0.0.1", port)
    else:
        server = await asyncio.get_running_loop().create_server(Alone, "127.0.0.1", port)
    print("ready", flush=True)
    await server.serve_forever()


def main(kind: str, port: int) -> None:
    if kind in ("streams", "protocol"):
        asyncio.run(serve_asyncio(kind, port))
        return
    from twisted.internet import reactor

    running: Any = reactor
    if kind == "twisted":
        running.listenTCP(port, Factory.forProtocol(Plain), interface="127.0.0.1")
    else:
        what: Any = {"handle": handle, "framing": Frames}[kind]
        serve(what, "--listen", f"tcp:{port}:interface=127.0.0.1")
    running.callWhenRunning(print, "ready", flush=True)
    running.run()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
