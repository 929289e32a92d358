"""An answer put together from several sources: which of them is asked about which lines, and when.

`| count by client` asks parts that are remembered, the index, columns, and text; a search for lines asks
columns and text. `Search.ask` gives the planned frames, and the processes that do the tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from logsrv.linelog.columns import OnlyTextTells
from logsrv.linelog.read.answers.sources import AnswerSource
from logsrv.linelog.read.plan import GroupRead, PlannedRead, ReadTask, SearchStats, chosen_tasks
from logsrv.linelog.read.pool import run_tasks
from logsrv.linelog.read.task_reader import TaskReader
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.store.disk import explanation


class Asking:
    """Some sources of an answer, the first to be asked first; the last one, text, can always answer.

        plan     in this process, for each segment: each source takes over what it can answer for less
        answer   here or in a forked process, for each task that is left: the first that can answers
        collect  in this process, for each task: each source looks at the answer

    Columns may turn out to be damaged, or not to tell all (OnlyTextTells), when a task for row groups is
    done. Then `collect` asks about the frames that these have replaced, in this process.
    """

    def __init__(
        self, sources: Sequence[AnswerSource], reader: TaskReader, stats: SearchStats
    ) -> None:
        self._sources, self._reader, self._stats = sources, reader, stats
        self._replaced: dict[ReadTask, GroupRead] = {}
        self._answer = _no_source
        for source in reversed(sources):
            self._answer = partial(source.answer, following=self._answer)

    def plan(self, frames: SegmentFrames, reads: Iterable[PlannedRead]) -> Iterator[PlannedRead]:
        """Yield what is to be read of the frames of a segment that may have hits."""
        for source in self._sources:
            reads = source.plan(frames, reads)
        for read in reads:
            if read.replaces is not None:
                self._replaced[read.task] = read.replaces
                self._stats.count_columns(read.replaces)
            yield read

    def answer(self, task: ReadTask) -> list[bytes]:
        """Return the results of a task. For row groups, b"" is before them.

        If the columns are unusable, this returns only why; if they are sound, but only the text tells,
        nothing at all.
        """
        if not task.group:
            return self._answer(task)
        try:
            return [b"", *self._answer(task)]
        except OnlyTextTells:
            return []
        except (OSError, ValueError) as error:
            return [explanation(error).encode(errors="surrogateescape")]

    def collect(
        self, task: ReadTask, results: list[bytes]
    ) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Yield a task with its results, or the frames that have to be read instead with theirs."""
        replaced = self._replaced.pop(task, None)
        if replaced is None:
            yield task, self._collected(results)
        elif results[:1] == [b""]:
            yield task, self._collected(results[1:])
        else:
            for why in results:
                self._reader.report_unusable_columns(
                    task.segment, why.decode(errors="surrogateescape")
                )
            tell = self._reader.view.report_damage
            for frame, found in run_tasks(
                self._answer, self._frames_of(replaced), tell, processes=1
            ):
                yield frame, self._collected(found)

    def _collected(self, results: list[bytes]) -> list[bytes]:
        for source in self._sources:
            results = source.collect(results)
        return results

    def _frames_of(self, read: GroupRead) -> Iterator[ReadTask]:
        """Yield the tasks for frames that row groups have replaced."""
        self._stats.count_columns(read, -1)
        segment = read.frames[0].task.segment
        frames = self._reader.open_segment(segment)
        if frames is None:
            self._reader.view.report_damage(self._reader.view.why_unread(segment))
            return iter(())
        return chosen_tasks(frames, read.frames, self._stats)


def _no_source(task: ReadTask) -> list[bytes]:
    raise AssertionError("the last source answers every task")
