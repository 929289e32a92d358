"""The process that packs segments beside the server.

    python -P -m logsrv.linelog.store.sealing.packing

It needs no directory and no names: the server passes it open files, and nothing else writes to these
files. So a process that outlives its server can do no harm.

Its standard input is a socket to the server (`packer.py`). The server sends JSON: orders with descriptors
of the files of a segment, and how urgent the work is ("hurry"). The answer to an order is a line of JSON
with the names of files not to keep, or an error number; an index follows the line. The process ends when
the socket is closed.

It runs with a high niceness, and with a lower one when segments wait. Only root can lower a niceness. But
on Linux each thread has its own niceness. So there is a thread for each degree of hurry, and before each
frame the process chooses the thread that packs it.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import sys
import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from select import select
from typing import Any

from logsrv.kit.children.child_side import ignore_stop_signals, limit_memory
from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index.indexing import encode_index
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.sealing.seal import Interrupted, packing_steps
from logsrv.linelog.store.segment import Form, Segment
from logsrv.memory import keep_freed_memory

# The niceness for each hurry: 0 none, 1 segments come often, 2 another one waits. With two busy programs,
# packing gets a seventieth of a processor at niceness 19, and a quarter at 5.
NICENESS = (19, 5, 0)
LONGEST = 65536
MOST_FILES = 5


class HandedDisk(Disk):
    """Files that the server has opened, by their names. removed: the names of files not to keep."""

    def __init__(self, files: Mapping[str, int]) -> None:
        self._files = files
        self.removed: list[str] = []

    def open(self, name: str, flags: int) -> int:
        """Return a new descriptor of a file that the server passed, at its beginning."""
        fd = os.dup(self._files[name])
        os.lseek(fd, 0, os.SEEK_SET)
        return fd

    def create_anew(self, name: str) -> int:
        """Return a new descriptor of a file that the server made; raises OSError if it made none."""
        if name not in self._files:
            raise FileNotFoundError(errno.ENOENT, "the server has not made it", name)
        return os.dup(self._files[name])

    def leads_to(self, name: str, fd: int) -> bool:
        """Return True, because the server checks the name."""
        return True

    def unlink(self, name: str) -> None:
        """Record that the server has to remove the file."""
        self.removed.append(name)


class SealerConnection:
    """The connection to the server. hurry: the last value that it sent, an index of NICENESS."""

    def __init__(self, connection: socket.socket) -> None:
        self.hurry = 0
        self._connection = connection
        self._messages = MessageReader()
        self._files: list[int] = []
        self._order: dict[str, Any] | None = None

    def receive_order(self) -> tuple[dict[str, Any], list[int]]:
        """Wait for an order; return it with its descriptors. Raises Interrupted if the server is gone."""
        while self._order is None:
            self._receive_once()
        order, files = self._order, self._files
        self._order, self._files = None, []
        return order, files

    def receive_arrived(self) -> bool:
        """Receive the messages that have arrived; return True. Raises Interrupted if the server is gone."""
        while select([self._connection], [], [], 0)[0]:
            self._receive_once()
        return True

    def _receive_once(self) -> None:
        data, files, _, _ = socket.recv_fds(self._connection, LONGEST, MOST_FILES)
        self._files += files
        if not data:
            raise Interrupted
        for message in self._messages.receive(data):
            said = json.loads(b"".join(message))
            self.hurry = said.get("hurry", self.hurry)
            if "files" in said:
                self._order = said

    def send_answer(self, found: Mapping[str, object], body: bytes = b"") -> None:
        """Answer an order. Raises OSError if the server is gone."""
        self._connection.sendall(b"".join(frame_parts(json.dumps(found).encode(), b"\n", body)))


def _set_niceness(niceness: int) -> None:
    """Set the niceness of this thread, if the system allows it."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)


class PackingThreads:
    """The packing threads of this process: one for each niceness on Linux, else one thread."""

    def __init__(self) -> None:
        least = os.getpriority(os.PRIO_PROCESS, 0)
        niceness = NICENESS if sys.platform == "linux" else (0,)
        # `_set_niceness` is no method: a thread with a reference to this object would keep the object, and
        # so itself, for ever.
        self._threads = [
            ThreadPoolExecutor(
                1, initializer=_set_niceness, initargs=(min(NICENESS[0], least + more),)
            )
            for more in niceness
        ]

    def pack(self, steps: Generator[None, None, Index], server: SealerConnection) -> Index:
        """Carry out all `packing_steps`, each in the thread for its hurry. Raises OSError, Interrupted."""
        with contextlib.closing(steps) as left:

            def some(level: int) -> Index | None:
                """Carry out steps until another thread has to go on; return the index at the end."""
                while level == self._thread_number(server):
                    try:
                        next(left)
                    except StopIteration as end:
                        made: Index = end.value
                        return made
                    server.receive_arrived()
                return None

            server.receive_arrived()
            while True:
                level = self._thread_number(server)
                # One submit for many frames: each time, the thread that is woken waits for the processor.
                made = self._threads[level].submit(some, level).result()
                if made is not None:
                    return made

    def _thread_number(self, server: SealerConnection) -> int:
        return min(server.hurry, len(self._threads) - 1)


def main() -> int:
    """Carry out orders until the server is gone; return the exit status 0."""
    ignore_stop_signals()
    limit_memory()
    # The threads take turns, so the next thread can use the memory that one has freed.
    keep_freed_memory(together=True)
    threads = PackingThreads()
    with socket.socket(fileno=os.dup(0)) as connection:
        server = SealerConnection(connection)
        with contextlib.suppress(Interrupted, ConnectionError):
            while True:
                _pack_and_answer(*server.receive_order(), threads, server)
    return 0


def _pack_and_answer(
    order: dict[str, Any], files: list[int], threads: PackingThreads, server: SealerConnection
) -> None:
    found: dict[str, object]
    body = b""
    try:
        number, name = order["segment"]
        disk = HandedDisk(dict(zip(order["files"], files, strict=True)))
        before = [Segment(one, of, Form(form)) for one, of, form in order["before"]]
        segment = Segment(number, name, Form.PLAIN)
        made = threads.pack(packing_steps(segment, disk, order["words"], lambda: before), server)
        found, body = {"not kept": disk.removed}, encode_index(made)
    except OSError as error:
        found = {"errno": error.errno or errno.EIO}
    except MemoryError:
        found = {"errno": errno.ENOMEM}
    finally:
        for fd in files:
            os.close(fd)
    server.send_answer(found, body)


if __name__ == "__main__":
    sys.exit(main())
