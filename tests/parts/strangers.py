"""Servers of tests that answer with any bytes, for as long as the client reads."""

import re
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.parts.waits import join

Answer = Callable[[bytes], Iterable[bytes]]
"""What a far side says to the first bytes that came; it hangs up behind that."""


class Stranger:
    """A server on a free port.

    said: number of bytes that the system has taken from it; connections: number of connections so far.
    """

    def __init__(self, answer: Answer) -> None:
        self.said = 0
        self.connections = 0
        self._answer = answer
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._open: list[socket.socket] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self) -> None:
        with suppress(OSError):
            while True:
                accepted, _ = self._listening.accept()
                self.connections += 1
                self._open.append(accepted)
                threading.Thread(target=self._talk, args=(accepted,), daemon=True).start()

    def _talk(self, accepted: socket.socket) -> None:
        with suppress(OSError), accepted:
            for piece in self._answer(accepted.recv(1 << 16)):
                accepted.sendall(piece)
                self.said += len(piece)
            accepted.shutdown(socket.SHUT_WR)
            while accepted.recv(1 << 16):
                pass

    def close(self) -> None:
        for one in (self._listening, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@contextmanager
def stranger(answer: Answer) -> Iterator[Stranger]:
    """Run a server that gives every client the same answer."""
    made = Stranger(answer)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        made.close()
        join(thread)


def endless(piece: bytes, *before: bytes) -> Answer:
    """Return an answer of the pieces `before`, and then of `piece` for ever."""

    def answer(_: bytes) -> Iterator[bytes]:
        yield from before
        many = piece * max(1, (1 << 16) // len(piece))
        while True:
            yield many

    return answer


def memory(pid: int | str = "self", *, most: bool = False) -> int:
    """Return the bytes of resident memory of a process, or its peak; skip without /proc."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        pytest.skip("this system does not tell how much memory a process has")
    found = re.search(rf"{'VmHWM' if most else 'VmRSS'}:\s+(\d+) kB", status)
    assert found, status
    return int(found[1]) << 10


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Fail if the memory that Python allocates in the `with` block exceeds `size` bytes at any time."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()
