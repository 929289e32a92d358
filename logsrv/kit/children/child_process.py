"""The service's side of a child process: the child runs a module with the same Python as the service."""

from __future__ import annotations

import errno
import os
import signal
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

from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.kit.children.starting import spawn
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.kit.text.escape import one_line
from logsrv.reactor import Timer

log = Logger()

SHARED = ("TZ", "LANG", "LC_", "PYTHON", "PATH", "VIRTUAL_ENV", "LD_", "SSL_CERT_", "COVERAGE")
"""Prefixes of the environment variables that a child process gets; they are for the time zone, the locale,
and the directories of Python, of libraries and of trusted certificates.
"""
LONGEST_LINE, LONGEST_WORDS = 4096, 300
"""The most that is kept of a line of standard error for the log, and of the last line for `ProcessEnd`."""
LARGE, PIECE = 1 << 20, 256 << 10
"""Bytes: a message of more than LARGE is written in pieces of PIECE."""
BUFFERED = {"PYTHONUNBUFFERED": ""}
Received: TypeAlias = Callable[[list[bytes]], object]
_SIGNALS = {int(one): one.name for one in signal.Signals}


@attrs.frozen
class ProcessEnd:
    """The way in which a process ended: its exit status, or the signal that ended it.

    words: its last line of standard error since it got a message.
    """

    status: int | None
    signal: int | None = None
    words: str = ""

    @classmethod
    def of(cls, reason: Failure, words: str = "") -> ProcessEnd:
        """Return the `ProcessEnd` for a Failure of Twisted that contains ProcessDone or
        ProcessTerminated.
        """
        error: Any = reason.value
        return cls(error.exitCode, error.signal, words)

    def __str__(self) -> str:
        if self.signal is not None:
            return f"was ended by {_SIGNALS.get(self.signal, f'signal {self.signal}')}"
        return f"ended with status {self.status}"


def child_environment(named: Collection[str] = ()) -> dict[str, str]:
    """Return the environment of a child process: the variables with a prefix in SHARED, which hold no
    secrets, and the variables in `named`.

    named: further variables that its work needs; they may be secret. Its output is always buffered: a
    process that is stopped (SIGSTOP) during an unbuffered write loses the rest of it.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name.startswith(SHARED) or name in named
    } | BUFFERED


def start_error_text(error: OSError) -> str:
    """Return why the system could not start a process; if an open file prevents the start, also the
    remedy.
    """
    if error.errno == errno.EBADF:
        # posix_spawn closes files by number, and refuses numbers at the limit or above.
        return (
            "this server has inherited an open file whose number is beyond its limit of open files; "
            "raise that by LimitNOFILE= in its unit or ulimit -n, or close the file before its start"
        )
    return str(error.strerror)


@implementer(IPullProducer)
class _LargeMessageWriter:
    """Writes large messages to a child process in pieces, as it reads them; Twisted would copy them."""

    def __init__(self) -> None:
        self._unwritten: deque[bytes | bytearray | memoryview] = deque()
        self._transport: Any = None

    def must_queue(self, parts: Sequence[bytes | bytearray]) -> bool:
        """Return whether a message is large, or has to wait for a large one before it."""
        return self._transport is not None or sum(map(len, parts)) > LARGE

    def queue_parts(self, transport: Any, parts: Iterable[bytes | bytearray]) -> None:
        """Write these parts after those that still wait."""
        self._unwritten += parts
        if self._transport is None:
            self._transport = transport
            transport.registerProducer(self, False)

    def resumeProducing(self) -> None:
        if not self._unwritten:
            self._transport.unregisterProducer()
            self._transport = None
            return
        part = memoryview(self._unwritten.popleft())
        self._transport.write(bytes(part[:PIECE]))
        if len(part) > PIECE:
            self._unwritten.appendleft(part[PIECE:])

    def stopProducing(self) -> None:
        """Drop the rest: the process has closed its input."""
        self._unwritten.clear()


class ChildProcess(ProcessProtocol):
    """A process that runs a module; `start` starts it.

    received: gets the pieces of each message that it writes to its standard output; may be replaced at any
    time. began: gets the size of a message whose rest is still to come. closed: called at the end of its
    standard output, which may come long before `ended`: processes that it forked may have its standard
    error. said: gets each line of its standard error. ended: gets this object and how the process ended,
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
        self.began: Callable[[int], object] = lambda _: None
        self.closed: Callable[[], object] = lambda: None
        self._told = False
        self.over = False
        self._reactor = reactor
        self._ended = ended
        self._said = said
        self._feed = _LargeMessageWriter()
        self._messages = MessageReader()
        self._complaints = b""
        self._words = ""
        self._kill = Timer(reactor)

    def start(
        self,
        module: str,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """Start the process. environment: all its variables; by default the result of `child_environment`.
        Raises OSError.

        Its SIGINT is blocked until it calls `limit_process`.
        """
        variables = child_environment() if environment is None else environment
        # Ctrl-C reaches all processes of a terminal, and one that still imports would print a traceback.
        # It cannot be told to ignore the signal: Twisted resets what is ignored, but not what is blocked.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
        try:
            spawn(self._reactor, self, ["-P", "-m", module, *arguments], variables, **more)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)

    @property
    def pid(self) -> int | None:
        """Return the process id; None when the process has exited."""
        return None if self.over else self.transport.pid

    def send(self, *parts: bytes | bytearray) -> None:
        """Send a message to the standard input of the process. Bytes that it does not read wait in our
        memory.
        """
        # Its words about earlier messages do not explain how it ends with this one.
        self._words = ""
        if self._feed.must_queue(parts):
            self._feed.queue_parts(self.transport, frame_parts(*parts))
        else:
            self.transport.writeSequence([bytes(part) for part in frame_parts(*parts)])

    def pause(self) -> None:
        """Stop reading the output of the process; when the pipe is full, the process has to wait."""
        if not self.over:
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read the output of the process again."""
        if not self.over:
            self.transport.resumeProducing()

    def end(self, *, within: float) -> None:
        """Ask the process to end, by closing its standard input; kill it if it still runs after `within`
        seconds.
        """
        self.transport.closeStdin()
        self._kill.start(within, self.kill)

    def kill(self) -> None:
        """Kill the process, and all processes that it forked."""
        if self.over:
            return
        # A paused process may have exited already, with output still in its pipes.
        if self.pid is not None:
            self._kill_group(self.pid)
        # Twisted reports the end of a process when all pipes are read to their end.
        self.resume()

    def _kill_group(self, pid: int) -> None:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            # The process was started just now, and has no group of its own yet.
            with suppress(ProcessExitedAlready):
                self.transport.signalProcess("KILL")

    def outReceived(self, data: bytes) -> None:
        for message in self._messages.receive(data):
            self._told = False
            self.received(message)
        if self._messages.size and not self._told:
            self._told = True
            self.began(self._messages.size)

    def outConnectionLost(self) -> None:
        self.closed()

    def errReceived(self, data: bytes) -> None:
        *lines, rest = (self._complaints + data).split(b"\n")
        self._complaints = rest[-LONGEST_LINE:]
        for line in lines:
            self._report_line(line)

    def processEnded(self, reason: Failure = connectionDone) -> None:
        self._report_line(self._complaints)
        self.over = True
        self._kill.stop()
        self._ended(self, ProcessEnd.of(reason, self._words))

    def _report_line(self, line: bytes) -> None:
        # Rust prints a line `note: …` after its error.
        if line.strip() and not line.startswith(b"note: "):
            said = line.decode("utf-8", "backslashreplace").rstrip()
            self._words = one_line(said, LONGEST_WORDS)
            self._said(one_line(said, LONGEST_LINE))


@attrs.define(eq=False)
class ChildProcesses:
    """The child processes of one owner; `stop` ends all of them.

    name: begins the log line for each line of their standard error, such as "a search says". refused:
    returns the exception for a sentence that says why a process cannot be started.
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
        """Return whether `stop` was called."""
        return self._stopped is not None

    def __len__(self) -> int:
        return len(self._all)

    def start(
        self,
        module: str,
        *arguments: str,
        received: Received,
        ended: Callable[[ChildProcess, ProcessEnd], object],
        **more: Any,
    ) -> ChildProcess:
        """Start a process. Raises the exception of `refused` if the system cannot start it.

        more: as for `reactor.spawnProcess`.
        """

        def over(child: ChildProcess, end: ProcessEnd) -> None:
            self._all.discard(child)
            ended(child, end)
            self._fire_if_stopped()

        child = ChildProcess(self._reactor, received=received, ended=over, said=self._log)
        try:
            child.start(module, *arguments, **more)
        except OSError as error:
            raise self._refused(
                f"a process cannot be started: {start_error_text(error)}"
            ) from error
        self._all.add(child)
        return child

    def stop(self) -> Deferred[None]:
        """Kill all processes; the Deferred fires when the last process has ended."""
        self._stopped = stopped = Deferred[None]()
        for child in list(self._all):
            child.kill()
        self._fire_if_stopped()
        return stopped

    def _fire_if_stopped(self) -> None:
        if self._stopped is not None and not self._all and not self._stopped.called:
            self._stopped.callback(None)

    def _log(self, said: str) -> None:
        if self._limited_log.count_event(said) is not None:
            log.warn("{name}: {said}", name=self._name, said=said)
