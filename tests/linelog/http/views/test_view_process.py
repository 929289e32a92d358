"""The process of the live views: there while somebody watches, gone with the service, replaced."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet import reactor, task

from logsrv.kit.children.child_side import NICE
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.http.problems import Problem
from logsrv.linelog.http.views import view_process as views_module
from logsrv.linelog.http.views.view_process import IDLE_SECONDS, MODULE, REST_SECONDS, LiveViews
from logsrv.linelog.http.views.view_protocol import ViewEvents, decode_events, encode_events
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.store.segment import Position
from tests.parts.child_processes import Spawner, children, is_there, read_message, send
from tests.parts.reactor import logged
from tests.parts.stores import line, make_store, view_of
from tests.parts.web_requests import Watcher

END = Position(1, len(line("0")))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store", [[line("0")]])


@pytest.fixture
def views(store: Path) -> Iterator[LiveViews]:
    found = LiveViews(lambda: str(store), reactor)
    yield found
    pytest_twisted.blockon(found.stop())


def write(store: Path, message: str) -> None:
    with (store / "current.log").open("ab") as file:
        file.write(line(message))


async def test_one_process_serves_all_viewers(views, store):
    """Each has its lines, one that leaves has none; one process is enough."""
    every, some = Watcher(), Watcher("good")
    views.attach(every, END, END)
    views.attach(some, END, END)
    await every.until(lambda: every.live)
    await some.until(lambda: some.live)
    write(store, "bad")
    write(store, "good")
    await some.until(lambda: b"good" in some.data)
    await every.until(lambda: b"good" in every.data)
    assert b"bad" in every.data and b"bad" not in some.data
    views.leave(every)
    views.leave(every)
    write(store, "good 2")
    await some.until(lambda: b"good 2" in some.data)
    assert b"good 2" not in every.data and len(children(MODULE)) == 1


async def test_more_brings_the_next_lines_until_a_viewer_is_live(views, store):
    for number in range(200):
        write(store, f"line {number} {'x' * 200}")
    watcher = Watcher()
    views.attach(watcher, Position(1, 0), end_of_store(view_of(store)))
    await watcher.until(lambda: b"line 1 " in watcher.data)
    while not watcher.live:
        had = len(watcher.data)
        views.request_more(watcher)
        await watcher.until(lambda: len(watcher.data) > had or watcher.live)  # noqa: B023
    assert watcher.data.count(b"event: line") == 201


async def test_an_idle_process_is_ended(views, monkeypatch):
    monkeypatch.setattr(views_module, "IDLE_SECONDS", 0.01)
    first, second = Watcher(), Watcher()
    views.attach(first, END, END)
    await first.until(lambda: first.live)
    (process,) = children(MODULE)
    views.leave(first)
    while is_there(process):
        await task.deferLater(reactor, 0.01, lambda: None)  # type: ignore[arg-type]
    assert first.why == ""
    # That was no fault: the next one is served at once.
    views.attach(second, END, END)
    await second.until(lambda: second.live)


def test_a_viewer_that_comes_within_a_minute_keeps_the_process(store):
    """It would get no lines any more, and nobody would tell it, if the process ended as an idle one."""
    spawner = Spawner()
    views = LiveViews(lambda: str(store), spawner)
    first, second = Watcher(), Watcher()
    views.attach(first, END, END)
    views.leave(first)
    spawner.advance(IDLE_SECONDS - 1)
    views.attach(second, END, END)
    spawner.advance(IDLE_SECONDS)
    assert not spawner.last.closed
    views.leave(second)
    spawner.advance(IDLE_SECONDS)
    assert spawner.last.closed


def test_a_process_that_dies_while_nobody_watches_is_not_ended_once_more(store):
    spawner = Spawner()
    views = LiveViews(lambda: str(store), spawner)
    first, second = Watcher(), Watcher()
    views.attach(first, END, END)
    views.leave(first)
    with logged() as messages:
        spawner.last.end(signal=9)
        spawner.advance(IDLE_SECONDS)
    assert messages == ["the process of the live views was ended by SIGKILL"]
    views.attach(second, END, END)
    assert len(spawner.processes) == 2


async def test_a_process_that_dies_closes_its_viewers(views):
    """Its viewers are sent away, the log says why, and who comes back is served by the next one."""
    watcher, again = Watcher(), Watcher()
    views.attach(watcher, END, END)
    await watcher.until(lambda: watcher.live)
    with logged() as messages:
        (process,) = children(MODULE)
        os.kill(process, signal.SIGKILL)
        await watcher.until(lambda: watcher.why != "")
    assert messages == ["the process of the live views was ended by SIGKILL"]
    assert "the live views have failed" in watcher.why
    views.leave(watcher)
    with pytest.raises(Problem, match="failed just now") as caught:
        views.attach(again, END, END)
    assert caught.value.status == 503 and caught.value.headers["Retry-After"] == "1"
    await task.deferLater(reactor, REST_SECONDS, lambda: None)  # type: ignore[arg-type]
    views.attach(again, END, END)
    await again.until(lambda: again.live)


async def test_messages_of_the_process_are_logged(tmp_path):
    views = LiveViews(lambda: str(tmp_path / "nowhere"), reactor)
    watcher = Watcher()
    with logged() as messages:
        views.attach(watcher, END, END)
        await watcher.until(lambda: watcher.why != "")
    assert any("nowhere cannot be read" in message for message in messages)
    assert not any("Traceback" in message for message in messages)
    await views.stop()


async def test_stop_ends_the_process(views):
    """The process is gone when it is over, and no other is started."""
    watcher = Watcher()
    views.attach(watcher, END, END)
    await watcher.until(lambda: watcher.live)
    (process,) = children(MODULE)
    await views.stop()
    assert not is_there(process)
    with pytest.raises(Problem, match="being stopped"):
        views.attach(Watcher(), END, END)


def test_too_many_queries_are_refused(store, monkeypatch):
    monkeypatch.setattr(views_module, "MOST_QUERIES", 2)
    views = LiveViews(lambda: str(store), Spawner())
    for query in ("a", "b", "b"):
        views.attach(Watcher(query), END, END)
    with pytest.raises(Problem, match="other queries") as caught:
        views.attach(Watcher("c"), END, END)
    assert caught.value.status == 429


def test_the_process_of_live_views_ends_with_its_daemon(tmp_path):
    """Also while it has viewers: nothing but the end of its input is needed."""
    store = make_store(tmp_path / "store", [[]])
    command = [sys.executable, "-P", "-m", MODULE, str(store)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        send(process, json.dumps(["attach", 1, ["", False], "1:0", "1:0"]).encode())
        assert decode_events(read_message(process.stdout)) == ViewEvents((1,), live=True)
        assert os.getpriority(os.PRIO_PROCESS, process.pid) >= NICE
        process.stdin.close()
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    "handed",
    [ViewEvents((1, 2), b"[1]\n\n{", 2, 5), ViewEvents((3,), live=True), ViewEvents((), b"\n")],
)
def test_events_are_encoded_and_decoded(handed):
    assert decode_events(encode_events(handed)) == handed


def test_queries_of_viewers_that_left_are_not_counted(store, monkeypatch):
    monkeypatch.setattr(views_module, "MOST_QUERIES", 2)
    views = LiveViews(lambda: str(store), Spawner())
    stays = Watcher("stays")
    views.attach(stays, END, END)
    for number in range(10):
        watchers = [Watcher(str(number)) for _ in range(2)]
        for watcher in watchers:
            views.attach(watcher, END, END)
        for watcher in watchers:
            views.leave(watcher)
    views.attach(Watcher("last"), END, END)
