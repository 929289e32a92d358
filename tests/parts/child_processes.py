"""Processes that nobody starts: a test reads what was written to them, and speaks for them."""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar

from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from logsrv.kit.children.frames import SIZE, MessageReader, frame_parts
from logsrv.kit.testing.patience import PATIENCE

T = TypeVar("T")


class Spawned:
    """A process that does nothing; `said` are the messages that were sent to it."""

    def __init__(self, protocol: Any, command: list[str], env: dict[str, str]) -> None:
        # Its kill finds no such process, and goes to `signalProcess`.
        self.pid = 1 << 30
        self.protocol = protocol
        self.command = command
        self.env = env
        self.said: list[bytes] = []
        self._messages = MessageReader()
        self.killed = self.paused = self.closed = False
        # Its end is told later than its kill: there is something in its pipes.
        self.dies_late = False
        protocol.makeConnection(self)

    def writeSequence(self, parts: list[bytes]) -> None:
        assert all(type(part) is bytes for part in parts), "Twisted takes nothing else"
        self.said += map(b"".join, self._messages.receive(b"".join(parts)))

    def say(self, *parts: bytes) -> None:
        """Let it send a message."""
        self.protocol.outReceived(b"".join(frame_parts(*parts)))

    def closeStdin(self) -> None:
        self.closed = True

    def pauseProducing(self) -> None:
        self.paused = True

    def resumeProducing(self) -> None:
        self.paused = False

    def signalProcess(self, name: str) -> None:
        self.killed = True
        if not self.dies_late:
            self.end(signal=9)

    def end(self, words: bytes = b"", status: int = 0, signal: int | None = None) -> None:
        """Let it end, with these words on its standard error."""
        self.protocol.errReceived(words)
        good = not status and signal is None
        error = ProcessDone(0) if good else ProcessTerminated(status or None, signal)
        self.protocol.processEnded(Failure(error))


class Spawner(Clock):
    """A reactor that starts processes of that kind; `full`: it has no room for one."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Spawned] = []
        self.full = False
        self.waiting: list[Callable[[], object]] | None = None

    def callWhenRunning(self, function: Callable[..., object], *args: object) -> None:
        if self.waiting is None:
            function(*args)
        else:
            self.waiting.append(lambda: function(*args))

    def spawnProcess(
        self, protocol: Any, _: str, command: list[str], env: dict[str, str], **_more: Any
    ) -> Spawned:
        if self.full:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self.processes.append(Spawned(protocol, command, env))
        return self.processes[-1]

    @property
    def last(self) -> Spawned:
        return self.processes[-1]


def read_message(pipe: IO[bytes]) -> bytes:
    """Return the next message of a real process; empty at its end."""
    return pipe.read(int.from_bytes(pipe.read(SIZE), "big"))


def send(process: subprocess.Popen[bytes], *parts: bytes | bytearray) -> None:
    """Send a message to a real process."""
    assert process.stdin is not None
    process.stdin.write(b"".join(frame_parts(*parts)))
    process.stdin.flush()


class RealChild:
    """A real process that gets orders as from the daemon. decode: returns the report in a message."""

    def __init__(self, process: subprocess.Popen[bytes], decode: Callable[[bytes], Any]) -> None:
        self.process = process
        self._decode = decode

    def report(self, wanted: Callable[[Any], object]) -> Any:
        """Return its next report that is wanted."""
        assert self.process.stdout is not None
        while found := read_message(self.process.stdout):
            if wanted(report := self._decode(found)):
                return report
        raise AssertionError("the process has ended")

    def of(self, kind: type[T]) -> T:
        """Return its next report of a class."""
        found: T = self.report(lambda report: isinstance(report, kind))
        return found

    def kind(self, kind: str) -> Any:
        return self.report(lambda report: report.kind == kind)

    def end(self) -> None:
        """Close its input, as the daemon does."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None


@contextmanager
def real_child(module: str, orders: bytes, decode: Callable[[bytes], Any]) -> Iterator[RealChild]:
    """Start a module with these orders; it is killed at the end, and after a minute without the test."""
    process = subprocess.Popen(
        (sys.executable, "-P", "-m", module),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    # Of a report that never comes nobody would hear.
    patience = threading.Timer(PATIENCE, process.kill)
    patience.start()
    try:
        send(process, orders)
        yield RealChild(process, decode)
    finally:
        patience.cancel()
        process.kill()
        process.communicate(timeout=PATIENCE)


def children(module: str) -> list[int]:
    """Return the process ids of this process's children that run a module."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        try:
            pids = (task / "children").read_text().split()
        except OSError:
            # A thread that has ended meanwhile.
            continue
        for pid in pids:
            with suppress(OSError):
                if module.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    found.append(int(pid))
    return found


def is_there(pid: int) -> bool:
    """Return whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
