"""An end to tests that hang: the test fails with a traceback, and the other tests run."""

import contextlib
import faulthandler
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import greenlet  # type: ignore[import-untyped]
import pytest
import pytest_twisted  # type: ignore[import-untyped]
from _pytest.faulthandler import fault_handler_stderr_fd_key
from twisted.internet import reactor
from twisted.python.failure import Failure

from logsrv.kit.testing.patience import PATIENCE

# Multiples of PATIENCE, a minute: a wait that begins in the first half minute of a test fails before, and
# says what it waited for. Beside six others in CI, slow tests need at most a third of their time. The last
# is for those of each night, which try more for hours. The marker `minutes` says another.
IMPORT = 1
QUICK = 1.5
OTHERS = 3
NIGHTLY = 30
TASKS = "/proc/self/task"
# Where the reactor waits for descriptors and timers.
IDLE = (type(reactor).__module__, "twisted.internet.base")
_MAIN = greenlet.getcurrent()


class Hangs(BaseException):
    """A test hangs, or the import of its module. It is a BaseException, so nothing in a test catches it."""


@contextlib.contextmanager
def ended_after(seconds: float, stderr: int, what: str) -> Iterator[None]:
    """Raise Hangs in the main thread, wherever it waits, or fail the Deferred that it waits for.

    what: what hangs then.
    """

    def ring(number: int, frame: FrameType | None) -> None:
        hangs = Hangs(f"{what} hangs: no end after {seconds:g} s")
        # At once, before the reports of the other tests.
        os.write(stderr, f"\n{hangs}; the stacks of its threads:\n".encode())
        faulthandler.dump_traceback(stderr, all_threads=True)
        # A wait for one of these ends then.
        for pid in children() - before:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if (waited_for := _waited_for()) is not None:
            reactor.callFromThread(_fail, waited_for, hangs)  # type: ignore[attr-defined]
            if frame and frame.f_globals["__name__"] in IDLE:
                return
        raise hangs

    before = children()
    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def children() -> set[int]:
    """Return the child processes that /proc knows."""
    found: set[int] = set()
    if not os.path.exists(TASKS):
        return found
    try:
        # Without a child, the usual case, this saves the listing.
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return found
    for task in os.listdir(TASKS):
        with contextlib.suppress(OSError), open(f"{TASKS}/{task}/children") as pids:
            found.update(map(int, pids.read().split()))
    return found


def _waited_for() -> Any:
    """Return the Deferred that pytest waits for in the reactor; a false value if it waits for none."""
    frame: FrameType | None = _MAIN.gr_frame
    while frame and frame.f_code is not pytest_twisted.blockon_default.__code__:
        frame = frame.f_back
    return frame and frame.f_locals["d"]


def _fail(waited_for: Any, hangs: Hangs) -> None:
    """Fail the Deferred, unless the exception has already ended the test."""
    if not waited_for.called:
        waited_for.errback(Failure(hangs))


@contextlib.contextmanager
def import_ended(config: pytest.Config) -> Iterator[None]:
    """End the import of a test module that hangs; end the process if C code does not return."""
    seconds, stderr = IMPORT * PATIENCE, stderr_of(config)
    faulthandler.dump_traceback_later(1.5 * seconds, exit=True, file=stderr)
    try:
        with ended_after(seconds, stderr, "the import of a test module"):
            yield
    finally:
        faulthandler.cancel_dump_traceback_later()


class Alarm:
    """A plugin of pytest: limits the time of each test and its fixtures, and of each import of a module."""

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Generator[None]:
        """A module that hangs is an error of its collection; the others are collected."""
        if not isinstance(collector, pytest.Module):
            return (yield)
        with import_ended(collector.config):
            return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """End the process if C code does not return. Once for a whole test, as it takes a thread."""
        faulthandler.dump_traceback_later(
            1.5 * _limit(item), exit=True, file=stderr_of(item.config)
        )
        try:
            return (yield)
        finally:
            faulthandler.cancel_dump_traceback_later()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        with _ended("the test", item):
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        with _ended("the setup of the test", item):
            yield

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        with _ended("the teardown of the test", item):
            yield


def _ended(part: str, item: pytest.Item) -> contextlib.AbstractContextManager[None]:
    """Limit the time of a part of a test."""
    return ended_after(_limit(item), stderr_of(item.config), f"{part} {item.nodeid}")


def _limit(item: pytest.Item) -> float:
    """Return the seconds that a test may take, and each of the parts around it."""
    kinds = {"nightly": NIGHTLY, "long": OTHERS, "slow": OTHERS}
    if said := item.get_closest_marker("minutes"):
        kinds["minutes"] = said.args[0]
    return PATIENCE * max(
        (kinds[one] for one in kinds if item.get_closest_marker(one)), default=QUICK
    )


def stderr_of(config: pytest.Config) -> int:
    """Return the descriptor of the standard error that pytest does not capture."""
    return config.stash[fault_handler_stderr_fd_key]


def kill_marked(*marks: bytes) -> None:
    """Kill the processes that have all these marks in their environment."""
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            environment = (place / "environ").read_bytes()
            if all(mark in environment for mark in marks) and int(place.name) != os.getpid():
                os.kill(int(place.name), signal.SIGKILL)
