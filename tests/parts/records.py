"""What is done in steps, done to its end; and the records it added, one by one."""

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import itemgetter
from typing import Any

import attrs

from logsrv.linelog.lines.bodies import BodyRules, Records, Reply, WholeLines
from logsrv.linelog.lines.records import RecordRun


@attrs.frozen
class Taken:
    """A body understood: its records, and the answer."""

    records: Records
    reply: Reply


def taken_by(take: Callable[..., Any], body: bytes, rules: BodyRules) -> Taken:
    """Return what is taken of a body."""
    records = Records(rules.max_made)
    reply = take(body, rules, records)
    assert isinstance(reply, Reply)
    return Taken(records, reply)


def runs_of(records: Records) -> list[RecordRun]:
    """Return what was added, as many together as are alike."""
    runs = groupby(_each(records), itemgetter(1))
    return [RecordRun([line for line, _ in run], structured) for structured, run in runs]


def move_all(found: Records, records: Records) -> None:
    """Add all that was found, in order, to further records."""
    records.as_text += found.as_text
    records.reasons += found.reasons
    for line, structured in _each(found):
        records.add(line, structured=structured)


def lines_of(records: Records) -> list[bytes]:
    """Return each record that was added."""
    return [line for line, _ in _each(records)]


def _each(records: Records) -> Iterable[tuple[bytes, bool]]:
    for run in records.take_runs():
        if isinstance(run, WholeLines):
            lines = run.text.split(b"\n")
            assert lines.pop() == b"" and len(lines) == run.number
            yield from ((line, True) for line in lines)
        else:
            assert isinstance(run, RecordRun)
            yield from ((line, run.structured) for line in run.lines)
