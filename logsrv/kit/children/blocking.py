"""A child process for a thread, which waits for the answers itself and needs no reactor. It can be sent
open files.
"""

from __future__ import annotations

import errno
import json
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from select import POLLIN, poll

from logsrv.kit.children.child_process import child_environment
from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.kit.children.starting import popen

LOOK_EVERY = 0.1
"""The most seconds that `receive` waits for an answer; then it returns None."""


class BlockingChild:
    """A process that runs `module`, with a socket as its standard input. It answers each order once."""

    def __init__(self, module: str) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                self.process = popen(
                    ["-P", "-m", module],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env=child_environment(),
                )
            except OSError:
                ours.close()
                raise
        self._connection = ours
        # Unlike select, poll takes descriptors above 1023: a server may have a thousand connections.
        self._poll = poll()
        self._poll.register(ours, POLLIN)
        self._messages = MessageReader()

    @property
    def is_running(self) -> bool:
        """Return true while the process runs."""
        return self.process.poll() is None

    def send(self, order: Mapping[str, object], files: Sequence[int] = ()) -> None:
        """Send an order as JSON, together with open files, which are given by their descriptors. Raises
        OSError if the process has ended.
        """
        data = b"".join(frame_parts(json.dumps(order).encode()))
        try:
            sent = socket.send_fds(self._connection, [data], files)
            self._connection.sendall(data[sent:])
        except ConnectionError:
            raise self._end_error() from None

    def receive(self) -> bytes | None:
        """Return the answer to an order; None if the answer is not complete yet. Waits LOOK_EVERY seconds
        at most.

        Raises OSError if the process has ended.
        """
        if not self._poll.poll(LOOK_EVERY * 1000):
            return None
        with suppress(ConnectionError):
            if data := self._connection.recv(1 << 20):
                return next(map(b"".join, self._messages.receive(data)), None)
        raise self._end_error()

    def kill(self) -> None:
        """Kill the process."""
        self._connection.close()
        self.process.kill()
        with self.process:
            pass

    def _end_error(self) -> OSError:
        """Return the error to raise: the process's last line of standard error, else its exit status."""
        assert self.process.stderr is not None
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(1)
        self.process.kill()
        words = self.process.stderr.read().decode(errors="replace").strip()
        why = words.rpartition("\n")[2] or self.process.wait()
        return OSError(errno.EIO, f"its process has ended: {why}")
