"""A process for a thread that waits for it, where there is no reactor; open files can be handed to it."""

from __future__ import annotations

import errno
import json
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from select import POLLIN, poll

from logsrv.kit.children.child_process import shared_environment
from logsrv.kit.children.frames import MessageReader, frame

LOOK_EVERY = 0.1
"""Seconds after which `receive` returns without an answer."""


class BlockingChild:
    """A process that runs `module`, with a socket as its standard input. It answers each order once."""

    def __init__(self, module: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.process = subprocess.Popen(
                    [sys.executable, "-P", "-m", module],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env=shared_environment(),
                    # Ctrl-C is for the server. A session of its own would be one to the scheduler as well,
                    # in which nobody else is for it to be nice to.
                    process_group=0,
                )
            except OSError:
                ours.close()
                raise
        self._connection = ours
        # Unlike select, it takes a socket behind a thousand connections of a server.
        self._poll = poll()
        self._poll.register(ours, POLLIN)
        self._messages = MessageReader()

    @property
    def runs(self) -> bool:
        """True unless it has ended."""
        return self.process.poll() is None

    def send(self, order: Mapping[str, object], files: Sequence[int] = ()) -> None:
        """Send an order as JSON, and files with it. Raises OSError if the process has ended."""
        data = b"".join(frame(json.dumps(order).encode()))
        try:
            sent = socket.send_fds(self._connection, [data], files)
            self._connection.sendall(data[sent:])
        except ConnectionError:
            raise self._ended() from None

    def receive(self) -> bytes | None:
        """Return the answer to an order; None if it is not there soon. Raises OSError if it has ended."""
        if not self._poll.poll(LOOK_EVERY * 1000):
            return None
        with suppress(ConnectionError):
            if data := self._connection.recv(1 << 20):
                return next(map(b"".join, self._messages.receive(data)), None)
        raise self._ended()

    def end(self) -> None:
        """End it, whatever it does."""
        self._connection.close()
        self.process.kill()
        with self.process:
            pass

    def _ended(self) -> OSError:
        """Return how it has ended, or its last words."""
        assert self.process.stderr is not None
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        self.process.kill()
        words = self.process.stderr.read().decode(errors="replace").strip()
        why = words.rpartition("\n")[2] or self.process.wait()
        return OSError(errno.EIO, f"its process has ended: {why}")
