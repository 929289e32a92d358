"""A pool of processes: each message is given to a free process, which answers it before it gets the next
message.

If no process is free, a message starts one, up to a limit. After an idle time all of them end. A process
has one message at a time, so a crash costs one message. A process sends an empty message when it has
started (`child_side.answer_messages`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from logsrv.errors import LogsrvError
from logsrv.kit.children.child_process import ChildProcess, ChildProcesses, ProcessEnd
from logsrv.reactor import Timer

log = Logger()

# Seconds after a failed start in which no process is started, and messages fail if none runs.
REST_SECONDS = 60.0
TRIES = 3
"""The number of failed starts in a row after which the pool starts no process for a while."""
ANSWER_SECONDS = 100.0
"""The seconds that a process may work on a message, and as many again to write a long answer that `admit`
has let in; then the process is killed.
"""
END_SECONDS = 6.0
_STOPS = "the service stops"


class NoWorkerError(LogsrvError):
    """No process runs, and the system cannot start one; the error text says why."""


class WorkerEndedError(LogsrvError):
    """The process ended before its answer was complete; the error text says how it ended."""


@attrs.define(eq=False)
class _Message:
    parts: Sequence[bytes | bytearray]
    admit: Callable[[int], Deferred[None]] | None
    time: Timer
    answered: Deferred[list[bytes]] = attrs.field(factory=Deferred)
    late: bool = False


class ProcessPool:
    """A pool of at most `most` processes that run `module`; `most` is 1 or more.

    name: begins each log line about a process, such as "a worker". without: for the log line about a
    process that cannot start: what happens instead. idle: seconds after the last answer until the
    processes end.
    """

    def __init__(
        self,
        module: str,
        reactor: Any,
        *,
        name: str,
        without: str,
        most: int = 1,
        idle: float = 60.0,
    ) -> None:
        self._module = module
        self._reactor = reactor
        self._name = name
        self._without = without
        self.most = most
        self.idle = idle
        self._processes = ChildProcesses(reactor, f"{name} says", NoWorkerError)
        self._free: list[ChildProcess] = []
        self._busy: dict[ChildProcess, _Message] = {}
        # Started, but the empty first message has not come.
        self._new: set[ChildProcess] = set()
        self._waiting: deque[_Message] = deque()
        self._idle = Timer(reactor)
        self._not_before = float("-inf")
        self._failed_starts = 0

    @property
    def waiting(self) -> int:
        """Return the number of messages that wait for a process."""
        return len(self._waiting)

    def answer(
        self, *parts: bytes | bytearray, admit: Callable[[int], Deferred[None]] | None = None
    ) -> Deferred[list[bytes]]:
        """Send a message to a process; the Deferred fires with the pieces of the answer.

        admit: gets the size of a long answer, of which no more is read until its Deferred fires. Fails with
        NoWorkerError or WorkerEndedError.
        """
        if self._processes.stopping:
            return fail(WorkerEndedError(_STOPS))
        message = _Message(parts, admit, Timer(self._reactor))
        self._idle.stop()
        self._waiting.append(message)
        self._send_waiting()
        return message.answered

    def stop(self) -> Deferred[None]:
        """Kill all processes; the Deferred fires when no process is left. Unanswered messages fail with
        WorkerEndedError.
        """
        self._idle.stop()
        waiting, self._waiting = self._waiting, deque()
        stopped = self._processes.stop()
        for message in waiting:
            message.answered.errback(WorkerEndedError(_STOPS))
        return stopped

    def _send_waiting(self) -> None:
        while self._waiting:
            if self._free:
                child = self._free.pop()
            elif len(self._busy) >= self.most:
                return
            else:
                try:
                    child = self._start()
                except NoWorkerError as error:
                    if not self._busy:
                        self._waiting.popleft().answered.errback(error)
                        continue
                    return
            message = self._busy[child] = self._waiting.popleft()
            child.began = partial(self._answer_begins, child)
            message.time.start(ANSWER_SECONDS, self._kill_late, child)
            child.send(*message.parts)
            if child not in self._new:
                message.parts = ()

    def _kill_late(self, child: ChildProcess) -> None:
        self._busy[child].late = True
        child.kill()

    def _answer_begins(self, child: ChildProcess, size: int) -> None:
        message = self._busy.get(child)
        if message is None:
            return
        if message.admit is not None:
            # The wait for room is not the process's.
            message.time.stop()
            child.pause()
            message.admit(size).addBoth(lambda _: self._read_answer(child, message))

    def _read_answer(self, child: ChildProcess, message: _Message) -> None:
        if self._busy.get(child) is message:
            message.time.start(ANSWER_SECONDS, self._kill_late, child)
        child.resume()

    def _start(self) -> ChildProcess:
        """Start a process. Raises NoWorkerError."""
        if self._reactor.seconds() < self._not_before:
            raise NoWorkerError(f"one failed to start in the last {REST_SECONDS:g} seconds")
        child = self._processes.start(
            self._module, received=lambda answer: self._received(child, answer), ended=self._ended
        )
        self._new.add(child)
        return child

    def _received(self, child: ChildProcess, answer: list[bytes]) -> None:
        if child in self._new:
            self._new.remove(child)
            self._failed_starts = 0
            # It has all of the message in its pipe, or will read it from there.
            self._busy[child].parts = ()
            return
        message = self._busy.pop(child)
        message.time.stop()
        if len(self._busy) + len(self._free) < self.most:
            self._free.append(child)
        else:
            child.end(within=END_SECONDS)
        self._serve_or_rest()
        message.answered.callback(answer)

    def _serve_or_rest(self) -> None:
        self._send_waiting()
        if not self._busy and not self._processes.stopping:
            self._idle.start(self.idle, self._end_free_processes)

    def _end_free_processes(self) -> None:
        free, self._free = self._free, []
        for child in free:
            child.end(within=END_SECONDS)

    def _ended(self, child: ChildProcess, end: ProcessEnd) -> None:
        if child in self._free:
            self._free.remove(child)
        message = self._busy.pop(child, None)
        if message is None:
            return
        message.time.stop()
        if self._processes.stopping:
            message.answered.errback(WorkerEndedError(_STOPS))
            return
        brief = str(end)
        if message.late:
            brief = f"was ended, as it took longer than {ANSWER_SECONDS:g} s"
        how = f"{brief} ({end.words})" if end.words else brief
        if child in self._new:
            self._new.remove(child)
            self._failed_starts += 1
            if self._failed_starts < TRIES:
                # It may have been killed for the memory of another process.
                self._waiting.appendleft(message)
                self._serve_or_rest()
                return
            self._failed_starts = 0
            self._not_before = self._reactor.seconds() + REST_SECONDS
            log.error(
                "{name} cannot begin, {without}: the process {how}",
                name=self._name,
                without=self._without,
                how=how,
            )
            message.answered.errback(NoWorkerError(how))
        else:
            log.error("{name} {how}; the message that it had is refused", name=self._name, how=how)
            message.answered.errback(WorkerEndedError(f"the process that worked on it {brief}"))
        self._serve_or_rest()
