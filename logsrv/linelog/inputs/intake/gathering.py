"""A message of many records, made step by step and stored when all of it is understood.

So what is refused has no record stored. Until then its records are kept as lines, which take hardly more
than their bytes; what they may take is bounded by whoever adds them.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Generator, Iterator
from itertools import chain
from typing import TypeVar

from logsrv.linelog.batch import Block
from logsrv.linelog.framing.bodies.bodies import Records, WholeLines
from logsrv.linelog.framing.lines.records import LONG, frame_records, long_record
from logsrv.linelog.framing.lines.rules import LineRules, Oversize, for_datagrams, for_structured
from logsrv.linelog.inputs.intake.intake import Intake

Result = TypeVar("Result")
# The sentences about records that are not stored, by the reason.
_WHY = {
    "oversize": "dropped what is too long; the rest of the message is stored",
    "protocol": "dropped what is not as it should be; the rest of the message is stored",
}


class Gathering:
    """The records of one message. records: where they are added. rules: for those that are text.

    closing: why nothing behind the last of them may be stored, by --oversize close; None if it may.
    stored: bytes that were stored so far.
    """

    def __init__(self, intake: Intake, records: Records, rules: LineRules | None = None) -> None:
        self.records = records
        self.closing: str | None = None
        self.stored = 0
        self._intake = intake
        self._rules = rules or intake.rules
        self._blocks: deque[Block] = deque()

    def steps(self, making: Generator[None, None, Result]) -> Generator[None, None, Result]:
        """Do what adds records, and return what it does at its end."""
        while True:
            try:
                next(making)
            except StopIteration as end:
                result: Result = end.value
                break
            yield from self._keep()
            yield
        yield from self._keep()
        return result

    def _keep(self) -> Iterator[None]:
        for block in self._framed():
            self._blocks.append(block)
            yield

    def store(self, source: str) -> Iterator[None]:
        """Store all, and count what is not stored or not as it was promised to be."""
        kept = (self._blocks.popleft() for _ in range(len(self._blocks)))
        for block in chain(kept, self._framed()):
            self.stored += len(block)
            self._intake.take(block, source)
            yield
        if self.records.as_text:
            self._intake.as_text(source, self.records.as_text)
        for reason, number in self.records.reasons.items():
            self._intake.drop(source, reason, _WHY[reason], number)

    def _framed(self) -> Iterator[Block]:
        """Give the lines of what was added since it was last called."""
        counts, rules = self._intake.counts, self._rules
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
    for _ in Gathering(intake, records, for_datagrams(intake.rules)).store(source):
        pass
