"""A message of many records, made step by step and stored when all of it is understood.

So of a message that is refused, no record is stored. Until then its records are kept as lines, which take
hardly more than their bytes; the caller that adds them bounds how much that may be.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator
from typing import Any, TypeVar

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.bodies.bodies import Records, WholeLines
from logsrv.linelog.framing.lines.records import LONG, frame_records, long_record
from logsrv.linelog.framing.lines.rules import (
    LineCounts,
    LineRules,
    Oversize,
    for_datagrams,
    for_structured,
)
from logsrv.linelog.inputs.intake.intake import Intake

Result = TypeVar("Result")
# The sentences about records that are not stored, by the reason.
_WHY = {
    "oversize": "dropped what is too long; the rest of the message is stored",
    "protocol": "dropped what is not as it should be; the rest of the message is stored",
}


class Gathering:
    """The records of one message.

    records: where they are added. rules: for those that are text. counts: where what is not stored as it
    came is counted. keeps: gets `kept` whenever it grows, and may refuse that.
    closing: why nothing behind the last of them may be stored, by --oversize close; None if it may.
    kept: bytes of the lines that wait until all is understood. stored: bytes that were stored so far.
    """

    def __init__(
        self,
        records: Records,
        rules: LineRules,
        counts: LineCounts,
        keeps: Callable[[int], None] = lambda kept: None,
    ) -> None:
        self.records = records
        self.closing: str | None = None
        self.kept = self.stored = 0
        self._rules = rules
        self._counts = counts
        self._keeps = keeps
        self._ready: Iterator[Block] = iter(())
        self._blocks: deque[Block] = deque()

    @classmethod
    def of(
        cls, blocks: Iterator[Block], closing: str | None, as_text: int, reasons: Counter[str]
    ) -> Gathering:
        """Return the records that somebody else has gathered and counted."""
        gathered = cls(Records(), LineRules(), LineCounts())
        gathered._ready, gathered.closing = blocks, closing
        gathered.records.as_text, gathered.records.reasons = as_text, reasons
        return gathered

    def steps(self, making: Generator[Any, None, Result]) -> Generator[Any, None, Result]:
        """Take the steps of `making`, keep the records that it adds, and return its result."""
        while True:
            try:
                step = next(making)
            except StopIteration as end:
                result: Result = end.value
                break
            yield from self._keep()
            yield step
        yield from self._keep()
        return result

    def _keep(self) -> Iterator[None]:
        for block in self._framed():
            self._blocks.append(block)
            self.kept += len(block)
            self._keeps(self.kept)
            yield

    def blocks(self) -> Iterator[Block]:
        """Yield the lines of all that was added, and keep them no longer."""
        yield from self._ready
        while self._blocks:
            yield self._blocks.popleft()
        yield from self._framed()

    def store(self, intake: Intake, source: str) -> Iterator[None]:
        """Store all, and count what is not stored or not as it was promised to be."""
        for block in self.blocks():
            self.stored += len(block)
            intake.take(block, source)
            yield
        if self.records.as_text:
            intake.as_text(source, self.records.as_text)
        for reason, number in self.records.reasons.items():
            intake.drop(source, reason, _WHY[reason], number)

    def _framed(self) -> Iterator[Block]:
        """Give the lines of what was added since it was last called."""
        counts, rules = self._counts, self._rules
        in_pieces = rules.oversize is not Oversize.CLOSE
        for run in self.records.take():
            if self.closing is not None:
                counts.dropped_closed += run.size
            elif isinstance(run, WholeLines):
                yield Block.of(run.text)
            elif in_pieces and not run.structured and run.size > LONG:
                for record in run.lines:
                    yield from long_record(record, rules, counts)
            else:
                # Whoever adds a structured record has looked how long it is.
                limits = for_structured(rules, sys.maxsize) if run.structured else rules
                block, self.closing = frame_records(run.lines, limits, counts)
                if block is not None:
                    yield block


def store_from_datagrams(intake: Intake, records: Records, source: str) -> None:
    """Store records that came in datagrams. source: as the intake gives it."""
    for _ in Gathering(records, for_datagrams(intake.rules), intake.counts).store(intake, source):
        pass
