"""The real daemon with its web interface, and helpers for tests of it."""

import os
import re
import socket
from pathlib import Path

from tests.parts.daemons import LOOPBACK, Logger
from tests.parts.web_clients import Client

HTTP = ("--http", LOOPBACK)
TOKEN = "correct-horse-battery"
LINES = (
    "first timeout user=ann status=500 level=error",
    '{"level": "info", "user": "bob"}',
    '{"level": "warning", "user": "ann", "n": 7}',
    "a Timeout with a capital",
    "last \x1b[31mred\u202e",
)


def client_of(server: Logger) -> Client:
    """Return a client of the web listener, which is the last listener."""
    return Client(server.ports()[-1])


def send(server: Logger, *lines: str) -> None:
    """Send lines and wait until they are in the store."""
    before = lines_in(server)
    server.send("".join(f"{line}\n" for line in lines).encode())
    server.wait_until(lambda: lines_in(server) >= before + len(lines), "the lines in the store")


def lines_in(server: Logger) -> int:
    return len(server.messages())


def figure(client: Client, name: str) -> float:
    """Return the value of a metric without labels; 0 if it does not exist."""
    found = re.search(rf"^logsrv_{name} (\S+)$", client.ask("/metrics").body.decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def stalled(server: Logger, count: int) -> list[socket.socket]:
    """Return viewers that ask for a live view and never read."""
    found = []
    for _ in range(count):
        viewer = socket.socket()
        viewer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        viewer.connect(("127.0.0.1", server.ports()[-1]))
        viewer.sendall(b"GET /api/tail HTTP/1.1\r\nHost: localhost\r\n\r\n")
        found.append(viewer)
    return found


def memory(pid: int) -> int:
    """Return the bytes of resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# Run a service whose user may not execute its Python.
NO_PYTHON = """
import sys
sys.executable = sys.argv[1]
del sys.argv[1:5]
from twisted.scripts.twistd import run
run()
"""
