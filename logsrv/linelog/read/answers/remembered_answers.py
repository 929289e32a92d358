"""Parts of earlier answers as a source of an answer; memory for them is in remembered.py.

It is apart from the other sources because a search for lines asks none, and need not load OpenSSL.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import blake2b, sha256

from logsrv.linelog.read.answers.sources import AnswerSource, ColumnAnswers
from logsrv.linelog.read.plan import ReadTask, Work
from logsrv.linelog.read.remembered import KEY
from logsrv.linelog.read.task_reader import TaskReader


class RememberedAnswers(AnswerSource):
    """What the same lines added before, by notes of other processes, if the view has a memory.

    question: what is asked of the lines that fulfil the query; empty if its parts are not remembered.
    columns: tell of which lines a task for row groups is.
    """

    def __init__(self, reader: TaskReader, columns: ColumnAnswers, question: str) -> None:
        self._reader, self._columns = reader, columns
        self._memory = reader.view.remembered if question else None
        self._question = f"{question} {reader.matcher.node}"

    def answer(self, task: ReadTask, following: Work) -> list[bytes]:
        identity = self._identity_of(task) if self._memory is not None else None
        if self._memory is None or not identity:
            return following(task)
        key = key_of_part(self._question, identity)
        found = self._memory.get(key)
        return [*(following(task) if found is None else [found]), key]

    def collect(self, results: list[bytes]) -> list[bytes]:
        if self._memory is not None and len(results) > 1:
            self._memory.add(results[1], results[0])
        return results[:1]

    def _identity_of(self, task: ReadTask) -> list[int | bytes] | None:
        """Return what tells the lines of a task from all others; None if it is not known."""
        if self._reader.scope.source or not task.in_time or task.place:
            return None
        if task.group:
            return self._columns.identity_of(task)
        return self._reader.identity_of_text(task, _digest_of)


def _digest_of(pieces: Iterator[bytes]) -> bytes:
    # With the processor's instructions it takes half the time of BLAKE2.
    found = sha256()
    for piece in pieces:
        found.update(piece)
    return found.digest()


def key_of_part(question: str, lines: Sequence[int | bytes]) -> bytes:
    """Return the key of what some lines add to a question. lines: what tells them from all others."""
    return blake2b(f"{question} {lines}".encode(errors="surrogatepass"), digest_size=KEY).digest()
