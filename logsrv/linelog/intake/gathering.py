"""Make lines of the records of a message, once the whole message is parsed (sans-IO).

So no record of a refused message is stored.
"""

from __future__ import annotations

import sys
from collections import Counter, deque

import attrs

from logsrv.linelog.batch import Block
from logsrv.linelog.lines.bodies import Records, TextLines, WholeLines
from logsrv.linelog.lines.framer import LineFramer
from logsrv.linelog.lines.records import RecordRun, frame_records
from logsrv.linelog.lines.rules import (
    LineCounts,
    LineRules,
    for_frames,
    for_structured,
)


@attrs.define(eq=False)
class GatheredRecords:
    """The lines of one message.

    closing: the reason to store no more records, with --oversize close; else None. dropped: number of
    records that are not stored because of it. as_text: number of records that should be structured but are
    text. empty: number of empty ones. reasons: numbers of the records that are not stored, by reason.
    """

    blocks: deque[Block] = attrs.field(factory=deque)
    closing: str | None = None
    dropped: int = 0
    as_text: int = 0
    empty: int = 0
    reasons: Counter[str] = attrs.field(factory=Counter)


def gather(records: Records, rules: LineRules, counts: LineCounts) -> GatheredRecords:
    """Return the lines of all records of a message.

    rules: for text records. counts: counts shortened and dropped lines.
    """
    found = GatheredRecords(as_text=records.as_text, reasons=records.reasons)
    for run in records.take_runs():
        if found.closing is not None:
            counts.dropped_closed += run.record_bytes
            found.dropped += run.number
        elif isinstance(run, WholeLines):
            found.blocks.append(Block.of(run.text))
        elif isinstance(run, TextLines):
            framer = LineFramer(for_frames(rules), counts)
            found.blocks += filter(None, (framer.receive(run.text), framer.finish()))
            found.closing = framer.closing
            # The line that is too long.
            found.dropped += found.closing is not None
        else:
            _add_run(run, rules, counts, found)
    return found


def _add_run(run: RecordRun, rules: LineRules, counts: LineCounts, found: GatheredRecords) -> None:
    # The length of structured records was checked when they were added.
    limits = for_structured(rules, sys.maxsize) if run.structured else rules
    empty = counts.empty
    block, found.closing = frame_records(run.lines, limits, counts)
    found.empty += counts.empty - empty
    if block is not None:
        found.blocks.append(block)
    if found.closing is not None:
        found.dropped += run.number - run.lines.count(b"")
        found.dropped -= 0 if block is None else block.number
