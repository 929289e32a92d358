"""Work by several processes: results in order, bounded, and nobody left behind."""

import os
from itertools import islice

import pytest

from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.pool import run_tasks

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
