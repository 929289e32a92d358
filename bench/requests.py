"""CPU per request of the kit's servers of lines, and their memory for an idle connection, beside asyncio's.

    python -m bench.requests [ROUNDS]

Each server gets the same load in turns: 20 clients that send a line and wait for it to come back; the same
with 16 lines at once; clients that are greeted, and read to the end; clients that connect and say nothing.
The figure is the server's CPU, from /proc; the best of the turns counts, since the machine may be busy.
`lines` is the input of the line logger, which answers nothing.

Status 1: a figure is above its bar.
"""

from __future__ import annotations

import asyncio
import math
import resource
import selectors
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import attrs

from bench.proc import descriptors, is_bound, memory
from bench.redis import port, used
from bench.servers import TWISTD
from logsrv.kit import Connection, LineProtocol
from logsrv.kit.testing import serve, wait_until

HOST = "127.0.0.1"
LINE = b"hello, a line like others\n"
CLIENTS = 20
REQUESTS = 20_000
VISITS = 2_000
IDLE = 2_000


class Lines(LineProtocol):
    ending = "\n"

    def line_received(self, line: str) -> None:
        self.send_line(line)


class Greeting(LineProtocol):
    ending = "\n"

    def connection_made(self) -> None:
        self.close(LINE[:-1].decode())


async def handle(connection: Connection) -> None:
    connection.ending = "\n"
    async for line in connection:
        connection.send_line(line)


async def streams(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while line := await reader.readline():
        writer.write(line)
    writer.close()


class Alone(asyncio.Protocol):
    """A Protocol of asyncio. It takes the lines to be whole."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(data)


async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(LINE)
    writer.close()


class AloneGreeting(asyncio.Protocol):
    def connection_made(self, transport: Any) -> None:
        transport.write(LINE)
        transport.close()


KIT: dict[str, Any] = {"LineProtocol": Lines, "handle": handle, "greeting": Greeting}
STREAMS = {"streams": streams, "greeting by streams": greet}
PROTOCOLS = {"protocol": Alone, "greeting by protocol": AloneGreeting}


async def serve_asyncio(kind: str, place: int) -> None:
    if kind in STREAMS:
        server = await asyncio.start_server(STREAMS[kind], HOST, place, backlog=1024)
    else:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(PROTOCOLS[kind], HOST, place, backlog=1024)
    await server.serve_forever()


def run_server(kind: str, place: int) -> None:
    if kind not in KIT:
        asyncio.run(serve_asyncio(kind, place))
        return
    from twisted.internet import reactor

    running: Any = reactor
    serve(KIT[kind], "--listen", f"tcp:{place}:interface={HOST}:backlog=1024")
    running.run()


def connected(place: int, number: int = 1) -> list[socket.socket]:
    return [socket.create_connection((HOST, place), 60) for _ in range(number)]


def echo(place: int, lines: int) -> int:
    """Send lines and wait for them to come back, over all connections; return how many came."""
    data, taken = LINE * lines, 0
    waiting = selectors.DefaultSelector()
    for client in connected(place, CLIENTS):
        waiting.register(client, selectors.EVENT_READ, [0])
        client.sendall(data)
    most = REQUESTS * (4 if lines > 1 else 1)
    while taken < most:
        for key, _ in waiting.select():
            sender: Any = key.fileobj
            key.data[0] += len(sender.recv(1 << 16))
            if key.data[0] == len(data):
                key.data[0] = 0
                taken += lines
                sender.sendall(data)
    for key in list(waiting.get_map().values()):
        key.fileobj.close()  # type: ignore[union-attr]
    waiting.close()
    return taken


def visit(place: int) -> int:
    for _ in range(VISITS):
        with connected(place)[0] as client:
            while client.recv(64):
                pass
    return VISITS


def grow(pid: int, place: int) -> float:
    """Return the KiB by which an idle connection makes the server grow."""
    clients = connected(place, IDLE // 2)
    grown = []
    for number in (0, IDLE):
        wanted = len(clients) + number
        clients += connected(place, number)
        wait_until(lambda wanted=wanted: descriptors(pid) > wanted, "the peers to be accepted")  # type: ignore[misc]
        grown.append(memory(pid, "VmRSS"))
    for client in clients:
        client.close()
    return (grown[1] - grown[0]) / IDLE / 1024


def cost(send: Callable[[int], int]) -> Callable[[int, int], float]:
    """Return a function that returns the µs of CPU for a request of `send`."""

    def measure(pid: int, place: int) -> float:
        before = used(pid)
        number = send(place)
        return (used(pid) - before) / number * 1e6

    return measure


@attrs.frozen
class Workload:
    """A load for servers; the first is the one that the others are compared with.

    measure: returns the figure of a server by its process and port. bars: how much more than the first some
    may have. most: the bars that are figures.
    """

    name: str
    measure: Callable[[int, int], float]
    kinds: tuple[str, ...]
    bars: dict[str, float] = attrs.field(factory=dict)
    most: dict[str, float] = attrs.field(factory=dict)


ECHOES = ("streams", "protocol", "LineProtocol", "handle")
GREETINGS = ("greeting by protocol", "greeting by streams", "greeting")
WORKLOADS = (
    Workload("request", cost(partial(echo, lines=1)), ECHOES, {"LineProtocol": 1.1, "handle": 1.1}),
    Workload(
        "pipelined", cost(partial(echo, lines=16)), ECHOES, {"LineProtocol": 0.6, "handle": 0.6}
    ),
    Workload("greeting", cost(visit), GREETINGS, {"greeting": 0.85}),
    Workload("idle, KiB", grow, (*ECHOES, "lines"), most={"lines": 1.5}),
)


@contextmanager
def running(kind: str) -> Iterator[tuple[int, int]]:
    """Start a server; yield its process and its port."""
    place = port()
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "-m", "bench.requests", kind, str(place)]
        if kind == "lines":
            listen = f"lines:tcp:{place}:interface={HOST}"
            options = ("-n", "--pidfile=", "logsrv", "--listen", listen, "--directory", home)
            command = [*TWISTD, *options]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(partial(is_bound, "tcp", str(place)), f"the server of {kind}")
            yield server.pid, place
        finally:
            server.kill()
            server.wait()


def main(rounds: int = 3) -> int:
    """Measure and print; return 1 if a figure is above its bar."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    best: dict[tuple[str, str], float] = {}
    for _ in range(rounds):
        for work in WORKLOADS:
            for kind in work.kinds:
                with running(kind) as (pid, place):
                    key = work.name, kind
                    best[key] = min(work.measure(pid, place), best.get(key, math.inf))
    return report(best)


def report(best: dict[tuple[str, str], float]) -> int:
    """Print the figures and their bars; return 1 if one is above its bar."""
    print(
        "µs of CPU for a request, the best of the turns; in brackets ÷ asyncio's first, and its bar"
    )
    missed = 0
    for work in WORKLOADS:
        first = best[work.name, work.kinds[0]]
        cells = []
        for kind in work.kinds:
            found = best[work.name, kind]
            bar = work.bars.get(kind)
            limit = work.most.get(kind) if bar is None else bar * first
            bars = "" if limit is None else f", at most {bar or limit:g}"
            missed |= limit is not None and found > limit
            cells.append(f"{kind} {found:.1f} ({found / first:.2f}{bars})")
        print(f"{work.name}: {'; '.join(cells)}", flush=True)
    return int(missed)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        run_server(sys.argv[1], int(sys.argv[2]))
    else:
        sys.exit(main(*map(int, sys.argv[1:])))
