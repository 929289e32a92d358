"""Processes give all results in order, tell what fails, and are gone when nobody wants more."""

import gc
import os
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import islice

import pytest

from logsrv.errors import LogsrvError
from logsrv.linelog.read import pool
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.pool import SearchProcesses, run_tasks
from tests.parts.waits import line_of


@pytest.mark.slow
def test_results_larger_than_any_pipe_arrive_whole():
    found = list(SearchProcesses(lambda task: [b"x" * 3_000_000], print, 3).run(iter(TASKS[:40])))
    assert [len(done[0]) for _, done in found] == [3_000_000] * 40


def test_closing_the_iterator_ends_the_processes():
    before = children()
    running = SearchProcesses(results, print, 3).run(iter(TASKS))
    assert len(list(islice(running, 50))) == 50
    assert len(children()) == len(before) + 3
    running.close()  # type: ignore[attr-defined]
    assert children() == before


def test_a_failed_task_is_reported_and_the_rest_goes_on():
    def work(task: ReadTask) -> list[bytes]:
        if task.segment in (3, 300):
            raise ValueError(f"logs\udcff/{task.segment} is damaged")
        return [b"fine"]

    told: list[str] = []
    found = list(SearchProcesses(work, told.append, 2).run(iter(TASKS)))
    assert told == ["logs\udcff/3 is damaged", "logs\udcff/300 is damaged"]
    assert sum(len(done) for _, done in found) == 498


def test_a_killed_process_is_an_error():
    def work(task: ReadTask) -> list[bytes]:
        if task.segment == 100:
            os.kill(os.getpid(), signal.SIGKILL)
        return []

    # Other tests of this worker may have left the server of daemons.
    before = children()
    with pytest.raises(LogsrvError, match="ended unexpectedly"):
        list(SearchProcesses(work, print, 2).run(iter(TASKS)))
    assert children() == before


def test_an_error_in_a_process_shows_its_traceback(capfd):
    def work(task: ReadTask) -> list[bytes]:
        if task.segment == 100:
            raise KeyError("x")
        return []

    with pytest.raises(LogsrvError, match="ended unexpectedly"):
        list(SearchProcesses(work, print, 2).run(iter(TASKS)))
    said = capfd.readouterr().err
    assert "in work" in said and said.endswith("\nKeyError: 'x'\n")


_SEARCH = """
import sys
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.pool import SearchProcesses
found = SearchProcesses(lambda _: [b"x"], print, 2).run(ReadTask(n, n, n) for n in range(1000))
next(found)
print("found", flush=True)
sys.stdin.read()
"""


def test_the_processes_of_a_killed_search_end_by_themselves():
    """As when the system kills it for want of memory: nobody else ends them."""
    command = [sys.executable, "-c", _SEARCH]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    ) as search:
        try:
            assert line_of(search.stdout) == b"found\n"
            search.kill()
            # They have its output open, too.
            assert line_of(search.stdout) == b""
        finally:
            with suppress(ProcessLookupError):
                os.killpg(search.pid, signal.SIGKILL)


def test_a_failed_fork_leaves_no_open_files(monkeypatch):
    def fail() -> int:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(pool, "fork", fail)
    before = sorted(os.listdir("/proc/self/fd"))
    with pytest.raises(BlockingIOError):
        next(SearchProcesses(results, print, 2).run(iter(TASKS)))
    assert sorted(os.listdir("/proc/self/fd")) == before


def test_a_child_frees_no_objects_of_its_parent():
    """It may hold what works in its own process only, such as a connection with threads."""
    read, write = os.pipe()

    class Connection:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            os.write(write, b"%d " % os.getpid())

    def work(task: ReadTask) -> list[bytes]:
        gc.collect()
        return []

    gc.disable()
    try:
        Connection()
        list(SearchProcesses(work, print, 2).run(iter(TASKS)))
    finally:
        gc.enable()
    gc.collect()
    assert os.read(read, 100) == b"%d " % os.getpid()
    os.close(read)
    os.close(write)


TASKS = [ReadTask(number, number * 2, number * 3) for number in range(500)]


def children() -> list[int]:
    path = f"/proc/self/task/{os.getpid()}/children"
    with open(path) as file:
        return [int(word) for word in file.read().split()]


def results(task: ReadTask) -> list[bytes]:
    return [b"%d" % task.segment * 1000, b"", b"%d" % os.getpid()]


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_results_come_in_the_order_of_the_tasks(processes):
    before = children()
    found = list(run_tasks(results, TASKS, print, processes=processes))
    assert [task for task, _ in found] == TASKS
    assert all(done[0] == b"%d" % task.segment * 1000 for task, done in found)
    # On a machine that is busy, one of several may be given nothing before all is done.
    at_work = len({done[2] for _, done in found})
    assert at_work == 1 if processes == 1 else 1 < at_work <= processes + 1
    assert children() == before


def test_a_few_tasks_start_no_process():
    found = list(run_tasks(results, TASKS[:5], print, processes=4))
    assert {done[2] for _, done in found} == {b"%d" % os.getpid()}


def test_only_many_tasks_are_prepared_for():
    """Loading NumPy takes as long as a search that the word index has narrowed down."""
    prepared: list[str] = []
    for count in (5, 50, 500):
        tasks = TASKS[:count]
        list(run_tasks(results, tasks, print, processes=2, for_many=lambda: prepared.append("now")))
    assert prepared == ["now"]


def test_tasks_are_taken_no_faster_than_their_results():
    taken = 0

    def counted() -> object:
        nonlocal taken
        for task in TASKS:
            taken += 1
            yield task

    running = run_tasks(results, counted(), print, processes=2)  # type: ignore[arg-type]
    for _ in islice(running, 30):
        pass
    assert taken < 160
    running.close()  # type: ignore[attr-defined]
