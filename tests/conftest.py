"""Fixtures and hooks of every test: daemons in good order, and nothing of the make that runs the tests."""

import atexit
import gc
import inspect
import itertools
import os
import re
import signal
from collections.abc import Generator, Iterator
from functools import cache
from pathlib import Path

import pytest
import pytest_twisted
from _pytest import unittest
from hypothesis import HealthCheck, settings

from tests import forks, leaks, short_ids
from tests.failures import FailuresAtOnce
from tests.hangs import Alarm
from tests.parts.archives import Archives, Building
from tests.parts.chromium import Chromium
from tests.parts.daemon_logs import DAEMON_LOGS, check_log
from tests.parts.once import folder_of_all_workers

# CI uses the same examples each time: a new failure then comes from a change since the last run.
# (Newer versions of Hypothesis detect CI by themselves; the oldest one that we support does not.)
IN_CI = os.environ.get("CI") == "true"
# No test fails because it is slow: the machine may be busy with something else.
settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=IN_CI,
    max_examples=int(os.environ.get("EXAMPLES", "25")),
)
settings.load_profile("untimed")

ROOT = Path(__file__).parent.parent
# Numbers of the folders of tests in this process, which has a folder of its own for them.
_numbers = itertools.count()


def pytest_addoption(parser: pytest.Parser) -> None:
    forks.add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    # pytest 9 reads the version of Twisted from a file before each test: 5 s of CPU in all.
    if (version := getattr(unittest, "_get_twisted_version", None)) is not None:
        unittest._get_twisted_version = cache(version)
    config.pluginmanager.register(Alarm())
    config.pluginmanager.register(leaks)
    config.pluginmanager.register(short_ids, short_ids.__name__)
    config.pluginmanager.register(forks)
    config.pluginmanager.register(FailuresAtOnce(config))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Generator[None, object, object]:
    """Exclude modules and collected tests, which stay to the end, from garbage collection.

    With 9,000 tests a full collection goes through 400,000 objects, and takes 0.3 s; 1.3 s on a busy
    machine. Later collections only go through the objects of the tests. At the exit of Python the objects
    are collected again: without that, libraries in C++ print a list of leaks.
    """
    gc.disable()
    atexit.register(gc.unfreeze)
    try:
        with forks.compiling_beside(session.config):
            return (yield)
    finally:
        gc.freeze()
        # A thirtieth of the CPU goes to young collections with the usual 700, 10 and 10.
        gc.set_threshold(20_000, 20, 50)
        gc.enable()


def pytest_itemcollected(item: pytest.Item) -> None:
    """Let the reactor run a test that is `async def`."""
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        pytest_twisted.ensureDeferred(item.obj)


@pytest.fixture(autouse=True, scope="session")
def interrupts() -> None:
    """Let Ctrl-C and SIGHUP reach children also in the background, where a shell or nohup ignores them."""
    for number, usual in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(autouse=True, scope="session")
def environment_of_children() -> Iterator[None]:
    """Remove the words of `make test ARGS=…`, which a make that a test runs would use too.

    Remove also the size of the terminal: help and pages are wrapped at it.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONWARNINGS", "default::ResourceWarning")
        ours = ("ARGS", "PYTHON", "PYTEST", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")
        for name in (*ours, "COLUMNS", "LINES"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(autouse=True, scope="session")
def priority_of_this_process() -> Iterator[None]:
    """Let no command that a test calls in this process lower its priority: further tests would have it too.

    With four such tests before them, others, and their daemons, waited up to a hundred times their CPU.
    """
    process, usual = os.getpid(), os.nice
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "nice", lambda more: usual(more if os.getpid() != process else 0))
        yield


@pytest.fixture
def tmp_path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the test alone, with the beginning of its name, as pytest's own is.

    Pytest's looks at the names of all folders before, and makes a link to the newest.
    """
    name = re.sub(r"\W", "_", request.node.name)[:26]
    folder = tmp_path_factory.getbasetemp() / f"{name}{next(_numbers)}"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(autouse=True)
def nothing_wrong_in_a_daemon(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail the test if one of its daemons leaves a socket, a file or a process open, or logs an error.

    It reads the logs of `TwistdProcess`, and others of that name. A test marks with `complains` the errors
    that it expects.
    """
    if "tmp_path" not in request.fixturenames:
        yield
        return
    directory: Path = request.getfixturevalue("tmp_path")
    yield
    for log in directory.rglob(DAEMON_LOGS):
        check_log(log, asked_for(request))


def asked_for(request: pytest.FixtureRequest) -> list[str]:
    """Return the expressions of the errors that a test expects."""
    return [pattern for mark in request.node.iter_markers("complains") for pattern in mark.args]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """The browser of all tests of this process: ask for `browser`."""
    with Chromium() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Chromium]:
    """A browser without pages; those that a test opens are left at its end."""
    chromium.restart_if_ended()
    yield chromium
    chromium.close_pages()


@pytest.fixture(scope="session")
def building(tmp_path_factory: pytest.TempPathFactory) -> Building:
    """Builder of the source distribution and the wheel of this checkout, as a release builds them."""
    return Building(folder_of_all_workers(tmp_path_factory))


@pytest.fixture(scope="session")
def archives(building: Building, tmp_path_factory: pytest.TempPathFactory) -> Archives:
    """Source distribution and wheel of this checkout, uncommitted changes included; built once."""
    return building.once(folder_of_all_workers(tmp_path_factory) / "archives")


@pytest.fixture(scope="session")
def wheel(archives: Archives) -> Path:
    """A wheel of this checkout."""
    return archives.wheel
