"""A rotation, a start, and the delay of answers beside busy programs, over the number of sealed segments.

Segments have only 2 KiB of text, because only their number matters. Each daemon gets its own store, of
hard links to the files of a store that is made once.
"""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from bench import proc
from bench.child import running
from bench.curves.curve import Curve
from bench.runs import free_port
from bench.servers import TWISTD
from bench.stores import make_small
from bench.texts import pages

KILOBYTES = 2
ROTATIONS = 20
ROTATE_KIB = 64
BUSY = 2
STALL_SECONDS = 12.0
PROBE_SECONDS = 0.005
WITHIN = 120.0


@attrs.frozen
class Server:
    """A daemon under test: its process id, and the ports that take lines and requests."""

    pid: int
    port: int
    http: int

    def send(self, text: bytes) -> None:
        """Send lines and close."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(text)

    def asked(self, path: str) -> str:
        """Return the answer to a GET."""
        connection = HTTPConnection("127.0.0.1", self.http, timeout=60)
        connection.request("GET", path)
        answer = connection.getresponse().read().decode()
        connection.close()
        return answer

    def sealed(self) -> int:
        """Return the number of segments that it has sealed."""
        [line] = [
            line
            for line in self.asked("/metrics").splitlines()
            if line.startswith("logsrv_segments_sealed_total ")
        ]
        return int(float(line.split()[-1]))

    def settle(self) -> None:
        """Wait until it uses no CPU time for half a second. Raises RuntimeError after WITHIN seconds."""
        end = time.monotonic() + WITHIN
        before = None
        while (now := proc.cpu(self.pid)) != before:
            if time.monotonic() > end:
                raise RuntimeError("the server does not come to rest")
            before = now
            time.sleep(0.5)


@contextmanager
def serving(size: int, directory: Path, *options: str) -> Iterator[Server]:
    """Run a daemon on a store of `size` sealed segments."""
    with TemporaryDirectory(dir=directory) as made:
        store = Path(made) / "logs"
        _copy(_made(size, directory), store)
        port, http = int(free_port("tcp")), int(free_port("tcp"))
        command = [*TWISTD, "-n", "--pidfile=", "logsrv", "--directory", str(store)]
        command += ["--listen", f"tcp:{port}:interface=127.0.0.1"]
        command += ["--http", f"tcp:{http}:interface=127.0.0.1", *options]
        ready = partial(proc.is_bound, "tcp", str(port))
        with running(command, {}, Path(made) / "said", ready) as process:
            yield Server(process.pid, port, http)


def _made(size: int, directory: Path) -> Path:
    store = directory / f"store-{size}"
    if not store.exists():
        make_small(store, size, KILOBYTES)
    return store


def _copy(made: Path, store: Path) -> None:
    store.mkdir()
    for file in made.iterdir():
        if file.name in ("current.log", "number"):
            (store / file.name).write_bytes(file.read_bytes())
        else:
            (store / file.name).hardlink_to(file)


def rotation(size: int, directory: Path) -> float:
    """Return the CPU milliseconds of the daemon for a rotation, with sealing and retention."""
    text = next(pages("mix"))[: ROTATE_KIB << 10]
    options = ("--rotate-size", f"{ROTATE_KIB - 4}KiB", "--keep-bytes", "100GiB")
    with serving(size, directory, *options) as server:
        server.settle()
        sealed, before = server.sealed(), proc.cpu(server.pid)
        for _ in range(ROTATIONS):
            server.send(text)
            time.sleep(0.1)
        server.settle()
        used = proc.cpu(server.pid) - before
        if not server.sealed() - sealed:
            raise RuntimeError("nothing was sealed")
        return (used.user + used.system) / ROTATIONS * 1e3


def start(size: int, directory: Path) -> float:
    """Return the seconds from the start of a daemon to its first line on the disk."""
    with TemporaryDirectory(dir=directory) as made:
        store = Path(made) / "logs"
        _copy(_made(size, directory), store)
        path = Path(made) / "socket"
        command = [*TWISTD, "-n", "--pidfile=", "logsrv", "--directory", str(store)]
        begun = time.monotonic()
        ready = partial(_sent, path)
        with running([*command, "--listen", f"unix:{path}"], {}, Path(made) / "said", ready):
            while not (store / "current.log").stat().st_size:
                time.sleep(0.001)
            return time.monotonic() - begun


def _sent(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            return False
        connection.sendall(b"the first line\n")
    return True


def stall(size: int, directory: Path) -> float:
    """Return the longest time to an answer in milliseconds, during rotations beside two busy programs."""
    text = next(pages("mix"))[: ROTATE_KIB << 10]
    options = ("--rotate-size", f"{ROTATE_KIB - 4}KiB", "--keep-bytes", "100GiB")
    with serving(size, directory, *options) as server, busy():
        server.settle()
        connection = HTTPConnection("127.0.0.1", server.http, timeout=60)
        end, rotate, longest = time.monotonic() + STALL_SECONDS, 0.0, 0.0
        while (begun := time.monotonic()) < end:
            if begun > rotate:
                server.send(text)
                rotate = begun + 2
                begun = time.monotonic()
            connection.request("GET", "/healthz")
            connection.getresponse().read()
            longest = max(longest, time.monotonic() - begun)
            time.sleep(PROBE_SECONDS)
        connection.close()
        return longest * 1e3


@contextmanager
def busy() -> Iterator[None]:
    """Run programs that use as much CPU time as they get."""
    programs = [subprocess.Popen([sys.executable, "-c", "while 1: pass"]) for _ in range(BUSY)]
    try:
        yield
    finally:
        for program in programs:
            program.kill()
            program.wait()


SIZES = (10, 100, 1000, 5000, 20_000)
SHORT = (10, 100, 1000)
CURVES = (
    Curve("rotation", "segments", "CPU ms", SIZES, SHORT, rotation, 0.1, {20_000: 50}, floor=5),
    Curve("rotation-start", "segments", "s", SIZES, SHORT, start, 0.2, {20_000: 2}, floor=0.5),
    Curve("rotation-stall", "segments", "ms", SIZES, SHORT, stall, 0.1, {20_000: 50}, floor=25),
)
