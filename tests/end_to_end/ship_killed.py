"""What kills between two stores need: a load, a network that breaks, and all that either store ever had."""

from __future__ import annotations

import contextlib
import os
import random
import re
import select
import socket
import struct
import threading
from collections.abc import Callable
from pathlib import Path

import zstandard

from tests.end_to_end.conftest import Logger

SEGMENT = re.compile(r"(\d{10}-\w+)\.log(\.zst)?")
# The far side is never behind by more than this: there is always something under way, and never much.
BEHIND = 1 << 20


class Witness(threading.Thread):
    """All text that a store ever had: it holds on to segments that retention removes."""

    def __init__(self, store: Path, kept: Path) -> None:
        super().__init__(daemon=True)
        kept.mkdir()
        self._store, self._kept = store, kept
        self._sizes: dict[str, int] = {}
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.01):
            self._look()

    def _look(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(self._store)):
                found = SEGMENT.fullmatch(name)
                if found and found[1] not in self._sizes:
                    with contextlib.suppress(FileNotFoundError):
                        os.link(self._store / name, self._kept / name)
                        self._sizes[found[1]] = len(_text(self._kept / name))

    def size(self) -> int:
        """How much text there was until now."""
        with contextlib.suppress(FileNotFoundError):
            return sum(self._sizes.values()) + (self._store / "current.log").stat().st_size
        return sum(self._sizes.values())

    def ends_with(self, line: bytes) -> bool:
        """Whether that line is among the newest."""
        newest = [self._store / "current.log"]
        newest += [self._kept / name for name in sorted(os.listdir(self._kept))[-1:]]
        return any(line in _text(one) for one in newest)

    def text(self) -> bytes:
        """The text; the daemon has ended."""
        self._ended.set()
        self.join()
        self._look()
        names = sorted(os.listdir(self._kept))
        numbers = [int(name[:10]) for name in names]
        assert numbers == list(range(1, len(names) + 1)), "a segment was not seen"
        texts = [_text(self._kept / name) for name in names]
        return b"".join([*texts, _text(self._store / "current.log")])

    def removed(self) -> int:
        """How many segments retention has removed."""
        return len(self._sizes) - sum(
            1 for name in os.listdir(self._store) if SEGMENT.fullmatch(name)
        )


def _text(path: Path) -> bytes:
    if path.suffix != ".zst":
        return path.read_bytes()
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


class Load(threading.Thread):
    """Numbered lines to a daemon, whichever runs, as fast as the far side follows."""

    def __init__(self, server: Callable[[], Logger], near: Witness, far: Witness) -> None:
        super().__init__(daemon=True)
        self._server, self._near, self._far = server, near, far
        self._chance = random.Random(23)
        self._number = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.01):
            # Nobody listens while it is killed.
            with contextlib.suppress(OSError, IndexError):
                address = ("127.0.0.1", self._server().port())
                with socket.create_connection(address, 5) as connection:
                    while not self.ended.wait(0.005):
                        if self._near.size() - self._far.size() < BEHIND:
                            connection.sendall(b"".join(self._line() for _ in range(300)))

    def _line(self) -> bytes:
        self._number += 1
        letters = self._chance.randbytes(self._chance.randint(0, 120)).hex().encode()
        return b"<%d %s>\n" % (self._number, letters)


class Network(threading.Thread):
    """A way to a port that can be cut, with all that is on it, and can swallow answers before."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self._there = ("127.0.0.1", port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self.deaf = threading.Event()
        self.swallowed = threading.Event()

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                try:
                    far = socket.create_connection(self._there, 5)
                except OSError:
                    near.close()
                    continue
                with self._lock:
                    self._pairs.append((near, far))
                threading.Thread(target=self._carry, args=(near, far), daemon=True).start()

    def _carry(self, near: socket.socket, far: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while True:
                for one in select.select([near, far], [], [], 5)[0]:
                    data = one.recv(65536)
                    if not data:
                        raise OSError
                    if one is far and self.deaf.is_set():
                        self.swallowed.set()
                    else:
                        (far if one is near else near).sendall(data)
        _reset(near)
        _reset(far)

    def cut(self) -> None:
        """Break all connections."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for one in pair:
                # The thread that carries it closes it.
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        self.deaf.clear()
        self.swallowed.clear()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def compared(sent: bytes, found: bytes) -> str:
    """What is wrong with the text at the far end: "" if each line is there once, in its order."""
    if sent == found:
        return ""
    lines, stored = sent.splitlines(), found.splitlines()
    lost, strange = len({*lines} - {*stored}), len({*stored} - {*lines})
    return (
        f"of {len(lines)}: {lost} lost, {len(stored) - len({*stored})} doubled, {strange} strange"
    )
