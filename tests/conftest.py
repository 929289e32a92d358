"""What every test has: daemons in good order, and nothing of the make that runs us."""

from __future__ import annotations

import atexit
import gc
import os
import signal
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

from tests import leaks
from tests.archives import Archives, Building
from tests.daemon_logs import DAEMON_LOGS, check_log
from tests.hangs import Alarm

# CI takes the same examples each time: they find what was broken since.
# (Newer versions of Hypothesis know by themselves that they run there; the oldest that we take does not.)
IN_CI = os.environ.get("CI") == "true"
# No test is about time: the machine may be busy with something else.
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=IN_CI,
    max_examples=int(os.environ.get("EXAMPLES", "25")),
)
settings.load_profile("untimed")

DEBIAN = "tests/debian/"


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Alarm())
    config.pluginmanager.register(leaks)


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


class FilesTogether(LoadFileScheduling):
    """Gives a file's tests to one worker, and all tests of Debian's dear package."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return DEBIAN if file.startswith(DEBIAN) else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesTogether | None:
    """Not by marks: with pytest 9.2 xdist 3.8 passes over them (pytest-dev/pytest-xdist, issue 1386)."""
    return FilesTogether(config, log) if config.getoption("dist") == "loadfile" else None


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
    """Without the words of `make test ARGS=…`, which a make that a test runs would take for its own.

    And without the size of the terminal: help and pages are broken into lines by it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "default::ResourceWarning")
        ours = ("ARGS", "PYTHON", "PYTEST", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")
        for name in (*ours, "COLUMNS", "LINES"):
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


@pytest.fixture(scope="session")
def building(tmp_path_factory: pytest.TempPathFactory) -> Building:
    """What builds source distribution and wheel of this checkout, as a release does."""
    return Building(tmp_path_factory.mktemp("archives"))


@pytest.fixture(scope="session")
def archives(building: Building) -> Archives:
    """Source distribution and wheel of this checkout, with what is not committed; built once."""
    return building.build("first")


@pytest.fixture(scope="session")
def wheel(archives: Archives) -> Path:
    """A wheel of this checkout."""
    return archives.wheel
