"""Processes that compute for the inputs: a message to one that is free, and its answer.

What takes a body apart takes up to 10 µs a record, and would have the reactor's one core to itself. A
process is started when a message finds none free, up to the limit; all of them end some time after the
last message. Each has one message at a time, so a fault ends one message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger

from logsrv.errors import LogsrvError
from logsrv.kit.children.child import ChildProcess, ChildProcesses, ProcessEnd
from logsrv.linelog.inputs.intake.messages import AnswerReader, sized
from logsrv.timer import Timer

log = Logger()

MODULE = "logsrv.linelog.inputs.http.worker"
IDLE_SECONDS = 60.0
# Seconds until another one is started when one could not begin; meanwhile the server does the work.
REST_SECONDS = 60.0
END_SECONDS = 6.0


_STOPS = "the service stops"


class NoWorkerError(LogsrvError):
    """There is no process and none can be started; says why."""


class WorkerEndedError(LogsrvError):
    """The process has ended before its answer was whole; says how."""


@attrs.define(eq=False)
class _Message:
    parts: Sequence[bytes]
    answered: Deferred[list[bytes]] = attrs.field(factory=Deferred)


class Workers:
    """Up to `most` processes, for all inputs together; with 0 there are none."""

    def __init__(self, reactor: Any, most: int = 0) -> None:
        self.most = most
        self._processes = ChildProcesses(reactor, "a worker says", NoWorkerError)
        self._free: list[ChildProcess] = []
        self._busy: dict[ChildProcess, _Message] = {}
        # Those that have not said yet that they have begun.
        self._new: set[ChildProcess] = set()
        self._waiting: deque[_Message] = deque()
        self._idle = Timer(reactor)
        self._reactor = reactor
        self._not_before = float("-inf")

    @property
    def waiting(self) -> int:
        """The number of messages that wait for a process."""
        return len(self._waiting)

    def answer(self, parts: Sequence[bytes]) -> Deferred[list[bytes]]:
        """Have a message answered. Fails with NoWorkerError or WorkerEndedError."""
        if self._processes.stopping:
            return fail(WorkerEndedError(_STOPS))
        message = _Message(parts)
        self._idle.stop()
        self._waiting.append(message)
        self._serve()
        return message.answered

    def stop(self) -> Deferred[None]:
        """End all; fires when no process is left. What is not answered fails."""
        self._idle.stop()
        waiting, self._waiting = self._waiting, deque()
        stopped = self._processes.stop()
        for message in waiting:
            message.answered.errback(WorkerEndedError(_STOPS))
        return stopped

    def _serve(self) -> None:
        while self._waiting:
            if self._free:
                child = self._free.pop()
            elif len(self._busy) >= max(1, self.most):
                return
            else:
                try:
                    child = self._started()
                except NoWorkerError as error:
                    if not self._busy:
                        self._waiting.popleft().answered.errback(error)
                        continue
                    return
            message = self._busy[child] = self._waiting.popleft()
            for part in sized(message.parts):
                child.write(part)

    def _started(self) -> ChildProcess:
        """Start one. Raises NoWorkerError."""
        if self._reactor.seconds() < self._not_before:
            raise NoWorkerError("one could not begin just now")
        reader = AnswerReader()
        child = self._processes.start(MODULE, received=lambda _: None, ended=self._ended)
        child.received = partial(self._received, child, reader)
        self._new.add(child)
        return child

    def _received(self, child: ChildProcess, reader: AnswerReader, data: bytes) -> None:
        for answer in reader.receive(data):
            if child in self._new:
                self._new.remove(child)
            else:
                self._answered(child, answer)

    def _answered(self, child: ChildProcess, answer: list[bytes]) -> None:
        message = self._busy.pop(child)
        if len(self._busy) + len(self._free) < max(1, self.most):
            self._free.append(child)
        else:
            child.end(within=END_SECONDS)
        self._go_on()
        message.answered.callback(answer)

    def _go_on(self) -> None:
        self._serve()
        if not self._busy:
            self._idle.start(IDLE_SECONDS, self._rest)

    def _rest(self) -> None:
        free, self._free = self._free, []
        for child in free:
            child.end(within=END_SECONDS)

    def _ended(self, child: ChildProcess, end: ProcessEnd) -> None:
        if child in self._free:
            self._free.remove(child)
        message = self._busy.pop(child, None)
        if message is None:
            return
        if self._processes.stopping:
            message.answered.errback(WorkerEndedError(_STOPS))
            return
        how = f"{end} ({end.words})" if end.words else str(end)
        if child in self._new:
            self._new.remove(child)
            self._not_before = self._reactor.seconds() + REST_SECONDS
            log.error("a worker cannot begin, the server does its work: the process {how}", how=how)
            message.answered.errback(NoWorkerError(how))
        else:
            log.error("a worker {how}; the message that it had is refused", how=how)
            message.answered.errback(WorkerEndedError(f"the process that took it apart {end}"))
        self._go_on()
