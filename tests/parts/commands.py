"""`logsrv …` as a child process, and small servers for it to talk to."""

import contextlib
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.warm.process import LOGSRV as LOGSRV
from tests.parts.warm.process import popen

HOSTILE = "a\nin all: forged\x1b[2J\r\u202e\udcff"
"""The name of a file that would forge a line of what a command says, and drive a terminal."""

Handler = Callable[[socket.socket], None]
Yielded = TypeVar("Yielded")


def logsrv(
    *words: str,
    input: bytes = b"",
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.CompletedProcess[bytes]:
    """Run it to its end, with `input` on its standard input."""
    whole = {**os.environ, **(environment or {})}
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    process = popen([*LOGSRV, *words], cwd=directory, env=whole, **pipes)
    output, errors = process.communicate(input, PATIENCE)
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


@contextlib.contextmanager
def serving(handle: Handler, tls: ssl.SSLContext | None = None) -> Iterator[int]:
    """A TCP server for one connection, which `handle` serves in a thread; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield from _one(listening, handle, tls, listening.getsockname()[1])


@contextlib.contextmanager
def serving_unix(path: Path, handle: Handler) -> Iterator[None]:
    """The same at the path of a UNIX socket."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        yield from _one(listening, handle, None, None)


def _one(
    listening: socket.socket, handle: Handler, tls: ssl.SSLContext | None, yielded: Yielded
) -> Iterator[Yielded]:
    listening.settimeout(PATIENCE)

    def serve() -> None:
        # A client that gives up, in a handshake or later, is what some tests are about.
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            connection.settimeout(PATIENCE)
            with tls.wrap_socket(connection, server_side=True) if tls else connection as talking:
                handle(talking)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield yielded
    finally:
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        thread.join(PATIENCE)
        assert not thread.is_alive(), "the test's server still waits"


def echo(connection: socket.socket) -> None:
    """Send all back, until the peer has said all."""
    while data := connection.recv(65536):
        connection.sendall(data)
