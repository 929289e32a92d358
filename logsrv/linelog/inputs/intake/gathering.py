"""A message of many records, made step by step and stored when all of it is understood.

So what is refused has no record stored. Until then its records are kept as lines, which take hardly more
than their bytes; what they may take is bounded by whoever adds them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from typing import TypeVar

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.bodies.bodies import Records, WholeLines
from logsrv.linelog.framing.lines.records import LONG, frame_records, long_record
from logsrv.linelog.framing.lines.rules import Oversize
from logsrv.linelog.inputs.intake.intake import Intake

Result = TypeVar("Result")
# The sentences about records that are not stored, by the reason.
_WHY = {
    "oversize": "dropped what is too long; the rest of the message is stored",
    "protocol": "dropped what is not as it should be; the rest of the message is stored",
}


class Gathering:
    """The records of one message. records: where they are added.

    closing: why nothing behind the last of them may be stored, by --oversize close; None if it may.
    stored: bytes that were stored so far.
    """

    def __init__(self, intake: Intake, records: Records) -> None:
        self.records = records
        self.closing: str | None = None
        self.stored = 0
        self._intake = intake
        self._blocks: deque[Block] = deque()

    def steps(self, making: Generator[None, None, Result]) -> Generator[None, None, Result]:
        """Do what adds records, and return what it does at its end."""
        while True:
            try:
                next(making)
            except StopIteration as end:
                yield from self._frame()
                result: Result = end.value
                return result
            yield from self._frame()
            yield

    def store(self, source: str) -> Iterator[None]:
        """Store all, and count what is not stored or not as it was promised to be."""
        yield from self._frame()
        while self._blocks:
            block = self._blocks.popleft()
            self.stored += len(block)
            self._intake.take(block, source)
            yield
        if self.records.as_text:
            self._intake.as_text(source, self.records.as_text)
        for reason, number in self.records.reasons.items():
            self._intake.drop(source, reason, _WHY[reason], number)

    def _frame(self) -> Iterator[None]:
        intake = self._intake
        for run in self.records.take():
            if self.closing is not None:
                intake.counts.dropped_closed += run.size
                continue
            if isinstance(run, WholeLines):
                self._blocks.append(Block.of(run.text))
                continue
            rules = intake.structured_rules if run.structured else intake.rules
            if not (run.structured or rules.oversize is Oversize.CLOSE) and run.size > LONG:
                for record in run.lines:
                    for block in long_record(record, rules, intake.counts):
                        self._blocks.append(block)
                        yield
                continue
            framed = frame_records(run.lines, rules, intake.counts)
            self.closing = framed.closing
            if framed.block is not None:
                self._blocks.append(framed.block)
