"""Work on frames by all cores, its results in the order of the tasks.

The first few tasks are done here: a search that the index has narrowed down is over before a process
could be started. The others are done by processes (`processes.py`, which is loaded only then).
"""

from __future__ import annotations

import os
from itertools import chain, islice

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from logsrv.linelog.read.plan import ReadTask, Work

_ALONE = 12
# With fewer behind those, what `for_many` loads would take longer than it saves.
_MANY = 100


class Pool:
    """Processes that do `work`, at most `processes` of them; `tell` gets a sentence for what failed.

    for_many: is called once, when there are many tasks, before they are begun.
    """

    def __init__(
        self,
        work: Work,
        tell: Callable[[str], None],
        processes: int = 0,
        for_many: Callable[[], None] = lambda: None,
    ) -> None:
        self._work = work
        self._tell = tell
        self._processes = processes or len(os.sched_getaffinity(0))
        self._for_many = for_many

    def run(self, tasks: Iterable[ReadTask]) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Yield each task with its results. Closing the iterator ends the processes."""
        left = iter(tasks)
        for number, task in enumerate(left, 1):
            yield task, self._alone(task)
            if number == _ALONE:
                some = list(islice(left, _MANY))
                left = chain(some, left)
                if len(some) == _MANY:
                    self._for_many()
                yield from self._together(left) if self._processes > 1 else self._others(left)

    def _others(self, tasks: Iterator[ReadTask]) -> Iterator[tuple[ReadTask, list[bytes]]]:
        for task in tasks:
            yield task, self._alone(task)

    def _together(self, tasks: Iterator[ReadTask]) -> Iterator[tuple[ReadTask, list[bytes]]]:
        from logsrv.linelog.read.processes import Processes

        return Processes(self._work, self._tell, self._processes).run(tasks)

    def _alone(self, task: ReadTask) -> list[bytes]:
        try:
            return self._work(task)
        except (ValueError, OSError) as error:
            self._tell(str(error))
            return []
