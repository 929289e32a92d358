"""Live views, /api/stats and the first lines of the page, over the number of viewers or of segments.

A viewer is live when it has received a line that was sent less than a second ago. All viewers connect at
once, during a flood of 50,000 lines a second.
"""

from __future__ import annotations

import re
import selectors
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path

from bench import proc
from bench.curves.curve import Curve
from bench.curves.rotation import Server, serving

RATE = 50_000
LIVE_SECONDS = 1.0
WITHIN = 60.0
CONNECTIONS = 20
ASKED = 10
QUERIES = 20
# The files that the page loads at once; it requests its links into the API later.
_ASSET = re.compile(r'(?:src|href)="(/(?!api/)[a-z][^"]*)"')
_SENT = re.compile(rb"@sent=(\d{20})")
# Sends lines, each with the time of sending; each of the queries matches an equal share of them.
_SENDER = """
import socket, sys, time
port, rate, queries = map(int, sys.argv[1:])
connection = socket.create_connection(("127.0.0.1", port))
due, number, each = time.monotonic(), 0, rate // 100
while True:
    sent = b"@sent=%020d" % time.monotonic_ns()
    connection.sendall(b"".join(
        b"%s w%dx GET /a/b/c took %d ms from somewhere to elsewhere\\n" % (sent, one % queries, one)
        for one in range(number, number + each)
    ))
    number += each
    due += 0.01
    time.sleep(max(0.0, due - time.monotonic()))
"""


@contextmanager
def _flood(server: Server, queries: int) -> Iterator[None]:
    command = [sys.executable, "-c", _SENDER, str(server.port), str(RATE), str(queries)]
    sender = subprocess.Popen(command)
    try:
        time.sleep(1.0)
        yield
    finally:
        sender.kill()
        sender.wait()


def _watch(server: Server, query: str) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", server.http))
    connection.sendall(f"GET /api/tail?q={query} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return connection


def until_live(size: int, directory: Path, *, queries: Callable[[int], int]) -> float:
    """Return the seconds until the last of `size` viewers is live. queries: viewers → different queries."""
    number = queries(size)
    with serving(10, directory) as server, _flood(server, number), ExitStack() as opened:
        selector = opened.enter_context(selectors.DefaultSelector())
        begun = time.monotonic()
        for viewer in range(size):
            connection = opened.enter_context(_watch(server, f"w{viewer % number}x"))
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_READ)
        waiting = size
        while waiting:
            for key, _ in selector.select(1.0):
                connection = key.fileobj  # type: ignore[assignment]
                found = _SENT.findall(connection.recv(1 << 18))
                if found and time.monotonic_ns() - int(found[-1]) < LIVE_SECONDS * 1e9:
                    # A viewer that is live is not read any more: it would only cost CPU time.
                    selector.unregister(connection)
                    waiting -= 1
            if time.monotonic() > begun + WITHIN:
                raise RuntimeError(f"{waiting} of {size} viewers are not live after {WITHIN:g} s")
        return time.monotonic() - begun


def connecting(size: int, directory: Path) -> float:
    """Return the CPU milliseconds of the daemon for each live view that connects."""
    with serving(size, directory) as server, ExitStack() as opened:
        server.settle()
        before = proc.cpu(server.pid)
        for _ in range(CONNECTIONS):
            connection = opened.enter_context(_watch(server, ""))
            connection.recv(1 << 16)
        used = proc.cpu(server.pid) - before
        return (used.user + used.system) / CONNECTIONS * 1e3


def stats(size: int, directory: Path) -> float:
    """Return the median time of an answer of /api/stats in milliseconds."""
    with serving(size, directory) as server:
        server.settle()
        took = []
        for _ in range(ASKED):
            begun = time.monotonic()
            server.asked("/api/stats")
            took.append(time.monotonic() - begun)
            # Wait, because the daemon repeats the same answer for half a second.
            time.sleep(0.6)
        return sorted(took)[ASKED // 2] * 1e3


def first_lines(size: int, directory: Path) -> float:
    """Return the most seconds from the request of the page, over loading its files, to its first lines."""
    path = "/api/search?q=&limit=200&reverse=1&since=2000-01-01"
    with serving(size, directory) as server:
        server.settle()
        took = []
        for _ in range(ASKED):
            # No search process is ready for the first request: it starts while the page loads.
            begun = time.monotonic()
            page = server.asked("/")
            for asset in _ASSET.findall(page):
                server.asked(asset)
            with closing(HTTPConnection("127.0.0.1", server.http, timeout=60)) as connection:
                connection.request("GET", path)
                connection.getresponse().read(1)
                took.append(time.monotonic() - begun)
            time.sleep(0.3)
        return max(took)


SIZES = (10, 100, 1000, 5000, 20_000)
SHORT = (10, 100, 1000)
VIEWERS = (10, 50, 100, 200, 500)
FEW = (5, 10, 50, 100)
_shared = partial(until_live, queries=lambda size: min(size, QUERIES))
_distinct = partial(until_live, queries=lambda size: size)
CURVES = (
    Curve("viewers-live", "viewers", "s", VIEWERS, FEW, _shared, 0.3, {500: 1}, floor=0.3),
    Curve("viewers-distinct", "viewers", "s", VIEWERS, FEW, _distinct, 0.6, {500: 5}, floor=0.3),
    Curve(
        "viewers-connect", "segments", "CPU ms", SIZES, SHORT, connecting, 0.1, {20_000: 5}, floor=2
    ),
    Curve("viewers-stats", "segments", "ms", SIZES, SHORT, stats, 0.1, {20_000: 20}, floor=5),
    Curve(
        "viewers-page", "segments", "s", SIZES, SHORT, first_lines, 0.2, {20_000: 0.3}, floor=0.15
    ),
)
