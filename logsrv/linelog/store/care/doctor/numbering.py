"""The numbers of segments: which are not here, and why."""

from __future__ import annotations

from collections.abc import Iterator

from logsrv.kit.text.words import counted
from logsrv.linelog.store.care.doctor.findings import StoreFinding, lost, note
from logsrv.linelog.store.care.listed import StoreListing
from logsrv.linelog.store.segments.removed import gaps


def check_numbers(listed: StoreListing) -> Iterator[StoreFinding]:
    """Yield what is missing between the first segment that is here and the active one."""
    if listed.first > 1:
        yield note(
            "oldest-gone",
            _named(range(1, listed.first)),
            "these are not here, and were the oldest",
            "Retention removes the oldest segments, or somebody did.",
        )
    for run in gaps({*listed.by_number, listed.active}, listed.excused):
        before, after = listed.by_number.get(run.start - 1), listed.by_number.get(run.stop)
        begin = f"from {before.first} on" if before else "before them"
        end = f" up to {after.first}" if after else " up to now"
        yield lost(
            "segment-missing",
            _named(run),
            "missing, and no note of the store says that they were removed or had no lines",
            f"The lines of {counted(len(run), 'segment')}, received {begin}{end}, are not in this store.",
            "Copy their files from a backup or an archive into the directory. If somebody moved current.log"
            " away, its lines are there. In a store from `logsrv restore` they may have had no lines.",
        )


def _named(run: range) -> str:
    return f"segment {run.start}" if len(run) == 1 else f"segments {run.start} to {run.stop - 1}"
