"""Collect the records of a message step by step, and store them when the whole message is parsed.

So no record of a refused message is stored. Until then its records are kept as lines, which take hardly
more memory than their bytes; the caller that adds them limits how many.
"""

from __future__ import annotations

import sys
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import Any, TypeVar

import attrs

from logsrv.linelog.batch import Block
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.lines.bodies import Records, WholeLines
from logsrv.linelog.lines.records import LONG, frame_long_record, frame_records
from logsrv.linelog.lines.rules import (
    LineCounts,
    LineRules,
    Oversize,
    for_datagrams,
    for_structured,
)

Result = TypeVar("Result")
# The log's sentences about records that are not stored, by reason.
_WHY = {
    "oversize": "dropped a record that is too long; the rest of the message is stored",
    "protocol": "dropped an invalid record; the valid ones of its message are stored",
    "unknown": "a message has no record, or some under keys that its format does not have",
}


@attrs.define(eq=False)
class GatheredRecords:
    """The records of one message.

    records: a parser adds them here. rules: for text records. counts: counts shortened and dropped lines.
    keeps: called with `kept` whenever that grows; may raise RequestRefused.
    closing: the reason to store no more records, with --oversize close; else None.
    kept: bytes of lines that wait until the message is parsed. stored: bytes of lines stored so far.
    dropped: number of records that are not stored because of `closing`.
    """

    records: Records
    _rules: LineRules
    _counts: LineCounts
    _keeps: Callable[[int], None] = lambda kept: None
    closing: str | None = None
    kept: int = 0
    stored: int = 0
    dropped: int = 0
    _ready: Iterable[Block] = ()
    _empty: int = 0
    _blocks: deque[Block] = attrs.field(init=False, factory=deque)

    @classmethod
    def of_worker(
        cls, blocks: Iterator[Block], closing: str | None, as_text: int, reasons: Counter[str]
    ) -> GatheredRecords:
        """Return the GatheredRecords of those that a worker has collected and counted."""
        gathered = cls(Records(), LineRules(), LineCounts(), closing=closing, ready=blocks)
        gathered.records.as_text, gathered.records.reasons = as_text, reasons
        return gathered

    def run_parser(self, making: Generator[Any, None, Result]) -> Generator[Any, None, Result]:
        """Run the parser `making` in steps, keep the records that it adds, and return its result."""
        while True:
            try:
                step = next(making)
            except StopIteration as end:
                result: Result = end.value
                break
            yield from self._keep_added()
            yield step
        yield from self._keep_added()
        return result

    def _keep_added(self) -> Iterator[None]:
        for block in self._take_new_blocks():
            self._blocks.append(block)
            self.kept += len(block)
            self._keeps(self.kept)
            yield

    def take_blocks(self) -> Iterator[Block]:
        """Yield the lines of all added records, and free them."""
        yield from self._ready
        while self._blocks:
            yield self._blocks.popleft()
        yield from self._take_new_blocks()

    def store(self, intake: Intake, source: str) -> Iterator[None]:
        """Store all records, in steps; then count and report those stored as text, and those dropped."""
        for block in self.take_blocks():
            self.stored += len(block)
            intake.take(block, source)
            yield
        if self.records.as_text:
            intake.as_text(source, self.records.as_text)
        for reason, number in self.records.reasons.items():
            intake.drop(source, reason, _WHY[reason], number)
        if self._empty:
            intake.complain(source, "dropped an empty record", "empty")

    def _take_new_blocks(self) -> Iterator[Block]:
        """Yield the lines of the records that were added since the last call."""
        counts, rules = self._counts, self._rules
        in_pieces = rules.oversize is not Oversize.CLOSE
        for run in self.records.take_new_runs():
            if self.closing is not None:
                counts.dropped_closed += run.record_bytes
                self.dropped += run.number
            elif isinstance(run, WholeLines):
                yield Block.of(run.text)
            elif in_pieces and not run.structured and run.record_bytes > LONG:
                for record in run.lines:
                    yield from frame_long_record(record, rules, counts)
            else:
                # The length of structured records was checked when they were added.
                limits = for_structured(rules, sys.maxsize) if run.structured else rules
                empty = counts.empty
                block, self.closing = frame_records(run.lines, limits, counts)
                self._empty += counts.empty - empty
                if block is not None:
                    yield block
                if self.closing is not None:
                    self.dropped += run.number - run.lines.count(b"")
                    self.dropped -= 0 if block is None else block.number


def store_datagram_records(intake: Intake, records: Records, source: str) -> None:
    """Store records of datagrams. source: as returned by `Intake.source`."""
    for _ in GatheredRecords(records, for_datagrams(intake.rules), intake.counts).store(
        intake, source
    ):
        pass
