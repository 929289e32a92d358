"""Helpers for tests that kill a shipment: a load, a network that breaks, and all text a store ever had."""

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

from tests.parts.daemons import Logger
from tests.parts.waits import join

SEGMENT = re.compile(r"(\d{10}-\w+)\.log(\.zst)?")
# Most bytes that the far side lacks: so there is always some text under way, but never much.
BEHIND = 1 << 20


class Witness(threading.Thread):
    """A thread that keeps all text that a store ever had, also of segments that retention removes."""

    def __init__(self, store: Path, kept: Path) -> None:
        super().__init__(daemon=True)
        kept.mkdir()
        self._store, self._kept = store, kept
        self._sizes: dict[str, int] = {}
        self._inodes: set[int] = set()
        self._counting = threading.Lock()
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.01):
            self._look()

    def _look(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(self._store)):
                found = SEGMENT.fullmatch(name)
                if found and found[1] not in self._sizes:
                    with contextlib.suppress(FileNotFoundError), self._counting:
                        os.link(self._store / name, self._kept / name)
                        self._inodes.add((self._kept / name).stat().st_ino)
                        self._sizes[found[1]] = len(_text(self._kept / name))

    def size(self) -> int:
        """Return the bytes of text that the store has had so far.

        A rotation first gives the active segment a second name. It is counted once: a test that counted it
        twice waited in vain for more text than it had sent.
        """
        with self._counting:
            sealed = sum(self._sizes.values())
            with contextlib.suppress(FileNotFoundError):
                active = (self._store / "current.log").stat()
                return sealed + (0 if active.st_ino in self._inodes else active.st_size)
        return sealed

    def ends_with(self, line: bytes) -> bool:
        """Return whether that line is in the active or in the newest sealed segment."""
        newest = [self._store / "current.log"]
        newest += [self._kept / name for name in sorted(os.listdir(self._kept))[-1:]]
        return any(line in _text(one) for one in newest)

    def text(self) -> bytes:
        """Return all the text, after the daemon has ended."""
        self._ended.set()
        join(self)
        self._look()
        names = sorted(os.listdir(self._kept))
        numbers = [int(name[:10]) for name in names]
        assert numbers == list(range(1, len(names) + 1)), "a segment was not seen"
        texts = [_text(self._kept / name) for name in names]
        return b"".join([*texts, _text(self._store / "current.log")])

    def removed(self) -> int:
        """Return how many segments retention has removed."""
        return len(self._sizes) - sum(
            1 for name in os.listdir(self._store) if SEGMENT.fullmatch(name)
        )


def _text(path: Path) -> bytes:
    if path.suffix != ".zst":
        return path.read_bytes()
    with path.open("rb") as file:
        return zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True).read()


class Load(threading.Thread):
    """A thread that sends numbered lines to the running daemon, as fast as the far side follows."""

    def __init__(self, server: Callable[[], Logger], near: Witness, far: Witness) -> None:
        super().__init__(daemon=True)
        self._server, self._near, self._far = server, near, far
        self._chance = random.Random(23)
        self._number = 0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.01):
            # No daemon listens between a kill and the next start.
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
    """A forwarder to a port that can break its connections, and can swallow answers before."""

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
                # The thread that carries the bytes closes the socket.
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
    """Return what is wrong with the text at the far side: "" if it has each line once, in order."""
    if sent == found:
        return ""
    lines, stored = sent.splitlines(), found.splitlines()
    lost, strange = len({*lines} - {*stored}), len({*stored} - {*lines})
    return (
        f"of {len(lines)}: {lost} lost, {len(stored) - len({*stored})} doubled, {strange} strange"
    )
