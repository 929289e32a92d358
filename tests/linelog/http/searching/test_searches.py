"""Searches in processes: bounded in number and time, ended when nobody wants them."""

import errno
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.problems import STOPPING, Problem
from logsrv.linelog.http.searching import searches as searches_module
from logsrv.linelog.http.searching.searches import MODULE, Searches
from tests.parts.child_processes import Spawner, is_there
from tests.parts.child_processes import children as pids
from tests.parts.reactor import logged
from tests.parts.stores import lines, make_store
from tests.parts.web_requests import SearchSink, asked


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store", [lines(["x" * 500] * 5000)])


class Made:
    """Searches of a store; all are ended after the test."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._all: list[Searches] = []

    def __call__(self, at_once: int = 4, seconds: float = PATIENCE) -> Searches:
        searches = Searches(lambda: str(self._store), reactor, at_once=at_once, seconds=seconds)  # type: ignore[arg-type]
        self._all.append(searches)
        return searches

    def end(self) -> None:
        for searches in self._all:
            pytest_twisted.blockon(searches.stop())


@pytest.fixture
def made(store: Path) -> Iterator[Made]:
    found = Made(store)
    yield found
    found.end()


@pytest.mark.slow
async def test_the_first_search_starts_a_process_and_the_next_are_forked(made):
    searches = made()
    first, others = SearchSink(), [SearchSink(), SearchSink()]
    searches.start_search(asked(limit=2), first)
    assert searches.running_count == 1
    assert await first.done is None
    assert first.text.count(b"\n") == 2
    assert searches.running_count == 0
    ready = await forking()
    for sink in others:
        searches.start_search(asked(limit=3), sink)
    assert searches.running_count == 2
    for sink in others:
        assert await sink.done is None and sink.text.count(b"\n") == 3
    assert pids(MODULE) == ready and searches.running_count == 0


async def forking() -> list[int]:
    """Return the id of the process that forks, once it is there."""
    while not (found := pids(MODULE)):
        await pause(0.01)
    return found


@pytest.mark.slow
async def test_an_expected_search_is_forked_with_its_own_limits(made):
    searches = made()
    searches.start_forking()
    ready = await forking()
    searches.start_forking()
    sink = SearchSink()
    searches.start_search(asked(), sink)
    await sink.first
    assert pids(MODULE) == ready
    (search,) = children_of(ready[0])
    assert os.getpgid(search) == search
    assert b"Max cpu time              70 " in Path(f"/proc/{search}/limits").read_bytes()
    assert await sink.done is None and sink.text.count(b"\n") == 5000


def children_of(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


async def kill_in_the_middle(process: int, sink: SearchSink) -> None:
    """Kill a process of a search: the client hears that this was not all, and the log says so."""
    with logged() as messages:
        os.kill(process, 9)
        problem = await sink.done
        await pause(0)
    assert problem is not None and "broke off" in str(problem)
    assert messages == ["the process of a search was ended by SIGKILL"]


@pytest.mark.slow
async def test_a_forked_search_that_nobody_wants_ends_at_once(made):
    """Its turn is free for the next one before its process has ended."""
    searches = made(at_once=1)
    searches.start_forking()
    (ready,) = await forking()
    for _ in range(3):
        sink, last = SearchSink(), SearchSink()
        search = searches.start_search(asked(), sink)
        await sink.first
        (process,) = children_of(ready)
        search.pause()
        search.kill()
        assert searches.running_count == 0
        searches.start_search(asked(limit=1), last)
        assert await last.done is None and last.text and not sink.done.called
        while is_there(process):
            await pause(0.01)


@pytest.mark.slow
async def test_a_forked_search_that_is_killed_from_outside_is_reported(made):
    searches = made()
    searches.start_forking()
    (ready,) = await forking()
    sink, other = SearchSink(), SearchSink()
    searches.start_search(asked(), sink)
    await sink.first
    await kill_in_the_middle(children_of(ready)[0], sink)
    searches.start_search(asked(limit=1), other)
    assert await other.done is None and pids(MODULE) == [ready]


@pytest.mark.slow
async def test_when_the_process_that_forks_dies_its_searches_end_and_the_next_are_answered(made):
    searches = made()
    searches.start_forking()
    (ready,) = await forking()
    sink, other = SearchSink(), SearchSink()
    searches.start_search(asked(), sink)
    await sink.first
    (process,) = children_of(ready)
    await kill_in_the_middle(ready, sink)
    while is_there(process):
        await pause(0.01)
    searches.start_search(asked(limit=1), other)
    assert await other.done is None and other.text
    # Another process forks those behind it.
    [again] = await forking()
    last = SearchSink()
    searches.start_search(asked(), last)
    await last.first
    assert again != ready and len(children_of(again)) == 1
    assert await last.done is None


@pytest.mark.slow
async def test_stop_ends_forked_searches(made):
    searches, sink = made(), SearchSink()
    searches.start_forking()
    (ready,) = await forking()
    searches.start_search(asked(), sink)
    await sink.first
    (process,) = children_of(ready)
    await searches.stop()
    assert await sink.done is not None and not is_there(ready)
    while is_there(process):
        await pause(0.01)


@pytest.mark.slow
async def test_a_search_over_the_limit_waits_for_the_end_of_another(made):
    searches = made(at_once=2)
    sinks = [SearchSink(), SearchSink(), SearchSink(), SearchSink()]
    running = [searches.start_search(asked(), sink) for sink in sinks[:2]]
    searches.start_search(asked(limit=1), sinks[2])
    searches.queue_search(asked(limit=2), sinks[3])
    assert (searches.running_count, searches.waiting_count) == (2, 1)
    for search in running:
        search.kill()
    for sink, found in zip(sinks[2:], (1, 2), strict=True):
        assert await sink.done is None and sink.text.count(b"\n") == found
    assert not sinks[0].done.called and searches.waiting_count == 0


@pytest.mark.slow
async def test_a_sink_that_is_paused_holds_its_search_up(made):
    searches = made()
    sink = SearchSink()
    search = searches.start_search(asked(), sink)
    await sink.first
    search.pause()
    had = len(sink.text)
    await pause(0.2)
    assert len(sink.text) == had < 1 << 20
    search.resume()
    assert await sink.done is None and sink.text.count(b"\n") == 5000


def pause(seconds: float) -> Deferred[None]:
    """Give what should not happen the time to happen."""
    waiting: Deferred[None] = Deferred()
    reactor.callLater(seconds, waiting.callback, None)  # type: ignore[attr-defined]
    return waiting


@pytest.mark.slow
async def test_a_search_paused_before_its_turn_reads_nothing(made):
    """Its search waits as any other: nothing is read that nobody takes."""
    searches = made(at_once=1)
    first, sink = SearchSink(), SearchSink()
    running = searches.start_search(asked(), first)
    waiting = searches.queue_search(asked(limit=5), sink)
    waiting.pause()
    running.kill()
    other = SearchSink()
    searches.at_once = 2
    searches.start_search(asked(limit=5), other)
    assert await other.done is None
    assert not sink.text and not sink.done.called
    waiting.resume()
    assert await sink.done is None and sink.text.count(b"\n") == 5


def test_a_search_that_begins_paused_is_not_read_and_takes_no_time_until_it_goes_on(store):
    processes = Spawner()
    searches = Searches(lambda: str(store), processes, at_once=2, seconds=9.0)
    sink = SearchSink()
    search = searches.queue_search(asked(limit=1), sink)
    search.pause()
    processes.advance(0)
    process = processes.processes[0]
    assert process.paused
    processes.advance(100)
    assert not sink.done.called
    search.resume()
    assert not process.paused
    processes.advance(8)
    assert not sink.done.called
    processes.advance(2)
    assert sink.done.result is not None and "9 s" in str(sink.done.result)
    searches.stop()


def test_a_stop_tells_those_that_run_wait_their_turn_or_are_in_the_background(store):
    processes = Spawner()
    searches = Searches(lambda: str(store), processes, at_once=1, seconds=9.0)
    sinks = [SearchSink() for _ in range(4)]
    for limit, sink in enumerate(sinks):
        ask = searches.start_search if limit < 2 else searches.queue_search
        ask(asked(limit=limit), sink)
        processes.advance(0)
    assert searches.running_count == 1
    # The other is the process that forks.
    begun = len(processes.processes)
    searches.stop()
    assert [sink.done.called and sink.done.result for sink in sinks] == [STOPPING] * 4
    processes.advance(100)
    assert len(processes.processes) == begun


async def test_a_search_is_ended_when_its_time_is_over(made):
    searches = made(seconds=0.001)
    sink = SearchSink()
    searches.start_search(asked(), sink)
    problem = await sink.done
    assert problem is not None and problem.status == 503 and "0.001 s" in str(problem)


async def test_the_problem_of_a_search_is_its_end(made):
    searches, sink = made(), SearchSink()
    searches.start_search(asked(q="a status>="), sink)
    problem = await sink.done
    assert problem is not None and (problem.status, problem.at, sink.text) == (400, 11, b"")


async def test_an_answer_begins_with_what_it_lacks(tmp_path):
    store = make_store(tmp_path / "store", [lines([name]) for name in "abc"])
    next(store.glob("0000000002-*.zst")).unlink()
    made, sink = Made(store), SearchSink()
    searches = made()
    searches.start_search(asked(), sink)
    assert await sink.done is None and sink.text.count(b"\n") == 2
    assert sink.missing.startswith("segment 2 is missing")
    await searches.stop()


async def test_a_killed_search_sends_nothing(made):
    """Nothing is said to who has gone; the process is killed."""
    searches = made()
    sink = SearchSink()
    search = searches.start_search(asked(), sink)
    await sink.first
    (pid,) = pids(MODULE)
    search.kill()
    assert searches.running_count == 0
    await searches.stop()
    assert not is_there(pid)
    assert not sink.done.called


@pytest.mark.slow
async def test_a_process_killed_from_outside_is_reported(made):
    searches = made()
    sink = SearchSink()
    searches.start_search(asked(), sink)
    await sink.first
    (pid,) = pids(MODULE)
    await kill_in_the_middle(pid, sink)


async def test_stop_ends_all_searches(made):
    searches = made(at_once=2)
    sinks = [SearchSink(), SearchSink()]
    searches.start_search(asked(), sinks[0])
    searches.start_search(asked(), sinks[1])
    await searches.stop()
    for sink in sinks:
        problem = await sink.done
        assert problem is not None and problem.status == 503
    with pytest.raises(Problem):
        searches.start_search(asked(), SearchSink())
    with pytest.raises(Problem):
        searches.queue_search(asked(), SearchSink())


class Hurried:
    """The reactor, but for its clock, which the test advances."""

    def __init__(self) -> None:
        clock = Clock()
        self.advance, self.seconds, self.callLater = clock.advance, clock.seconds, clock.callLater
        self.spawnProcess = reactor.spawnProcess  # type: ignore[attr-defined]


@pytest.mark.slow
async def test_the_process_that_forks_ends_after_a_while_without_searches(store):
    hurried = Hurried()
    searches = Searches(lambda: str(store), hurried, at_once=4, seconds=PATIENCE)
    sink = SearchSink()
    searches.start_search(asked(limit=1), sink)
    await sink.done
    assert json.loads(sink.text)["position"] == "1:0"
    hurried.advance(0)
    while not pids(MODULE):
        await pause(0.01)
    hurried.advance(searches_module.SPARE_SECONDS)
    while pids(MODULE):
        await pause(0.01)
    await searches.stop()


@pytest.mark.slow
async def test_no_room_for_a_process_is_a_problem(made, monkeypatch):
    """Who waits hears that it cannot be; an answer that is there is given all the same."""
    searches = made()
    sink, waiting = SearchSink(), SearchSink()
    searches.start_search(asked(limit=1), sink)

    def fails(*_: object, **__: object) -> None:
        raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr(reactor, "spawnProcess", fails)
    assert await sink.done is None and sink.text
    with pytest.raises(Problem, match="cannot be started: Resource temporarily unavailable"):
        searches.start_search(asked(), SearchSink())
    searches.queue_search(asked(), waiting)
    problem = await waiting.done
    assert problem is not None and problem.status == 503
    monkeypatch.undo()
    again = SearchSink()
    searches.start_search(asked(limit=1), again)
    assert await again.done is None


def test_without_descriptors_for_the_process_that_forks_searches_go_on(store, monkeypatch):
    full = OSError(errno.EMFILE, "Too many open files")
    monkeypatch.setattr(socket, "socketpair", Mock(side_effect=full))
    reactor_of_processes = Spawner()
    searches = Searches(lambda: str(store), reactor_of_processes, at_once=4, seconds=9.0)
    searches.start_forking()
    reactor_of_processes.advance(0)
    searches.start_search(asked(limit=1), SearchSink())
    assert searches.running_count == 1
    searches.stop()


def test_after_a_stop_nothing_of_the_searches_is_left_to_be_done(store):
    reactor_of_processes = Spawner()
    searches = Searches(lambda: str(store), reactor_of_processes, at_once=1, seconds=9.0)
    searches.start_forking()
    for _ in range(3):
        searches.start_search(asked(limit=1), SearchSink())
        searches.queue_search(asked(limit=1), SearchSink())
    stopped = searches.stop()
    for one in reactor_of_processes.processes:
        assert one.killed and one.protocol.over
    assert stopped.called and not reactor_of_processes.getDelayedCalls()


@pytest.mark.slow
async def test_clients_that_go_all_at_once_have_no_process_started_for_each(made, monkeypatch):
    searches = made(at_once=2)
    first = SearchSink()
    searches.start_search(asked(limit=1), first)
    assert await first.done is None

    started = []
    spawn = reactor.spawnProcess  # type: ignore[attr-defined]

    def counted(*given: Any, **named: Any) -> Any:
        started.append(given)
        return spawn(*given, **named)

    monkeypatch.setattr(reactor, "spawnProcess", counted)
    waiting = [searches.queue_search(asked(), SearchSink()) for _ in range(50)]
    for search in waiting:
        search.kill()
    assert len(started) <= 2

    last = SearchSink()
    searches.queue_search(asked(limit=1), last)
    assert await last.done is None and last.text


def test_searches_that_wait_begin_together_up_to_half_of_those_allowed(store):
    """Also if the first of them cannot: none waits for the end of another."""
    for full in (False, True):
        reactor_of_processes = Spawner()
        searches = Searches(lambda: str(store), reactor_of_processes, at_once=6, seconds=9.0)
        sinks = [SearchSink() for _ in range(5)]
        for sink in sinks:
            searches.queue_search(asked(limit=1), sink)
        reactor_of_processes.full = full
        for _ in range(5):
            reactor_of_processes.advance(0)
        assert searches.running_count == (0 if full else 3)
        assert [sink.done.called for sink in sinks] == [full] * 5
        searches.stop()
