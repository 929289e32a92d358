"""Processes give all results in order, tell what fails, and are gone when nobody wants more."""

import gc
import os
import signal
from itertools import islice

import pytest

from logsrv.errors import LogsrvError
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.pool import SearchProcesses
from tests.linelog.read.test_pool import TASKS, children, results


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
