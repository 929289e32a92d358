"""A search in a process: its time, its pauses and its end. Its user, `searches.py`, starts the process."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Protocol

import attrs
from twisted.internet.interfaces import IReactorTime

from logsrv.kit.children.child_process import ChildProcess, ProcessEnd
from logsrv.kit.children.forking import ForkedProcess
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searching.search_order import SearchOrder
from logsrv.reactor import Timer


class SearchSink(Protocol):
    """The receiver of an answer: `receive_missing` is called at most once, first; `receive_end` once.

    `receive_end` is not called if the receiver itself has killed the search.
    """

    def receive_missing(self, missing: str) -> None:
        """Receive a sentence about what the answer lacks."""

    def receive_data(self, data: bytes) -> None:
        """Receive a part of the body."""

    def receive_end(self, problem: Problem | None) -> None:
        """Receive the end of the answer. problem: why it is not complete, or there is none; else None."""


@attrs.define(eq=False)
class AskedSearch:
    """A requested search, which waits for its turn, is running, or is over.

    seconds: those that it may take; its pauses, and the wait for its turn, do not count. ended: called once
    it is over. child: its process; None before it runs. client: whose turn it runs in. running_since: when
    it began, or went on after a pause.
    """

    order: SearchOrder
    sink: SearchSink
    _clock: IReactorTime
    _seconds: float
    _ended: Callable[[AskedSearch], object]
    over: bool = False
    child: ChildProcess | ForkedProcess | None = None
    client: str = ""
    # The status of the answer; 0 until it has arrived. The answer of a search that has failed is a problem.
    _status: int = 0
    _failure: bytes = b""
    _left: float = attrs.Factory(lambda self: self._seconds, takes_self=True)
    _timer: Timer = attrs.Factory(lambda self: Timer(self._clock), takes_self=True)
    running_since: float = 0.0
    # True while the search is paused by its sink, perhaps before it runs.
    _paused: bool = False

    def run_in(self, child: ChildProcess | ForkedProcess) -> None:
        """Run in a process that gets its request now."""
        self.child = child
        child.received = self._pass_to_sink
        if self._paused:
            child.pause()
        else:
            self._start_timer()

    def pause(self) -> None:
        """Pause, because the sink accepts no more now. The pause does not count for the search's time."""
        self._paused = True
        if self.child is not None and self._timer.running:
            self._left -= self._clock.seconds() - self.running_since
            self._timer.stop()
            self.child.pause()

    def resume(self) -> None:
        """Go on after a pause."""
        self._paused = False
        if self.child is not None and not self._timer.running and not self.over:
            self._start_timer()
            self.child.resume()

    def kill(self, why: Problem | None = None) -> None:
        """End the search. why: the problem that `sink` gets; None if the receiver itself ends it."""
        if self.over:
            return
        self._mark_over()
        if self.child is not None:
            self.child.kill()
        if why is not None:
            self.sink.receive_end(why)

    def handle_process_end(self, end: ProcessEnd) -> None:
        """End the answer, after its process has ended by itself or by its limits."""
        if self.over:
            return
        self._mark_over()
        if end.status == 0 and self._status == 200:
            self.sink.receive_end(None)
        elif end.status == 0 and self._status:
            self.sink.receive_end(Problem.of_body(self._status, self._failure))
        elif end.signal == signal.SIGXCPU:
            self.sink.receive_end(self._timeout_problem())
        else:
            self.sink.receive_end(Problem(503, "the search broke off; the server's log says more"))

    def _pass_to_sink(self, message: list[bytes]) -> None:
        if self.over:
            return
        data = b"".join(message)
        if not self._status:
            status, _, missing = data.partition(b" ")
            self._status = int(status)
            if missing:
                self.sink.receive_missing(missing.decode())
        elif self._status == 200:
            self.sink.receive_data(data)
        else:
            self._failure += data

    def _mark_over(self) -> None:
        self.over = True
        self._timer.stop()
        self._ended(self)

    def _start_timer(self) -> None:
        self.running_since = self._clock.seconds()
        self._timer.start(max(0.0, self._left), lambda: self.kill(self._timeout_problem()))

    def _timeout_problem(self) -> Problem:
        return Problem(
            503,
            f"the search has taken {self._seconds:g} s and was ended; narrow it down, by time for instance",
        )
