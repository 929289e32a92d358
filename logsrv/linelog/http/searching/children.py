"""Searches in processes of their own (see `searching`): so many at a time, killed when nobody waits.

One more process stands ready, everything imported: it takes the next request at once, which is a tenth
of a second saved, and goes when nothing was asked for some minutes.
"""

from __future__ import annotations

import json
import os
import signal
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import ceil
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.protocol import ProcessProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.observe.seldom import Seldom
from logsrv.kit.text.escape import one_line
from logsrv.linelog.http.problems import STOPPING, Problem, too_many
from logsrv.linelog.http.spawn import spawn

log = Logger()

MODULE = "logsrv.linelog.http.searching.searching"
SPARE_SECONDS = 300.0
LONGEST_COMPLAINT = 4096


class Taker(Protocol):
    """The one who gets an answer: `begin`, any number of `data`, `end` once."""

    def begin(self, status: int) -> None:
        """Hear the status; `data` is then the body."""

    def data(self, data: bytes) -> None: ...

    def end(self, problem: Problem | None) -> None:
        """Hear that this was all; of a problem, that it was not."""


class Process(ProcessProtocol):
    """A process that waits for its request, or answers it."""

    transport: Any

    def __init__(self, ended: Callable[[Process], object]) -> None:
        self._ended = ended
        self._search: SearchProcess | None = None
        self._head: bytearray | None = bytearray()
        self.over = False
        self.complaints = b""
        self.signal: int | None = None
        self.fine = False

    def ask(self, search: SearchProcess) -> None:
        """Give it its request."""
        self._search = search
        self.transport.write(json.dumps(search.request).encode() + b"\n")

    def pause(self) -> None:
        """Read no more of its answer: it waits when the pipe is full."""
        if not self.over:
            self.transport.pauseProducing()

    def resume(self) -> None:
        """Read its answer again."""
        if not self.over:
            self.transport.resumeProducing()

    def kill(self) -> None:
        """End it and all that it has forked; what it still says is thrown away."""
        self._search = None
        if self.over or self.transport.pid is None:
            return
        try:
            os.killpg(self.transport.pid, signal.SIGKILL)
        except ProcessLookupError:
            # It is too young to have a group of its own.
            with suppress(ProcessExitedAlready):
                self.transport.signalProcess("KILL")
        # Its end is heard by reading to the end only.
        self.resume()

    def outReceived(self, data: bytes) -> None:
        if self._search is None:
            return
        if self._head is not None:
            self._head += data
            head, newline, rest = self._head.partition(b"\n")
            if not newline:
                return
            self._head = None
            self._search.taker.begin(int(json.loads(head)["status"]))
            data = bytes(rest)
        # Whoever takes it may have had enough.
        if data and self._search is not None:
            self._search.taker.data(data)

    def errReceived(self, data: bytes) -> None:
        self.complaints = (self.complaints + data)[:LONGEST_COMPLAINT]

    def processEnded(self, reason: Failure) -> None:
        self.over = True
        self.signal = getattr(reason.value, "signal", None)
        self.fine = getattr(reason.value, "exitCode", None) == 0 and self._head is None
        self._ended(self)
        search, self._search = self._search, None
        if search is not None:
            search.ended(self)


class SearchProcess:
    """A search that was asked for: it waits for its turn, is running, or is over."""

    def __init__(
        self, searches: Searches, request: dict[str, Any], taker: Taker, clock: IReactorTime
    ) -> None:
        self.request = request
        self.taker = taker
        self.over = False
        self._searches = searches
        self._clock = clock
        self._process: Process | None = None
        self._left = searches.seconds
        self._timer: IDelayedCall | None = None
        self._running_since = 0.0
        # Its taker may have had enough before it had its turn.
        self._held = False

    def run(self, process: Process) -> None:
        """Have its turn, in a process that waits."""
        self._process = process
        process.ask(self)
        if self._held:
            process.pause()
        else:
            self._start_timer()

    def pause(self) -> None:
        """Let it wait, its taker has enough: that is not its own time."""
        self._held = True
        if self._process is not None and self._timer is not None:
            self._left -= self._clock.seconds() - self._running_since
            self._stop_timer()
            self._process.pause()

    def resume(self) -> None:
        """Let it go on."""
        self._held = False
        if self._process is not None and self._timer is None and not self.over:
            self._start_timer()
            self._process.resume()

    def kill(self, why: Problem | None = None) -> None:
        """End it. `why`: what its taker hears as its end; None: nobody wants it any more."""
        if self.over:
            return
        self.over = True
        self._stop_timer()
        self._searches.forget(self)
        if self._process is not None:
            self._process.kill()
        if why is not None:
            self.taker.end(why)

    def ended(self, process: Process) -> None:
        """Hear that the process has ended by itself, or by its limits."""
        self.over = True
        self._stop_timer()
        self._searches.forget(self)
        if process.fine:
            self.taker.end(None)
        elif process.signal == signal.SIGXCPU:
            self.taker.end(self._too_long())
        else:
            self.taker.end(Problem(503, "the search broke off; the server's log says more"))

    def _start_timer(self) -> None:
        self._running_since = self._clock.seconds()
        self._timer = self._clock.callLater(
            max(0.0, self._left), lambda: self.kill(self._too_long())
        )

    def _stop_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _too_long(self) -> Problem:
        return Problem(
            503,
            f"the search has taken {self._searches.seconds:g} s and was ended; narrow it down, by time "
            "for instance",
        )


class Searches:
    """The searches of a store, each in its process.

    place: its directory, where it is now. at_once, seconds: their limits, from the next on.
    """

    def __init__(
        self, place: Callable[[], str], reactor: Any, *, at_once: int, seconds: float
    ) -> None:
        self.at_once = at_once
        self.seconds = seconds
        self._place = place
        self._reactor = reactor
        self._running: set[SearchProcess] = set()
        self._waiting: deque[SearchProcess] = deque()
        self._processes: set[Process] = set()
        self._spare: Process | None = None
        self._idle: IDelayedCall | None = None
        self._turn: IDelayedCall | None = None
        self._stopped: Deferred[None] | None = None
        self._complaints = Seldom(reactor.seconds)

    @property
    def open(self) -> int:
        """The number of those that are running."""
        return len(self._running)

    def start(self, request: dict[str, Any], taker: Taker) -> SearchProcess:
        """Begin a search for somebody who waits. Raises Problem (429, 503)."""
        if self._stopped is not None:
            raise STOPPING
        if len(self._running) >= self.at_once:
            raise too_many(f"{self.at_once} searches are under way; try again in a moment")
        return self._begin(self._made(request, taker))

    def wait(self, request: dict[str, Any], taker: Taker) -> SearchProcess:
        """Begin a search as soon as half of the places are free. Raises Problem (503)."""
        if self._stopped is not None:
            raise STOPPING
        search = self._made(request, taker)
        self._waiting.append(search)
        self._serve_soon()
        return search

    def _made(self, request: dict[str, Any], taker: Taker) -> SearchProcess:
        request = {**request, "directory": self._place()}
        return SearchProcess(self, request, taker, self._reactor)

    def _serve_soon(self) -> None:
        """Start a process in another turn of the reactor, one at most.

        Of a thousand clients that go at once each would else have one started, only to be killed.
        """
        if self._stopped is None and self._turn is None:
            self._turn = self._reactor.callLater(0, self._serve)

    def _serve(self) -> None:
        self._turn = None
        if self._waiting and len(self._running) < max(1, self.at_once // 2):
            search = self._waiting.popleft()
            try:
                self._begin(search)
            except Problem as problem:
                search.kill(problem)
            self._serve_soon()
        elif self._idle is not None and self._spare is None:
            # Only now: beside a search its start would cost what it is to save.
            with suppress(Problem):
                self._spare = self._spawned()

    def _begin(self, search: SearchProcess) -> SearchProcess:
        process, self._spare = self._spare or self._spawned(), None
        self._running.add(search)
        search.run(process)
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self._reactor.callLater(SPARE_SECONDS, self._rest)
        return search

    def _spawned(self) -> Process:
        """Start a process that waits. Raises Problem (503) if the system has no room for it."""
        process = Process(self._ended)
        # Wall-clock time ends a search; this one ends a process whose server is no more.
        seconds = str(ceil(self.seconds) + 10)
        spawn(self._reactor, process, MODULE, seconds)
        self._processes.add(process)
        return process

    def _rest(self) -> None:
        self._idle = None
        if self._spare is not None:
            self._spare.kill()
            self._spare = None

    def forget(self, search: SearchProcess) -> None:
        """Give the place of a search that is over to the next."""
        self._running.discard(search)
        with suppress(ValueError):
            self._waiting.remove(search)
        self._serve_soon()

    def _ended(self, process: Process) -> None:
        self._processes.discard(process)
        if process is self._spare:
            self._spare = None
        if process.complaints:
            said = one_line(
                process.complaints.decode("utf-8", "replace").strip(), LONGEST_COMPLAINT
            )
            if self._complaints.note(said) is not None:
                log.warn("a search says: {said}", said=said)
        if self._stopped is not None and not self._processes and not self._stopped.called:
            self._stopped.callback(None)

    def stop(self) -> Deferred[None]:
        """End all; fires when no process is left."""
        self._stopped = Deferred()
        for search in [*self._waiting, *self._running]:
            search.kill(STOPPING)
        if self._idle is not None:
            self._idle.cancel()
            self._rest()
        if self._turn is not None:
            self._turn.cancel()
        for process in list(self._processes):
            process.kill()
        if not self._processes:
            self._stopped.callback(None)
        return self._stopped
