"""Descriptors, threads, timers and child processes that a test leaves fail it."""

import contextlib
import functools
import gc
import inspect
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet import reactor
from twisted.internet.base import DelayedCall
from twisted.internet.protocol import ServerFactory
from twisted.internet.task import LoopingCall, deferLater

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.alerts.alert_places import AlertPlaces
from logsrv.linelog.alerts.shared_scan import SharedScans
from logsrv.linelog.http.views.polls import LiveReader
from logsrv.linelog.read.follow import Follower
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.read.watched_stores import WatchedStores
from logsrv.linelog.ship.ship_place import RefusedLinesFile, ShipPlace
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.place import PlaceFolder
from tests.hangs import children
from tests.parts.warm import running

# The kind, and the number, or the thread or timer itself.
Thing = tuple[str, str | threading.Thread | DelayedCall]
FILES = "/proc/self/fd"
# Made once for a process, by the first test that needs it.
KEPT = re.compile(
    # Threads of the reactor, of asyncio's executor and of libraries end with the process.
    r"thread PoolThread-twisted\.internet\.reactor-"
    # Hypothesis's database of examples, and where random numbers are from.
    r"|descriptor \d+: /dev/urandom"
    # The server of daemons.
    r"|child \d+: .*tests[./]parts[./]warm"
    # The loop of obstore; one of asyncio that is left has sockets too.
    r"|descriptor \d+: anon_inode:\[event"
)
# What `deferLater` and `addTimeout` call: Twisted itself waits so only for the next turn.
WAITS = ("Deferred.callback", "Deferred.addTimeout.<locals>.timeItOut")
# Seconds within which what a test has begun to end stops its timers.
TIMERS_END = PATIENCE / 60
# What opens one, or returns one that is open.
OPENS = (
    *(
        (Disk, "open_directory"),
        (Disk, "use_descriptor"),
        (View, "__init__"),
        (View, "open_segment"),
        (View, "open_whole_segment"),
    ),
    *((Search, "__init__"), (Follower, "__init__"), (StoredLines, "__init__")),
    *((PlaceFolder, "__init__"), (AlertPlaces, "__init__"), (SharedScans, "__init__")),
    (WatchedStores, "__init__"),
    *((LiveReader, "__init__"), (ShipPlace, "__init__"), (RefusedLinesFile, "__init__")),
)
# What closes one for good: it must not be closed again.
CLOSES = (
    *((Disk, "close"), (View, "close"), (SegmentFrames, "close")),
    *((SharedScans, "close"), (LiveReader, "close"), (WatchedStores, "close")),
)
# The folders of tests that are held to it.
FOLDERS = tuple(
    f"{Path(__file__).parent}/{folder}/"
    for folder in (
        *("cli", "gopher", "greet", "kit", "linelog/columns", "linelog/http"),
        *("linelog/alerts", "linelog/read", "linelog/ship", "linelog/sql"),
        *("linelog/archive", "linelog/backup", "linelog/doctor", "linelog/erase", "linelog/store"),
        *("linelog/commands", "linelog/formats", "linelog/importing", "linelog/intake"),
        *("linelog/lake", "linelog/objects", "linelog/parts", "linelog/plugin"),
    )
)
# The browser that the tests of the page share keeps its connections to their server.
SHARES_BROWSER = f"{Path(__file__).parent}/linelog/http/page/"
_FAILED = pytest.StashKey[bool]()
_opened: dict[int, Any] = {}
_strict = _timed = True


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note that a test has failed."""
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture(autouse=True, scope="session")
def reactor_has_run() -> None:
    """Open what stays open to the end: the reactor's at its first turn, Twisted's for its first port."""
    pytest_twisted.blockon(deferLater(reactor, 0))  # type: ignore[arg-type]
    port = reactor.listenTCP(0, ServerFactory(), interface="127.0.0.1")
    pytest_twisted.blockon(port.stopListening())


@pytest.fixture(autouse=True, scope="session")
def openings() -> Iterator[None]:
    """Note which of these a test itself opens: it need not close them. logsrv has to close its own."""
    with pytest.MonkeyPatch.context() as patch:
        for kind, name in OPENS:
            patch.setattr(kind, name, _noting(getattr(kind, name)))
        for one, name in CLOSES:
            patch.setattr(one, name, _forgetting(getattr(one, name)))
        yield


@pytest.fixture(autouse=True)
def a_test_leaves_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves a descriptor, a thread, a timer or a child process, and kill the child.

    Elsewhere than in FOLDERS, close only the views that it leaves, whoever has opened them.
    """
    global _strict, _timed
    path = request.path.as_posix()
    _strict = path.startswith(FOLDERS) and not path.startswith(SHARES_BROWSER)
    is_quick = not any(map(request.node.get_closest_marker, ("slow", "long")))
    _timed = is_quick
    _opened.clear()
    before = things() if _strict else set()
    yield
    while _opened:
        _, one = _opened.popitem()
        one.close()
        del one
    if not (_strict and things() - before):
        return
    failed = request.node.stash.get(_FAILED, False)
    # The traceback of a failure keeps what was open, for as long as one would wait.
    found = left(before) if failed else left_for_good(before)
    end(found)
    if found and not failed:
        pytest.fail("\n".join(["the test leaves", *sorted(found.values())]), pytrace=False)


@contextlib.contextmanager
def killed() -> Iterator[None]:
    """Close what is opened meanwhile, as the kernel does for a process that it kills."""
    before, opened = things(), {*_opened}
    yield
    for kind, number in things() - before:
        with contextlib.suppress(OSError):
            if kind == "descriptor":
                os.close(int(str(number)))
    for key in _opened.keys() - opened:
        del _opened[key]


def _noting(opens: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(opens)
    def noted(one: Any, *arguments: Any, **named: Any) -> Any:
        found = opens(one, *arguments, **named)
        by_a_test = _caller().startswith("tests.")
        if by_a_test if _strict else opens.__qualname__ == "View.__init__":
            opened = found if isinstance(found, SegmentFrames) else one
            if isinstance(opened, AlertPlaces):
                opened = opened.folder
            _opened[id(opened)] = opened
        return found

    return noted


def _caller() -> str:
    """Return the module that has called the function that asks."""
    frame = inspect.currentframe()
    for _ in range(2):
        frame = frame and frame.f_back
    # What attrs makes is of no module.
    return frame.f_globals.get("__name__", "") if frame else ""


def _forgetting(closes: Callable[[Any], None]) -> Callable[[Any], None]:
    @functools.wraps(closes)
    def forgotten(one: Any) -> None:
        _opened.pop(id(one), None)
        closes(one)

    return forgotten


def things() -> set[Thing]:
    """Return what this process has now; descriptors and children only where /proc lists them."""
    found: set[Thing] = {("thread", thread) for thread in threading.enumerate()}
    if os.path.exists(FILES):
        # The number that the listing itself will have.
        os.close(own := os.open(FILES, os.O_RDONLY))
        found.update(("descriptor", number) for number in os.listdir(FILES))
        try:
            os.fstat(own)
        except OSError:
            found.discard(("descriptor", str(own)))
    timers: Any = reactor
    calls = timers.getDelayedCalls() if _timed else ()
    found.update(("timer", call) for call in calls if is_ours(call))
    return found | {("child", str(pid)) for pid in children()}


def is_ours(call: DelayedCall) -> bool:
    """Return whether logsrv waits for it: nobody stops what Twisted does after a while."""
    function = called_by(call)
    module = getattr(function, "__module__", None) or ""
    return module.startswith("logsrv.") or name_of(function) in WAITS


def called_by(call: DelayedCall) -> Callable[..., object]:
    """Return the function that a timer calls in the end, also if a loop calls it."""
    function: Any = call.func
    while isinstance(function, functools.partial | LoopingCall):
        function = function.f if isinstance(function, LoopingCall) else function.func
    return function


def name_of(function: Callable[..., object]) -> str:
    """Return the name of a function, or the text of what is called like one."""
    return getattr(function, "__qualname__", str(function))


def left(before: set[Thing]) -> dict[Thing, str]:
    """Return what is there and was not, each with a line that names it, without what is kept."""
    found = {}
    for thing in things() - before - {("descriptor", str(running.way()))}:
        # It may end meanwhile.
        with contextlib.suppress(FileNotFoundError):
            line = described(thing)
            if not KEPT.match(line):
                found[thing] = line
    return found


def described(thing: Thing) -> str:
    """Return the line that names a thing. Raises FileNotFoundError if it is no more."""
    kind, which = thing
    if isinstance(which, threading.Thread):
        return f"{kind} {which.name}"
    if isinstance(which, DelayedCall):
        # It has been called, or cancelled.
        if not which.active():
            raise FileNotFoundError
        return f"{kind} {name_of(called_by(which))}"
    if kind == "descriptor":
        return f"{kind} {which}: {os.readlink(f'{FILES}/{which}')}"
    command = (
        Path(f"/proc/{which}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    )
    return f"{kind} {which}: {command.strip() or 'has ended, nobody waited for it'}"


def left_for_good(before: set[Thing]) -> dict[Thing, str]:
    """Return what neither the garbage collector nor the reactor ends, nor a thread or a child by itself."""
    begun = collected = time.monotonic()
    gc.collect()
    while found := left(before):
        # A timer ends by itself, too; but who waits for it may hold much until then.
        most = TIMERS_END if all(kind == "timer" for kind, _ in found) else PATIENCE
        if time.monotonic() > begun + most:
            break
        pytest_twisted.blockon(deferLater(reactor, 0.005))  # type: ignore[arg-type]
        # A thread that has ended since then may have held what was left.
        if time.monotonic() > collected + 1:
            gc.collect()
            collected = time.monotonic()
    return found


def end(things: dict[Thing, str]) -> None:
    """Kill the children among these, and those of the warm server."""
    for (kind, which), line in things.items():
        with contextlib.suppress(OSError):
            if isinstance(which, DelayedCall):
                which.cancel()
            elif kind == "child":
                os.kill(int(str(which)), signal.SIGKILL)
                os.waitpid(int(str(which)), 0)
            elif line.endswith("[pidfd]"):
                signal.pidfd_send_signal(int(str(which)), signal.SIGKILL)
