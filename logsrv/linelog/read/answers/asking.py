"""An answer put together from several sources: which of them is asked about which lines, and when.

`| count by client` asks parts that are remembered, the index, columns, and text; a search for lines asks
columns and text. `Search.ask` gives the planned frames, and the processes that do the tasks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from logsrv.linelog.columns import OnlyTextTells
from logsrv.linelog.read.answers.sources import AnswerSource
from logsrv.linelog.read.plan import GroupRead, PlannedRead, ReadTask, SearchStats, chosen_tasks
from logsrv.linelog.read.pool import run_tasks
from logsrv.linelog.read.task_reader import TaskReader
from logsrv.linelog.read.texts import SegmentFrames
from logsrv.linelog.store.disk import explanation

_FOUND, _UNUSABLE, _TEXT = b"found", b"unusable", b"text"


class GroupAnswer(NamedTuple):
    """The answer of a task for row groups.

    results: None if the frames that they replace must be read instead. why: why the columns are unusable;
    "" if they are sound, and only the text tells.
    """

    results: list[bytes] | None = None
    why: str = ""

    def to_parts(self) -> list[bytes]:
        """Return the parts in which a process sends this: a word, then what belongs to it."""
        if self.results is not None:
            return [_FOUND, *self.results]
        return [_UNUSABLE, self.why.encode(errors="surrogateescape")] if self.why else [_TEXT]

    @classmethod
    def from_parts(cls, parts: list[bytes]) -> GroupAnswer:
        match parts:
            case [word, *results] if word == _FOUND:
                return cls(results)
            case [word, why] if word == _UNUSABLE:
                return cls(why=why.decode(errors="surrogateescape"))
            case _:
                return cls()


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
        """Return the results of a task; of one for row groups, the parts of a GroupAnswer."""
        return self._answer_of_groups(task).to_parts() if task.group else self._answer(task)

    def _answer_of_groups(self, task: ReadTask) -> GroupAnswer:
        try:
            return GroupAnswer(self._answer(task))
        except OnlyTextTells:
            return GroupAnswer()
        except (OSError, ValueError) as error:
            return GroupAnswer(why=explanation(error))

    def collect(
        self, task: ReadTask, results: list[bytes]
    ) -> Iterator[tuple[ReadTask, list[bytes]]]:
        """Yield a task with its results, or the frames that have to be read instead with theirs."""
        replaced = self._replaced.pop(task, None)
        if replaced is None:
            yield task, self._collected(results)
            return
        answer = GroupAnswer.from_parts(results)
        if answer.results is not None:
            yield task, self._collected(answer.results)
        else:
            if answer.why:
                self._reader.report_unusable_columns(task.segment, answer.why)
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
