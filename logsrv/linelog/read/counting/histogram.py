"""Lines over time: how many there are in each step of it, and of which levels."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from logsrv.errors import LogsrvError
from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.read.counting.timed import timed
from logsrv.linelog.read.indexed import begin
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.search import Search

# Steps with lines; nobody can look at more of them.
MANY = 100_000
_STEPS = (
    0.001, 0.01, 0.1, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800,
    3600, 7200, 14400, 43200, 86400, 604800, 2592000, 31536000,
)  # fmt: skip


class TimeBucket(NamedTuple):
    """Lines of a span of time: from `start`, in seconds since 1970; how many, and of each level."""

    start: float
    lines: int
    levels: dict[str, int]


def histogram(search: Search, step: float, *, levels: bool) -> list[TimeBucket]:
    """Count lines by `step` seconds (of whole steps since 1970), empty buckets left out, in order.

    Raises LogsrvError when there are more of them than anybody can look at.
    """

    def work(task: ReadTask) -> list[bytes]:
        return [json.dumps(counted(search.matching(task), step, levels=levels)).encode()]

    found = StepCounts(step)
    indexed = search.indexed(step, levels=levels)
    for _, results in search.run(work, indexed=indexed):
        for result in results:
            found.add(json.loads(result))
    buckets = found.by_start
    for start, (lines, by_level) in ({} if indexed is None else indexed.by_time()).items():
        bucket = buckets.setdefault(start, Counter())
        bucket["lines"] += lines
        if levels:
            bucket.update(by_level)
    return found.listed()


class StepCounts:
    """Numbers of lines by steps of time, added up in bounded memory.

    by_start: the numbers of each step by its begin: those of levels, and `lines`, that of all.
    """

    def __init__(self, step: float) -> None:
        self._step = step
        self.by_start: dict[float, Counter[str]] = {}

    def add(self, numbers: Iterable[tuple[float, Mapping[str, int]]]) -> None:
        """Add what `counted` returns. Raises LogsrvError when nobody could look at so many."""
        for start, lines in numbers:
            self.by_start.setdefault(start, Counter()).update(lines)
        self._require_few()

    def listed(self) -> list[TimeBucket]:
        """Return those with lines, in order. Raises LogsrvError for too many."""
        self._require_few()
        return [
            TimeBucket(
                start, lines["lines"], {name: lines[name] for name in lines if name != "lines"}
            )
            for start, lines in sorted(self.by_start.items())
        ]

    def _require_few(self) -> None:
        if len(self.by_start) > MANY:
            raise LogsrvError(
                f"there are lines in more than {MANY:,} steps of {self._step:g} s; take longer steps"
            )


def counted(
    texts: Iterable[bytes], step: float, *, levels: bool
) -> list[tuple[float, Counter[str]]]:
    """Return the numbers of the lines in texts by steps of time."""
    # Whole seconds tell the bucket, unless buckets may begin within a second.
    size = 19 if step % 1 == 0 else 26
    counts: Counter[tuple[bytes, str | None]] = Counter()
    for text in texts:
        counts.update(timed(text, size, levels=levels))
    return _bucketed(counts, step)


def _bucketed(
    counts: Mapping[tuple[bytes, str | None], int], step: float
) -> list[tuple[float, Counter[str]]]:
    """Return the numbers of times and levels as those of buckets."""
    buckets: dict[float, Counter[str]] = {}
    moments: dict[bytes, float | None] = {}
    for (time, level), lines in counts.items():
        if time not in moments:
            moments[time] = _moment(time)
        moment = moments[time]
        if moment is not None:
            of_bucket = buckets.setdefault(begin(moment, step), Counter())
            of_bucket["lines"] += lines
            if level is not None:
                of_bucket[level] += lines
    return list(buckets.items())


def _moment(time: bytes) -> float | None:
    try:
        return parse_rfc3339(time.decode("ascii", "replace") + "Z")
    except ValueError:
        return None


def sensible_step(seconds: float, buckets: int) -> float:
    """Return the shortest step, in seconds, of those that people read easily, for at most so many."""
    step = next((step for step in _STEPS if seconds / step <= buckets), _STEPS[-1])
    while seconds / step > buckets:
        step *= 2
    return step
