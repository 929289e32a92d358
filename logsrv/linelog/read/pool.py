"""Work on frames by all cores, its results in the order of the tasks.

The first few tasks are done here: a search that the index has narrowed down is over before a process
could be started. The others are done by processes (`processes.py`, which is loaded only then).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from logsrv.cores import cores
from logsrv.linelog.read.plan import ReadTask, Work
from logsrv.linelog.read.processes import Processes

_ALONE = 12
# With fewer behind those, what `for_many` loads would take longer than it saves.
_MANY = 100


def worked(
    work: Work,
    tasks: Iterable[ReadTask],
    tell: Callable[[str], None],
    *,
    processes: int = 0,
    for_many: Callable[[], None] = lambda: None,
) -> Iterator[tuple[ReadTask, list[bytes]]]:
    """Yield each task with its results. Closing the iterator ends the processes.

    tell: gets a sentence for what failed. processes: at most so many; 0 for all cores.
    for_many: is called once, when there are many tasks, before they are begun.
    """
    left = iter(tasks)
    yield from _alone(work, islice(left, _ALONE), tell)
    some = list(islice(left, _MANY))
    if len(some) == _MANY:
        for_many()
    processes = processes or cores()
    if some and processes > 1:
        yield from Processes(work, tell, processes).run(chain(some, left))
    else:
        yield from _alone(work, chain(some, left), tell)


def _alone(
    work: Work, tasks: Iterable[ReadTask], tell: Callable[[str], None]
) -> Iterator[tuple[ReadTask, list[bytes]]]:
    for task in tasks:
        try:
            results = work(task)
        except (ValueError, OSError) as error:
            tell(str(error))
            results = []
        yield task, results
