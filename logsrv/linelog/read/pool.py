"""Work on frames by all cores, with results in the order of the tasks.

The first few tasks are done in this process: a search that the index has narrowed down ends before a child
could start. Forked processes do the others. A free process takes its next task from one common pipe, and
returns results through a pipe of its own. Only a few results wait at any time, which bounds the memory.
"""

from __future__ import annotations

import os
import selectors
import signal
import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice

from logsrv.cores import cores
from logsrv.descriptor import Descriptor
from logsrv.errors import LogsrvError
from logsrv.kit.children.starting import fork
from logsrv.linelog.read.plan import ReadTask, Work
from logsrv.linelog.store.segment import LONGEST_NUMBER

# Frames, or row groups.
_ALONE = 12
# With fewer tasks left after the first _ALONE, `for_many` is not called: it would take longer than it
# saves.
_MANY = 100


def run_tasks(
    work: Work,
    tasks: Iterable[ReadTask],
    tell: Callable[[str], None],
    *,
    processes: int = 0,
    for_many: Callable[[], None] = lambda: None,
) -> Iterator[tuple[ReadTask, list[bytes]]]:
    """Yield each task with its results. Closing the iterator ends the processes.

    tell: gets a sentence for each failure. processes: the greatest number of them; 0 for one per core.
    for_many: is called once before the forks, if there are many tasks, to prepare for them.
    """
    left = iter(tasks)
    yield from _run_in_this_process(work, _first(left), tell)
    some = list(islice(left, _MANY))
    if len(some) == _MANY:
        for_many()
    processes = processes or cores()
    if some and processes > 1:
        yield from SearchProcesses(work, tell, processes).run(chain(some, left))
    else:
        yield from _run_in_this_process(work, chain(some, left), tell)


def _first(tasks: Iterator[ReadTask]) -> Iterator[ReadTask]:
    """Yield tasks for _ALONE frames or row groups."""
    done = 0
    while done < _ALONE and (task := next(tasks, None)):
        done += task.groups
        yield task


def _run_in_this_process(
    work: Work, tasks: Iterable[ReadTask], tell: Callable[[str], None]
) -> Iterator[tuple[ReadTask, list[bytes]]]:
    for task in tasks:
        try:
            results = work(task)
        except (ValueError, OSError) as error:
            tell(str(error))
            results = []
        yield task, results


_AHEAD = 4
# The index of a task among all tasks, and the task. The number of its segment may tell the name of a store.
_TASK = struct.Struct(f"=Q{LONGEST_NUMBER}sQQ?QQQ")
# The index of the task, whether it succeeded, the number of results and their bytes in all.
_RESULT = struct.Struct("=Q?QQ")


class SearchProcesses:
    """A given number of processes that do `work`. tell: gets a sentence for each failure."""

    def __init__(self, work: Work, tell: Callable[[str], None], processes: int) -> None:
        self._work = work
        self._tell = tell
        self._processes = processes
        self._workers: dict[int, int] = {}

    def run(self, tasks: Iterator[ReadTask]) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Yield each task with its results. Closing the iterator ends the processes."""
        first = next(tasks, None)
        if first is None:
            return
        take, give = os.pipe()
        ready = selectors.DefaultSelector()
        try:
            with Descriptor(take):
                for _ in range(self._processes):
                    ready.register(*self._fork_worker(take, give))
            yield from self._distribute_tasks(first, tasks, give, ready)
        finally:
            os.close(give)
            ready.close()
            for result, process in self._workers.items():
                os.close(result)
                os.kill(process, signal.SIGKILL)
                os.waitpid(process, 0)
            self._workers.clear()

    def _fork_worker(self, take: int, give: int) -> tuple[int, int, bytearray]:
        read, write = os.pipe()
        try:
            process = fork()
        except OSError:
            os.close(read)
            os.close(write)
            raise
        if not process:
            status = 1
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGPIPE, signal.SIG_DFL)
                os.close(give)
                for other in (read, *self._workers):
                    os.close(other)
                self._do_tasks(take, write)
                status = 0
            except BaseException:
                # The parent sees only that the process has ended. To import `traceback` takes 7 ms.
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(status)
        os.close(write)
        self._workers[read] = process
        return read, selectors.EVENT_READ, bytearray()

    def _do_tasks(self, take: int, write: int) -> None:
        """Do tasks until the common pipe is closed. It runs in the children."""
        while wanted := os.read(take, _TASK.size):
            number, segment, *task = _TASK.unpack(wanted)
            fine = True
            try:
                results = self._work(ReadTask(int.from_bytes(segment), *task))
            except (ValueError, OSError) as error:
                # A path in the message may be any bytes.
                fine, results = False, [str(error).encode(errors="surrogateescape")]
            lengths = array("Q", map(len, results)).tobytes()
            data = b"".join((lengths, *results))
            left = memoryview(_RESULT.pack(number, fine, len(results), len(data)) + data)
            while left:
                left = left[os.write(write, left) :]

    def _distribute_tasks(
        self, first: ReadTask, tasks: Iterator[ReadTask], give: int, ready: selectors.BaseSelector
    ) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Write tasks to the common pipe, a few for each process, and yield the results in order."""
        waiting: dict[int, ReadTask] = {}
        done: dict[int, list[bytes]] = {}
        given = taken = 0
        task: ReadTask | None = first
        while task is not None or waiting:
            while task is not None and given - taken < _AHEAD * self._processes:
                segment, *others = task
                os.write(give, _TASK.pack(given, segment.to_bytes(LONGEST_NUMBER), *others))
                waiting[given] = task
                given += 1
                task = next(tasks, None)
            while taken in done:
                yield waiting.pop(taken), done.pop(taken)
                taken += 1
            if given > taken:
                for key, _ in ready.select():
                    done.update(self._read_results(key.fd, key.data))

    def _read_results(self, result: int, buffer: bytearray) -> Iterator[tuple[int, list[bytes]]]:
        piece = os.read(result, 1 << 20)
        if not piece:
            raise LogsrvError("a process of this search ended unexpectedly; was it killed?")
        buffer += piece
        while len(buffer) >= _RESULT.size:
            number, fine, count, size = _RESULT.unpack_from(buffer)
            end = _RESULT.size + size
            if len(buffer) < end:
                return
            data = bytes(memoryview(buffer)[_RESULT.size : end])
            del buffer[:end]
            results = _split_results(data, count)
            if not fine:
                self._tell(results[0].decode(errors="surrogateescape"))
            yield number, results if fine else []


def _split_results(data: bytes, count: int) -> list[bytes]:
    lengths = array("Q", data[: count * 8])
    offset = count * 8
    results = []
    for length in lengths:
        results.append(data[offset : offset + length])
        offset += length
    return results
