"""What every test has: daemons in good order, and nothing of the make that runs us."""

from __future__ import annotations

import atexit
import gc
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from logsrv.linelog.read.view import View
from tests.daemon_logs import DAEMON_LOGS, check_log

# No test is about time: the machine may be busy with something else. (settings() is CI's profile there.)
settings.register_profile(
    "untimed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("untimed")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep modules and collected tests, which stay to the end, from the garbage collector.

    With 9,000 tests a full collection goes through 400,000 objects, and takes 0.3 s; 1.3 s on a busy
    machine. Those after this go through what the tests have made. At the end of Python all is given back:
    libraries in C++ print what they have lost otherwise.
    """
    gc.disable()
    atexit.register(gc.unfreeze)
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True, scope="session")
def interrupts() -> None:
    """Ctrl-C and SIGHUP reach children also in the background, where a shell or nohup ignores them."""
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(autouse=True, scope="session")
def environment_of_children() -> Iterator[None]:
    """Without the words of `make test ARGS=…`, which a make that a test runs would take for its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "default::ResourceWarning")
        for name in ("ARGS", "PYTHON", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True)
def nothing_wrong_in_a_daemon(request: pytest.FixtureRequest) -> Iterator[None]:
    """A daemon that leaves a socket, a file or a process open, or logs an error, fails its test.

    Those of `TwistdProcess`, and whose log is named so. A test marks with `complains` what it asks for.
    """
    if "tmp_path" not in request.fixturenames:
        yield
        return
    directory: Path = request.getfixturevalue("tmp_path")
    yield
    for log in directory.rglob(DAEMON_LOGS):
        check_log(log, asked_for(request))


def asked_for(request: pytest.FixtureRequest) -> list[str]:
    """Return the expressions of the errors that a test asks for."""
    return [pattern for mark in request.node.iter_markers("complains") for pattern in mark.args]


@pytest.fixture(autouse=True)
def views(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close what tests read stores with, as the end of a program does: each has files open."""
    opened: list[View] = []
    entered, closed = View.__init__, View.close

    def enter(self: View, *arguments: Any, **named: Any) -> None:
        entered(self, *arguments, **named)
        opened.append(self)

    def close(self: View) -> None:
        closed(self)
        if self in opened:
            opened.remove(self)

    monkeypatch.setattr(View, "__init__", enter)
    monkeypatch.setattr(View, "close", close)
    yield
    for view in list(opened):
        view.close()
