"""Plugins of docs/cookbook.md and an input as operators run them: daemons of another user, under load.

Each is reloaded and stopped while clients keep asking. Until the stop every answer must be right; after it
no message of a client may be missing at its destination.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.cookbook import RECIPES
from tests.parts.plugin_daemons import USER, Daemon, as_user, folder_of_user, running, under_load
from tests.parts.ports import free_port

pytestmark = pytest.mark.long
NETSTRINGS = """
from twisted.plugin import IPlugin
from zope.interface import implementer

from logsrv.kit import Netstring
from logsrv.linelog.intake.frames import FrameInput


@implementer(IPlugin)
class Netstrings(FrameInput):
    name = "netstrings"
    framing = Netstring()
    max_frame = 64 * 1024


netstrings = Netstrings()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    with folder_of_user() as made:
        yield made


def recipe(folder: Path, name: str, *arguments: str, reactor: str = "default") -> Daemon:
    return Daemon(folder, name, RECIPES[name].source, *arguments, reactor=reactor)


def netstring(port: int, number: int) -> None:
    record = f"record {number} ends".encode()
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(b"%d:%s," % (len(record), record))


def line(port: int, number: int) -> None:
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as client:
        client.sendall(f"record {number} ends\n".encode())


def test_binary_records_are_all_stored(folder):
    port = free_port()
    listen = f"netstrings:tcp:{port}:interface=127.0.0.1"
    with running(
        Daemon(folder, "netstrings", NETSTRINGS, "--listen", listen, service="logsrv")
    ) as daemon:
        had = under_load(daemon, partial(netstring, port))
    stored = (folder / "logs" / "current.log").read_text()
    assert [number for number in had if f" record {number} ends\n" not in stored] == []
    assert (folder / "logs" / "current.log").owner() == USER or not as_user()


def test_lines_are_all_sent_on(folder):
    """No line is missing at the server that they go to, which is not the stopping process."""
    port, got = free_port(), bytearray()
    with socket.create_server(("127.0.0.1", 0)) as other:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = other.accept()
                    with connection:
                        while data := connection.recv(65536):
                            got.extend(data)

        server = threading.Thread(target=serve)
        server.start()
        to = f"tcp:127.0.0.1:{other.getsockname()[1]}"
        listen = f"tcp:{port}:interface=127.0.0.1"
        try:
            with running(recipe(folder, "relay", "--listen", listen, "--to", to)) as daemon:
                had = under_load(daemon, partial(line, port))
        finally:
            other.shutdown(socket.SHUT_RDWR)
            server.join(PATIENCE)
    assert [number for number in had if f"record {number} ends\n".encode() not in got] == []
