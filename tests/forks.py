"""A plugin of pytest: with `--forks 4` forks of the process that has collected the tests run them.

Each worker of xdist, which we had, collected everything by itself: four of them 40 s of CPU for the quick
tests. A fork takes a tenth of a second, so there can be as many as keep all cores busy. A test whose worker
dies fails, and the other tests run.

`Forks` is in the process that has collected: it deals numbers of tests, and passes the workers' reports on
to pytest. `work` is all that a worker does: it runs the tests whose numbers come, and sends their reports.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
import traceback
import uuid
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NoReturn

import pytest
from _pytest import tmpdir
from _pytest.assertion.rewrite import PYC_TAIL, get_cache_dir
from _pytest.logging import caplog_records_key
from _pytest.runner import runtestprotocol
from twisted.internet import reactor

from tests.hangs import kill_marked, stderr_of
from tests.scheduling import files_together, pieces

ROOT = Path(__file__).parent.parent
# The seconds from which --durations may list a setup or a teardown.
LONG = 0.1
# Those of xdist, which what a test starts may look for: they name a worker, and the run.
WORKER, WORKERS, RUN = (f"PYTEST_XDIST_{name}" for name in ("WORKER", "WORKER_COUNT", "TESTRUNUID"))


def add_options(parser: pytest.Parser) -> None:
    """Add those of the command line."""
    group = parser.getgroup("forks")
    group.addoption(
        "--forks", type=int, metavar="N", help="run the tests in N forks of this process"
    )
    group.addoption(
        "--files-together",
        action="store_true",
        help="with --forks: one of them runs all tests of a file",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Let forks run the tests, if they are asked for."""
    if not session.config.getoption("forks") or session.config.option.collectonly:
        return None
    if session.testsfailed and not session.config.option.continue_on_collection_errors:
        errors = "error" if session.testsfailed == 1 else "errors"
        raise session.Interrupted(f"{session.testsfailed} {errors} during collection")
    Forks(session).run()
    return True


@contextlib.contextmanager
def compiling_beside(config: pytest.Config) -> Iterator[None]:
    """Let a fork compile test modules meanwhile, from the last one on, until it meets the collection.

    In a fresh clone that is 11 s of CPU, for which one of two cores would wait.
    """
    if not config.getoption("forks") or sys.dont_write_bytecode:
        yield
        return
    if not (pid := fork()):
        with contextlib.suppress(BaseException):
            compile_from_the_end(config)
        os._exit(0)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def compile_from_the_end(config: pytest.Config) -> None:
    paths = [config.invocation_params.dir / word.partition("::")[0] for word in config.args]
    files = {file for path in paths for file in (path, *path.rglob("test_*.py")) if file.is_file()}
    for file in sorted(files, reverse=True):
        compiled = get_cache_dir(file) / (file.stem + PYC_TAIL)
        if compiled.exists() and compiled.stat().st_mtime > file.stat().st_mtime:
            return
        # An error of the import is reported when the module is collected.
        with contextlib.suppress(Exception, pytest.skip.Exception):
            importlib.import_module(".".join(file.relative_to(ROOT).with_suffix("").parts))


def fork() -> int:
    """Fork without Python's warning of threads: those of libraries know of forks, and hold no lock now."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


class Worker:
    """A fork, as the process that deals the tests has it."""

    def __init__(self, name: str, pid: int, connection: Connection) -> None:
        self.name = name
        self.pid = pid
        self.connection = connection
        # The tests that it has got, and whose end it has not reported.
        self.tests: deque[int] = deque()


class Forks:
    """Deals the tests to forks, and passes their reports on to pytest."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._config = session.config
        self._run = uuid.uuid4().hex
        self._number: int = session.config.getoption("forks")
        names = [item.nodeid for item in session.items]
        together = session.config.getoption("files_together")
        self._waiting = deque(files_together(names) if together else pieces(names, self._number))
        self._workers: list[Worker] = []
        self._begun = 0
        # As each needs one for the folders of its tests.
        self._folder = tmpdir.TempPathFactory.from_config(
            self._config, _ispytest=True
        ).getbasetemp()

    def run(self) -> None:
        """Run all tests. Raises what ends a run early, when the forks have ended."""
        try:
            while self._waiting or self._workers:
                while self._waiting and len(self._workers) < self._number:
                    self._begin()
                self._wait_for_reports()
                if self._session.shouldfail:
                    raise self._session.Failed(self._session.shouldfail)
                if self._session.shouldstop:
                    raise self._session.Interrupted(self._session.shouldstop)
        finally:
            self._end()

    def _begin(self) -> None:
        name = f"gw{self._begun}"
        self._begun += 1
        ours, its = Pipe()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if not (pid := fork()):
            for connection in (ours, *(worker.connection for worker in self._workers)):
                connection.close()
            os.environ.update({WORKER: name, WORKERS: str(self._number), RUN: self._run})
            work(self._session, its, self._folder / f"popen-{name}")
        its.close()
        worker = Worker(name, pid, ours)
        self._workers.append(worker)
        self._deal(worker)

    def _deal(self, worker: Worker) -> None:
        """Give a worker its next tests; none is the end."""
        tests = self._waiting.popleft() if self._waiting else []
        worker.tests.extend(tests)
        # One that has died is noticed where it is read.
        with contextlib.suppress(OSError):
            worker.connection.send(tests)

    def _wait_for_reports(self) -> None:
        """Wait until workers report something, or one has died."""
        ready = wait([worker.connection for worker in self._workers], timeout=1)
        for worker in [*self._workers]:
            if worker.connection in ready:
                try:
                    self._report(worker, worker.connection.recv())
                    continue
                except (EOFError, OSError):
                    os.waitpid(worker.pid, 0)
            # Others may have the other end of its pipe, so it has no end.
            elif not has_died(worker.pid):
                continue
            self._workers.remove(worker)
            worker.connection.close()
            if worker.tests:
                self._report_death(worker)

    def _report(self, worker: Worker, reports: Sequence[dict[str, Any]]) -> None:
        """Report a test that is over, or what went wrong after the last one."""
        hook = self._config.hook
        for data in reports:
            hook.pytest_runtest_logreport(
                report=hook.pytest_report_from_serializable(config=self._config, data=data)
            )
        if worker.tests:
            item = self._session.items[worker.tests.popleft()]
            hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
            if not worker.tests:
                self._deal(worker)

    def _report_death(self, worker: Worker) -> None:
        """Fail the test that was running; another worker gets those behind it."""
        kill_marked(
            *(f"{name}={of}\0".encode() for name, of in ((WORKER, worker.name), (RUN, self._run)))
        )
        item = self._session.items[worker.tests.popleft()]
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=f"worker {worker.name} crashed while running {item.nodeid!r}",
            when="call",
        )
        self._config.hook.pytest_runtest_logreport(report=report)
        if worker.tests:
            self._waiting.appendleft([*worker.tests])

    def _end(self) -> None:
        """Let the workers end after the tests that they run, if that is early."""
        for worker in self._workers:
            worker.connection.close()
        for worker in self._workers:
            os.waitpid(worker.pid, 0)


def has_died(pid: int) -> bool:
    """Return whether a child has ended, and forget it."""
    return os.waitpid(pid, os.WNOHANG)[0] != 0


class ReportSender:
    """A plugin of a worker: it sends the reports of a test that is over in one message."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        """Run a test; report its call, and a setup or a teardown that has not passed or was long."""
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
        self.send(
            item,
            [one for one in reports if one.when == "call" or not one.passed or one.duration > LONG],
        )
        return True

    def send(self, item: pytest.Item, reports: Sequence[pytest.TestReport]) -> None:
        hook = item.config.hook
        self._connection.send(
            [
                hook.pytest_report_to_serializable(config=item.config, report=report)
                for report in reports
            ]
        )


def work(session: pytest.Session, connection: Connection, folder: Path) -> NoReturn:
    """Run the tests whose numbers come, until none come; end this process."""
    status, item = 1, None
    try:
        become_worker(session.config, folder)
        sender = ReportSender(connection)
        session.config.pluginmanager.register(sender)
        for number, following in received_tests(connection):
            item = session.items[number]
            # What comes behind the last is not known yet: all of its file ends, nothing of the session.
            behind = session if following is None else session.items[following]
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=behind)
        if item:
            end_session(item, sender)
        status = 0
    except KeyboardInterrupt:
        # Daemons of its tests would go on. Nobody may hear what goes wrong.
        with contextlib.suppress(BaseException):
            if item:
                end_session(item, sender)
    except BaseException:
        os.write(stderr_of(session.config), traceback.format_exc().encode())
    finally:
        # Without the teardown of modules, and of objects which are the other process's too.
        os._exit(status)


def received_tests(connection: Connection) -> Iterator[tuple[int, int | None]]:
    """Yield the numbers of the tests that come, each with that of the one behind it, until the end."""
    with contextlib.suppress(EOFError, OSError):
        while tests := connection.recv():
            for number, following in zip(tests, [*tests[1:], None], strict=True):
                yield number, following
                # An end that comes early is that of the pipe.
                if following is not None and connection.poll():
                    return


class SilentReporter:
    """Stands for the reporter of the terminal, which pytest asks how to explain an assertion."""

    def __init__(self, writer: Any) -> None:
        self._tw = writer


def become_worker(config: pytest.Config, folder: Path) -> None:
    """Let go of what two processes may not share: what is captured, and what the reactor waits with."""
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()
    capture.start_global_capturing()
    config.option.basetemp = str(folder)
    tmpdir.pytest_configure(config)
    silent = SilentReporter(config.get_terminal_writer())
    config.pluginmanager.unregister(name="terminalreporter")
    config.pluginmanager.register(silent, "terminalreporter")
    signal.set_wakeup_fd(-1)
    # It has not run, so it knows nothing yet. Modules have imported this object.
    reactor.__init__()  # type: ignore[misc]


def end_session(item: pytest.Item, sender: ReportSender) -> None:
    """End the fixtures of the session; what goes wrong there is reported as of the last test."""
    # A test has lost them at its own end, and the hook takes them away again.
    item.stash[caplog_records_key] = {}
    call = pytest.CallInfo.from_call(
        lambda: item.ihook.pytest_runtest_teardown(item=item, nextitem=None), when="teardown"
    )
    report = item.ihook.pytest_runtest_makereport(item=item, call=call)
    if not report.passed:
        sender.send(item, [report])
