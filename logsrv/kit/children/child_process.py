"""A process that works for a service, as the service sees it: this Python, running a module of ours."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeAlias

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IPullProducer
from twisted.internet.protocol import ProcessProtocol, connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from logsrv.kit.children.frames import MessageReader, frame
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.text.escape import one_line
from logsrv.timer import Timer

log = Logger()

SHARED = ("TZ", "LANG", "LC_", "PYTHON", "PATH", "VIRTUAL_ENV", "LD_", "SSL_CERT_", "COVERAGE")
"""Beginnings of the variables that a process gets: the zone, the locale, where Python, libraries and the
authorities that the system trusts are."""
LONGEST_LINE, LONGEST_WORDS = 4096, 300
"""Bytes of a line of its standard error that are kept, and of the last one for a sentence."""
LARGE, PIECE = 1 << 20, 256 << 10
"""Bytes from which on a message is written in pieces, and of such a piece."""
BUFFERED = {"PYTHONUNBUFFERED": ""}
Received: TypeAlias = Callable[[list[bytes]], object]
_SIGNALS = {int(one): one.name for one in signal.Signals}


@attrs.frozen
class ProcessEnd:
    """The way in which a process ended: by a signal, or with a status; `words` were its last line."""

    status: int | None
    signal: int | None = None
    words: str = ""

    @classmethod
    def of(cls, reason: Failure, words: str = "") -> ProcessEnd:
        """Return what Twisted says of an end, a ProcessDone or a ProcessTerminated."""
        error: Any = reason.value
        return cls(error.exitCode, error.signal, words)

    def __str__(self) -> str:
        if self.signal is not None:
            return f"was ended by {_SIGNALS.get(self.signal, f'signal {self.signal}')}"
        return f"ended with status {self.status}"


def shared_environment(named: Collection[str] = ()) -> dict[str, str]:
    """Return what a process gets of the environment: nothing secret, and buffers, or a stop cuts writes.

    named: variables that its work needs beside those, which may be secret.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(SHARED) or name in named
    } | BUFFERED


def why_not(error: OSError) -> str:
    """Return why the system starts no process, and what to do where that is not plain."""
    if error.errno == errno.EBADF:
        # posix_spawn closes files by number, and takes none from the limit on.
        return (
            "this server has inherited an open file whose number is beyond its limit of open files; "
            "raise that by LimitNOFILE= in its unit or ulimit -n, or close the file before its start"
        )
    return str(error.strerror)


@implementer(IPullProducer)
class _Feed:
    """Large messages to a process, written as it reads them: Twisted copies all that is written at once."""

    def __init__(self) -> None:
        self._left: deque[bytes | memoryview] = deque()
        self._transport: Any = None

    def is_wanted(self, parts: Sequence[bytes]) -> bool:
        """Return whether a message is large, or has to wait behind one that is."""
        return self._transport is not None or sum(map(len, parts)) > LARGE

    def add(self, transport: Any, parts: Iterable[bytes]) -> None:
        """Write these behind those that are not written yet."""
        self._left += parts
        if self._transport is None:
            self._transport = transport
            transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        if not self._left:
            self._transport.unregisterProducer()
            self._transport = None
            return
        part = memoryview(self._left.popleft())
        self._transport.write(bytes(part[:PIECE]))
        if len(part) > PIECE:
            self._left.appendleft(part[PIECE:])

    def stopProducing(self) -> None:
        """Drop the rest: the process has closed its input."""
        self._left.clear()


class ChildProcess(ProcessProtocol):
    """A process of ours; `start` starts it.

    received: gets the pieces of each message that it writes to its standard output; may be replaced at any
    time. said: gets each line of its standard error. ended: gets this object and how the process ended,
    once.
    """

    transport: Any

    def __init__(
        self,
        reactor: Any,
        *,
        received: Received,
        ended: Callable[[ChildProcess, ProcessEnd], object],
        said: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.received = received
        self.over = False
        self._reactor = reactor
        self._ended = ended
        self._said = said
        self._feed = _Feed()
        self._messages = MessageReader()
        self._complaints = b""
        self._words = ""
        self._kill = Timer(reactor)

    def start(
        self, module: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start it with these arguments; `environment`: else what all get. Raises OSError."""
        self._reactor.spawnProcess(
            self,
            sys.executable,
            [sys.executable, "-P", "-m", module, *arguments],
            env=shared_environment() if environment is None else environment,
        )

    @property
    def pid(self) -> int | None:
        """Its process id; None when it has exited."""
        return None if self.over else self.transport.pid

    def send(self, *parts: bytes) -> None:
        """Send a message to its standard input; what it does not read waits in memory."""
        if self._feed.is_wanted(parts):
            self._feed.add(self.transport, frame(*parts))
        else:
            self.transport.writeSequence(list(frame(*parts)))

    def pause(self) -> None:
        """Read no more of what it writes: it waits when the pipe is full."""
        if not self.over:
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read again what it writes."""
        if not self.over:
            self.transport.resumeProducing()

    def end(self, *, within: float) -> None:
        """Ask it to end, by the end of its input; kill it after so many seconds."""
        self.transport.closeStdin()
        self._kill.start(within, self.kill)

    def kill(self) -> None:
        """End it and all that it has forked, at once."""
        if self.over:
            return
        # One that is not read may have exited, with words of it still in its pipes.
        if self.pid is not None:
            self._signal(self.pid)
        # Twisted tells of its end when all pipes are read to the end.
        self.resume()

    def _signal(self, pid: int) -> None:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            # It was started just now and has no group of its own yet.
            with suppress(ProcessExitedAlready):
                self.transport.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        for message in self._messages.receive(data):
            self.received(message)

    def errReceived(self, data: bytes) -> None:
        *lines, rest = (self._complaints + data).split(b"\n")
        self._complaints = rest[-LONGEST_LINE:]
        for line in lines:
            self._complain(line)

    def processEnded(self, reason: Failure = connectionDone) -> None:
        self._complain(self._complaints)
        self.over = True
        self._kill.stop()
        self._ended(self, ProcessEnd.of(reason, self._words))

    def _complain(self, line: bytes) -> None:
        # Rust has such a line behind its error.
        if line.strip() and not line.startswith(b"note: "):
            said = line.decode("utf-8", "backslashreplace").rstrip()
            self._words = one_line(said, LONGEST_WORDS)
            self._said(one_line(said, LONGEST_LINE))


@attrs.define(eq=False)
class ChildProcesses:
    """All processes of an owner, and the end of all of them.

    name: begins the sentences in which the log has their complaints, such as "a search says". refused:
    makes an exception of the sentence that says why a process cannot be started.
    """

    _reactor: Any
    _name: str
    _refused: Callable[[str], Exception]
    _all: set[ChildProcess] = attrs.field(factory=set)
    _limited_log: RateLimitedLog = attrs.Factory(
        lambda self: RateLimitedLog(self._reactor.seconds), takes_self=True
    )
    _stopped: Deferred[None] | None = None

    @property
    def stopping(self) -> bool:
        """Return whether all were told to end."""
        return self._stopped is not None

    def __len__(self) -> int:
        return len(self._all)

    def start(
        self,
        module: str,
        *arguments: str,
        received: Received,
        ended: Callable[[ChildProcess, ProcessEnd], object],
    ) -> ChildProcess:
        """Start one. Raises what `refused` makes, if the system has no room for it."""

        def over(child: ChildProcess, end: ProcessEnd) -> None:
            self._all.discard(child)
            ended(child, end)
            self._look_whether_stopped()

        child = ChildProcess(self._reactor, received=received, ended=over, said=self._log)
        try:
            child.start(module, *arguments)
        except OSError as error:
            raise self._refused(f"a process cannot be started: {why_not(error)}") from error
        self._all.add(child)
        return child

    def stop(self) -> Deferred[None]:
        """Kill all; fires when none is left."""
        self._stopped = stopped = Deferred[None]()
        for child in list(self._all):
            child.kill()
        self._look_whether_stopped()
        return stopped

    def _look_whether_stopped(self) -> None:
        if self._stopped is not None and not self._all and not self._stopped.called:
            self._stopped.callback(None)

    def _log(self, said: str) -> None:
        if self._limited_log.note(said) is not None:
            log.warn("{name}: {said}", name=self._name, said=said)
