"""Searches in processes of their own (see `search_child`): bounded in number, killed when nobody waits.

One process has everything imported, and forks those of the searches. It is started when somebody loads the
page, or after a search, and ends after some minutes without a search.
"""

from __future__ import annotations

import json
import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from math import ceil
from typing import Any, Protocol

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from logsrv.kit.children.child_process import ChildProcess, ChildProcesses, ProcessEnd
from logsrv.kit.children.forking import ForkedProcess, ForkingProcess
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.linelog.http.problems import STOPPING, Problem, too_many_problem
from logsrv.linelog.read.sources import environment_variables
from logsrv.reactor import Timer

log = Logger()

MODULE = "logsrv.linelog.http.search_child"
FORK = "--fork"
SPARE_SECONDS = 300.0


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

    left: seconds that it may still take. child: its process; None before it runs. running_since: when it
    began, or went on after a pause.
    """

    _searches: Searches
    request: dict[str, Any]
    sink: SearchSink
    _clock: IReactorTime
    _left: float
    over: bool = False
    child: ChildProcess | ForkedProcess | None = None
    # The status of the answer; 0 until it has arrived. The answer of a search that has failed is a problem.
    _status: int = 0
    _failure: bytes = b""
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
        self._searches.remove_search(self)

    def _start_timer(self) -> None:
        self.running_since = self._clock.seconds()
        self._timer.start(max(0.0, self._left), lambda: self.kill(self._timeout_problem()))

    def _timeout_problem(self) -> Problem:
        return Problem(
            503,
            f"the search has taken {self._searches.seconds:g} s and was ended; narrow it down, by time "
            "for instance",
        )


def _archive_variables(directory: str) -> dict[str, str]:
    """Return the environment variables, such as keys, that a search needs to read a store's archives."""
    names = environment_variables(directory)
    return {name: os.environ[name] for name in sorted(names) if name in os.environ}


class Searches:
    """The searches of a store, each in a process of its own.

    directory: returns the store's present directory. at_once: the most searches that run at the same time.
    seconds: the most seconds of each. A change of these applies from the next search on.
    """

    def __init__(
        self, directory: Callable[[], str], reactor: Any, *, at_once: int, seconds: float
    ) -> None:
        self.at_once = at_once
        self.seconds = seconds
        self._directory = directory
        self._reactor = reactor
        self._running: set[AskedSearch] = set()
        self._waiting: deque[AskedSearch] = deque()
        self._processes = ChildProcesses(reactor, "a search says", partial(Problem, 503))
        self._forking: ForkingProcess | None = None
        self._idle = Timer(reactor)
        self._turn = Timer(reactor)
        self._limited_log = RateLimitedLog(reactor.seconds)

    @property
    def running_count(self) -> int:
        """The number of running searches."""
        return len(self._running)

    def start_forking(self) -> None:
        """Start the process that forks: a request is likely soon."""
        self._idle.start(SPARE_SECONDS, self._end_forking)
        self._start_next_soon()

    def start_search(self, request: dict[str, Any], sink: SearchSink) -> AskedSearch:
        """Begin a search immediately. Raises Problem: 429 if too many run, 503 without a process."""
        search = self._new_search(request, sink)
        if len(self._running) >= self.at_once:
            raise too_many_problem(f"{self.at_once} searches are under way; try again in a moment")
        return self._run_search(search)

    def queue_search(self, request: dict[str, Any], sink: SearchSink) -> AskedSearch:
        """Begin a search when fewer than half of the allowed ones run. Raises Problem (503) at a stop."""
        search = self._new_search(request, sink)
        self._waiting.append(search)
        self._start_next_soon()
        return search

    def _new_search(self, request: dict[str, Any], sink: SearchSink) -> AskedSearch:
        if self._processes.stopping:
            raise STOPPING
        directory = self._directory()
        # The process limits its own CPU time, in case the server dies and cannot end it in time.
        request = {
            **request,
            "directory": directory,
            "variables": _archive_variables(directory),
            "seconds": ceil(self.seconds) + 10,
        }
        return AskedSearch(self, request, sink, self._reactor, self.seconds)

    def _start_next_soon(self) -> None:
        """Begin the next waiting search, or start the process that forks, in another turn of the reactor.

        If a thousand waiting clients disconnect together, their searches would else be started only to be
        killed.
        """
        if not self._processes.stopping and not self._turn.running:
            self._turn.start(0, self._start_next)

    def _start_next(self) -> None:
        if self._waiting and len(self._running) < max(1, self.at_once // 2):
            search = self._waiting.popleft()
            try:
                self._run_search(search)
            except Problem as problem:
                search.kill(problem)
            self._start_next_soon()
        elif self._idle.running and self._forking is None:
            # Not while a search begins: it would slow that as much as it saves later.
            with suppress(Problem, OSError):
                self._forking = ForkingProcess(
                    self._reactor, self._processes, MODULE, FORK, ended=self._handle_process_end
                )

    def _run_search(self, search: AskedSearch) -> AskedSearch:
        """Start a process for a search. Raises Problem (503) if the system cannot start one."""
        request = json.dumps(search.request).encode()
        child = self._fork(request) or self._processes.start(
            MODULE, received=lambda _: None, ended=self._handle_process_end
        )
        self._running.add(search)
        search.run_in(child)
        if isinstance(child, ChildProcess):
            child.send(request)
        self._idle.start(SPARE_SECONDS, self._end_forking)
        return search

    def _fork(self, request: bytes) -> ForkedProcess | None:
        if self._forking is not None:
            with suppress(OSError):
                return self._forking.fork(request, self._handle_process_end)
        return None

    def _end_forking(self) -> None:
        if self._forking is not None:
            self._forking.end()
            self._forking = None

    def remove_search(self, search: AskedSearch) -> None:
        """Remove a search that is over, and let the next one begin."""
        self._running.discard(search)
        with suppress(ValueError):
            self._waiting.remove(search)
        self._start_next_soon()

    def _handle_process_end(
        self, child: ChildProcess | ForkedProcess | ForkingProcess, end: ProcessEnd
    ) -> None:
        served = [one for one in self._running if one.child is child]
        for search in served:
            search.handle_process_end(end)
        wanted = served or child is self._forking
        if child is self._forking:
            self._forking = None
        by_its_limits = end.status == 0 or end.signal == signal.SIGXCPU
        if wanted and not by_its_limits and self._limited_log.count_event(str(end)) is not None:
            log.warn("the process of a search {how}", how=str(end))

    def stop(self) -> Deferred[None]:
        """End all searches. The Deferred fires when no process is left."""
        for search in [*self._waiting, *self._running]:
            search.kill(STOPPING)
        stopped = self._processes.stop()
        self._idle.stop()
        self._end_forking()
        self._turn.stop()
        return stopped
