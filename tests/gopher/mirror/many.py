"""A site of many small texts, and a mirror with a second process, however slow the server of a test is."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted

FILES = 200
# The command, with a second process however slow the server of a test is; it tells its number.
CODE = """
import sys
from logsrv.gopher.command.main import main
from logsrv.gopher.mirror import fetching

class Told(fetching.Worker):
    def __init__(self, make):
        super().__init__(make)
        print(self.process, file=sys.stderr, flush=True)

fetching.Worker = Told
fetching.can_work = lambda: True
fetching._BUSY, fetching._MANY, fetching._A_WHILE = 0.0, 8, 4
sys.exit(main())
"""


class Site:
    """A menu of many texts, and of `more`. waits: how many of the texts, from /100 on, wait until `go`.
    halfway: one of them is asked for.
    """

    def __init__(
        self, serve: Serve, more: dict[bytes, bytes] | None = None, *, waits: int = 1
    ) -> None:
        self._waiting = {b"/%d" % number for number in range(100, 100 + waits)}
        self.answers = {b"/%d" % number: b"text %d\r\n" % number for number in range(FILES)}
        self.answers |= more or {}
        self.types = {
            selector: b"9" if selector.endswith(b".bin") else b"0" for selector in self.answers
        }
        self.halfway = threading.Event()
        self.go = threading.Event()
        self.server: Scripted = serve(self._answer)

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        selector = request.rstrip(b"\r\n")
        if selector == b"":
            place = b"127.0.0.1\t%d" % self.server.port
            lines = [
                b"%s%s\t%s\t%s\r\n" % (letter, selector, selector, place)
                for selector, letter in self.types.items()
            ]
            connection.sendall(b"".join(lines) + b".\r\n")
            return
        if selector in self._waiting:
            self.halfway.set()
            assert self.go.wait(20)
        connection.sendall(self.answers.get(selector, b"3not there\t\terror.host\t1\r\n.\r\n"))

    @property
    def asked(self) -> Counter[bytes]:
        return Counter(
            request.rstrip(b"\r\n")
            for request in self.server.requests
            if request[:1] == b"/" and request != b"/robots.txt\r\n"
        )


@contextmanager
def mirror(
    site: Site, directory: Path, *options: str, before: str = ""
) -> Iterator[subprocess.Popen[str]]:
    """before: what Python does there first."""
    command = [sys.executable, "-c", before + CODE, "mirror", site.server.url(), str(directory)]
    command += options
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def ended(process: subprocess.Popen[str]) -> str:
    """Return what it says in the end."""
    said, errors = process.communicate(timeout=60)
    return said + errors


def has_ended(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def contents(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("[!.]*")
        if path.is_file() and path.name not in ("gophermap", "index.html")
    }
