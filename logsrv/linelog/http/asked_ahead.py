"""Questions of boards, asked again in the background: their parts stay in memory (read/remembered.py).

So who opens a board in the morning waits only for what has come since the last round. A file in the
directory of the store keeps them, so that they are asked soon after a start, too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import orjson
from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.http.endpoints import BY_PATH
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.searches import SPARE_SECONDS, Searches
from logsrv.linelog.store.disk import Disk, reason
from logsrv.reactor import Timer, time_of_day

log = Logger()

EVERY = 0.4 * SPARE_SECONDS
"""Seconds between two rounds. SPARE_SECONDS after the last question all is forgotten, and a round skips
those asked since the one before.
"""
FIRST = 5.0
"""Seconds from the start to the first round."""
FOR = 3 * 86400.0
"""Seconds for which a question is asked ahead after somebody has asked it: over a weekend."""
MOST = 36
"""Questions: of three boards. Others, asked longer ago, are forgotten."""
LONGEST = 20.0
"""Seconds. A question that takes longer, although it was asked before, is dropped."""
FILE = "asked-ahead.json"
LARGEST_FILE = 1 << 20
_PATHS = {
    path for path, one in BY_PATH.items() if "ahead" in {each.name for each in one.parameters}
}
Asked: TypeAlias = dict[tuple[str, bytes], float]
"""The seconds since 1970 when somebody asked last, by path and query string; the latest is the last."""


@attrs.frozen
class _Unread:
    """The sink of an answer that nobody reads."""

    ended: Callable[[Problem | None], None]

    def receive_missing(self, missing: str) -> None: ...

    def receive_data(self, data: bytes) -> None: ...

    def receive_end(self, problem: Problem | None) -> None:
        self.ended(problem)


class AskedAhead:
    """The questions of boards, and rounds in which they are asked one after the other.

    directory: returns the directory of the store. Nothing is asked where only one search may run at a time.
    """

    def __init__(self, searches: Searches, directory: Callable[[], str], reactor: Any) -> None:
        self._searches, self._directory, self._reactor = searches, directory, reactor
        self._asked: Asked = {}
        self._saved: Asked = {}
        # Those that were asked here, so that their parts are remembered.
        self._warm: set[tuple[str, bytes]] = set()
        self._timer = Timer(reactor)
        self._is_loaded = self._is_round = self._is_stopped = False
        # For the file, and what is known of it.
        self._lock = DeferredLock()
        self._fault = ""

    def start(self) -> None:
        """Begin soon, with the questions of before the start."""
        self._timer.start(FIRST, self._begin_round)

    def note(self, path: str, query: bytes) -> None:
        """Note that somebody has asked. query: the valid query string of an endpoint."""
        self._asked.pop((path, query), None)
        self._asked[path, query] = self._reactor.seconds()
        self._forget_oldest()
        self._plan_round()

    def _forget_oldest(self) -> None:
        while len(self._asked) > MOST:
            del self._asked[next(iter(self._asked))]

    def stop(self) -> Deferred[None]:
        """Ask no more; keep the questions for the next start. Fires when they are written."""
        self._is_stopped = True
        self._timer.stop()
        return Deferred.fromCoroutine(self._save())

    def _plan_round(self) -> None:
        if self._asked and not (self._is_round or self._is_stopped or self._timer.running):
            self._timer.start(EVERY, self._begin_round)

    def _begin_round(self) -> None:
        self._is_round = True
        ended = Deferred.fromCoroutine(self._ask_all())
        ended.addErrback(lambda failure: log.failure("asking ahead has failed", failure))
        ended.addCallback(lambda _: self._end_round())

    def _end_round(self) -> None:
        self._is_round = False
        self._plan_round()

    async def _ask_all(self) -> None:
        async with self._lock:
            await self._load()
        now = self._reactor.seconds()
        self._asked = {one: then for one, then in self._asked.items() if now - then < FOR}
        for asked, then in [*self._asked.items()]:
            if self._is_stopped or self._searches.at_once < 2:
                break
            # An open board asks by itself.
            is_due = now - then >= EVERY and asked in self._asked
            if is_due and not await self._ask(*asked):
                self._asked.pop(asked, None)
        if not self._is_stopped:
            await self._save()

    async def _load(self) -> None:
        """Add the questions of before the start, once: they are due."""
        earlier = None if self._is_loaded else await self._in_thread(_read, "are not read")
        if earlier is None:
            return
        self._is_loaded = True
        due = self._reactor.seconds() - EVERY
        self._saved = {one: min(then, due) for one, then in earlier.items()}
        self._asked = {
            one: then for one, then in self._saved.items() if one not in self._asked
        } | self._asked
        self._forget_oldest()

    async def _save(self) -> None:
        """Write the questions, if they are others than in the file. One that cannot be read is left."""
        async with self._lock:
            await self._load()
            if not self._is_loaded or self._asked == self._saved:
                return
            asked = self._asked.copy()
            ahead = time_of_day(self._reactor) - self._reactor.seconds()
            times = {one: then + ahead for one, then in asked.items()}
            if await self._in_thread(_write, "are not kept", times):
                self._saved = asked

    async def _in_thread(self, call: Callable[..., Any], fault: str, *given: object) -> Any:
        """Call a function with a directory, in a thread: a disk may take seconds.

        Return its result; None after a system error, which is logged if the call before had no such error.
        """
        pool = self._reactor.getThreadPool()
        result, why = None, ""
        try:
            result = await deferToThreadPool(
                self._reactor, pool, call, Path(self._directory()), *given
            )
        except OSError as error:
            why = f"the questions of boards {fault}: {reason(error)}"
        if why not in ("", self._fault):
            log.warn("{why}", why=why)
        self._fault = why
        return result

    async def _ask(self, path: str, query: bytes) -> bool:
        """Ask; return whether to ask again: it took little time in its turn, and may succeed."""
        endpoint, ended = BY_PATH[path], Deferred[Problem | None]()
        try:
            values = endpoint.parse_query_string(query, time_of_day(self._reactor))
            request = {"endpoint": endpoint.name, "values": values}
            search = self._searches.queue_search(request, _Unread(ended.callback))
        except Problem:
            return self._is_stopped
        problem = await ended
        # No process could be started for one that has never run.
        took = self._reactor.seconds() - (search.running_since or self._reactor.seconds())
        is_quick = took <= LONGEST or (path, query) not in self._warm
        self._warm = {(path, query), *self._warm} & self._asked.keys()
        return is_quick and (problem is None or problem.status >= 500)


def _read(directory: Path) -> Asked:
    """Return the questions in the file; none if it is missing, or no file of ours."""
    with Disk().open_directory(directory) as disk:
        data = disk.read_or_none(FILE, LARGEST_FILE)
    found: Asked = {}
    try:
        for one in orjson.loads(data or b"[]"):
            if one["path"] in _PATHS:
                found[one["path"], one["query"].encode("ascii")] = parse_rfc3339(one["asked"])
    except (ValueError, TypeError, KeyError, AttributeError):
        log.warn("{file} is no list of questions of boards, or not all of it", file=FILE)
    return found


def _write(directory: Path, asked: Asked) -> bool:
    kept = [
        {"path": path, "query": query.decode("ascii"), "asked": rfc3339(then)}
        for (path, query), then in asked.items()
    ]
    with Disk().open_directory(directory) as disk:
        disk.replace(FILE, orjson.dumps(kept, option=orjson.OPT_INDENT_2), sync=False)
    return True
