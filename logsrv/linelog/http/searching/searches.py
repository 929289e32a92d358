"""Searches in processes of their own (see `search_child`): bounded in number, killed when nobody waits.

A search that cannot run at once waits for its turn (`search_queue`); clients that ask the same share one
(`shared_answer`). Searches in the background, such as those of a viewer that catches up, come after all
others.
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
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from logsrv.kit.children.child_process import ChildProcess, ChildProcesses, ProcessEnd
from logsrv.kit.children.forking import ForkedProcess, ForkingProcess
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.linelog.http.problems import STOPPING, Problem, too_many_problem
from logsrv.linelog.http.searching.asked_search import AskedSearch, SearchSink
from logsrv.linelog.http.searching.search_order import SearchOrder, Work
from logsrv.linelog.http.searching.search_queue import MOST_OF_CLIENT, MOST_WAITING, SearchQueue
from logsrv.linelog.http.searching.shared_answer import AnswerReader, SharedAnswer, UnreadBytes
from logsrv.linelog.read.sources import environment_variables
from logsrv.reactor import Timer

log = Logger()

MODULE = "logsrv.linelog.http.search_child"
FORK = "--fork"
SPARE_SECONDS = 300.0
LONGEST_WAIT = 30.0
"""Seconds for which a client waits for the turn of its search."""
Question: TypeAlias = tuple[str, str, str, bytes]
"""The directory of the store, the condition of the reader's lines, the path and the query string."""


def _archive_variables(directory: str) -> dict[str, str]:
    """Return the environment variables, such as keys, that a search needs to read a store's archives."""
    names = environment_variables(directory)
    return {name: os.environ[name] for name in sorted(names) if name in os.environ}


class Searches:
    """The searches of a store, each in a process of its own.

    directory: returns the store's present directory. at_once: the most searches that run at the same time.
    seconds: the most seconds of each. joined: called for each client that gets the answer of another's
    search.
    """

    def __init__(
        self,
        directory: Callable[[], str],
        reactor: Any,
        *,
        at_once: int,
        seconds: float,
        joined: Callable[[], object] = lambda: None,
    ) -> None:
        self.at_once = at_once
        self.seconds = seconds
        self._directory = directory
        self._reactor = reactor
        self._joined = joined
        self._running: set[AskedSearch] = set()
        self._queue: SearchQueue[SharedAnswer] = SearchQueue()
        # Those that nobody waits for, or only a viewer.
        self._background: deque[AskedSearch] = deque()
        # The answers that have readers, with what was asked; None if nobody may join.
        self._answers: dict[SharedAnswer, Question | None] = {}
        # The latest answer to each question.
        self._latest: dict[Question, SharedAnswer] = {}
        self._unread = UnreadBytes()
        self._processes = ChildProcesses(reactor, "a search says", partial(Problem, 503))
        self._forking: ForkingProcess | None = None
        self._idle = Timer(reactor)
        self._turn = Timer(reactor)
        self._limited_log = RateLimitedLog(reactor.seconds)

    @property
    def running_count(self) -> int:
        """The number of running searches."""
        return len(self._running)

    @property
    def waiting_count(self) -> int:
        """The number of searches that clients wait for, and that do not run yet."""
        return len(self._queue)

    def set_limits(self, *, at_once: int, seconds: float) -> None:
        """Change the limits: `at_once` now, `seconds` for the searches that are asked for from now on."""
        self.at_once = at_once
        self.seconds = seconds
        self._start_next_soon()

    def start_forking(self) -> None:
        """Start the process that forks: a request is likely soon."""
        self._idle.start(SPARE_SECONDS, self._end_forking)
        self._start_next_soon()

    def start_search(
        self,
        work: Work,
        sink: SearchSink,
        *,
        client: str = "",
        only: str = "",
        question: tuple[str, bytes] | None = None,
    ) -> AnswerReader:
        """Begin a search for a client, at once or in its turn.

        only: the condition of its reader's lines; "" for all lines. Answers are not shared across it.
        question: path and query string; if another client has asked the same, and its answer has not begun
        or tells its progress, both get that answer. None if the answer is not to be shared.
        Raises Problem: 429 if too many wait, 503 without a process or at a stop.
        """
        directory = self._directory()
        asked = None if question is None else (directory, only, *question)
        answer = None if asked is None else self._latest.get(asked)
        if answer is not None and answer.is_open:
            return self._join(answer, sink, client)
        runs_at_once = not self._queue and len(self._running) < self.at_once
        if not runs_at_once:
            self._check_queue(client)
        answer = SharedAnswer(self._unread, self._handle_left, in_lines=work["progress"])
        search = self._new_search(work, only, answer, directory)
        if runs_at_once:
            self._run_search(search, client)
        answer.search = search
        self._answers[answer] = asked
        if asked is not None:
            self._latest[asked] = answer
        reader = answer.add_reader(sink, client, Timer(self._reactor))
        if not runs_at_once:
            self._add_to_queue(answer, reader)
        return reader

    def queue_search(self, work: Work, sink: SearchSink, *, only: str = "") -> AskedSearch:
        """Begin a search when no client waits, and fewer than half of the allowed ones run.

        only: as of `start_search`. Raises Problem (503) at a stop.
        """
        search = self._new_search(work, only, sink, self._directory())
        self._background.append(search)
        self._start_next_soon()
        return search

    def _join(self, answer: SharedAnswer, sink: SearchSink, client: str) -> AnswerReader:
        reader = answer.add_reader(sink, client, Timer(self._reactor))
        if answer in self._queue:
            self._add_to_queue(answer, reader)
        self._joined()
        return reader

    def _check_queue(self, client: str) -> None:
        """Raise Problem (429) if one more search may not wait."""
        if len(self._queue) >= MOST_WAITING:
            raise too_many_problem(f"{len(self._queue)} searches wait; try again in a moment")
        if self._queue.length(client) >= MOST_OF_CLIENT:
            raise too_many_problem(
                f"{self._queue.length(client)} searches of your address wait; try again in a moment"
            )

    def _add_to_queue(self, answer: SharedAnswer, reader: AnswerReader) -> None:
        self._queue.add(reader.client, answer)
        reader.wait_at_most(LONGEST_WAIT, self._end_wait)
        self._start_next_soon()

    def _end_wait(self, reader: AnswerReader) -> None:
        reader.end(
            too_many_problem(
                f"this search has waited {LONGEST_WAIT:g} s for its turn; {len(self._running)} searches "
                "are under way; try again in a moment"
            )
        )

    def _new_search(self, work: Work, only: str, sink: SearchSink, directory: str) -> AskedSearch:
        if self._processes.stopping:
            raise STOPPING
        # The process limits its own CPU time, in case the server dies and cannot end it in time.
        order: SearchOrder = {
            **work,
            "only": only,
            "directory": directory,
            "variables": _archive_variables(directory),
            "seconds": ceil(self.seconds) + 10,
        }
        return AskedSearch(order, sink, self._reactor, self.seconds, self._remove_search)

    def _start_next_soon(self) -> None:
        """Begin the next waiting search, or start the process that forks, in another turn of the reactor.

        If a thousand waiting clients disconnect together, their searches would else be started only to be
        killed.
        """
        if not self._processes.stopping and not self._turn.running:
            self._turn.start(0, self._start_next)

    def _start_next(self) -> None:
        if self._queue and len(self._running) < self.at_once:
            client, answer = self._queue.pop(one.client for one in self._running)
            for reader in answer.readers:
                reader.stop_waiting()
            assert answer.search is not None
            self._run_or_end(answer.search, client)
        elif self._background and len(self._running) < max(1, self.at_once // 2):
            self._run_or_end(self._background.popleft(), "")
        elif self._idle.running and self._forking is None:
            # Not while a search begins: it would slow that as much as it saves later.
            with suppress(Problem, OSError):
                self._forking = ForkingProcess(
                    self._reactor, self._processes, MODULE, FORK, ended=self._handle_process_end
                )

    def _run_or_end(self, search: AskedSearch, client: str) -> None:
        try:
            self._run_search(search, client)
        except Problem as problem:
            search.kill(problem)
        self._start_next_soon()

    def _run_search(self, search: AskedSearch, client: str) -> None:
        """Start a process for a search. Raises Problem (503) if the system cannot start one."""
        order = json.dumps(search.order).encode()
        child = self._fork(order) or self._processes.start(
            MODULE, received=lambda _: None, ended=self._handle_process_end
        )
        search.client = client
        self._queue.note_turn(client)
        self._running.add(search)
        search.run_in(child)
        if isinstance(child, ChildProcess):
            child.send(order)
        self._idle.start(SPARE_SECONDS, self._end_forking)

    def _fork(self, order: bytes) -> ForkedProcess | None:
        if self._forking is not None:
            with suppress(OSError):
                return self._forking.fork(order, self._handle_process_end)
        return None

    def _end_forking(self) -> None:
        if self._forking is not None:
            self._forking.end()
            self._forking = None

    def _handle_left(self, answer: SharedAnswer, client: str) -> None:
        """Forget a client that no longer waits for an answer, and the answer if nobody does."""
        self._queue.leave(client, answer)
        if not answer.readers:
            asked = self._answers.pop(answer)
            if asked is not None and self._latest.get(asked) is answer:
                del self._latest[asked]

    def _remove_search(self, search: AskedSearch) -> None:
        """Remove a search that is over, and let the next one begin."""
        self._running.discard(search)
        with suppress(ValueError):
            self._background.remove(search)
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
        for answer in list(self._answers):
            for reader in list(answer.readers):
                reader.end(STOPPING)
        for search in [*self._background, *self._running]:
            search.kill(STOPPING)
        stopped = self._processes.stop()
        self._idle.stop()
        self._end_forking()
        self._turn.stop()
        return stopped
