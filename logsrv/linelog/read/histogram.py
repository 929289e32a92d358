"""Lines over time: their number in each step of time, and their levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from logsrv.errors import LogsrvError
from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.read.line_counts import count_by_time, step_start
from logsrv.linelog.read.plan import ReadTask
from logsrv.linelog.read.search import Search

# If more steps have lines, counting fails with a sentence: nobody can look at so many.
MOST_STEPS = 100_000
_STEPS = (
    0.001, 0.01, 0.1, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800,
    3600, 7200, 14400, 43200, 86400, 604800, 2592000, 31536000,
)  # fmt: skip


class TimeBucket(NamedTuple):
    """The number of lines in one step of time, in all and by level. start: in seconds since 1970."""

    start: float
    lines: int
    levels: dict[str, int]


def histogram(search: Search, step: float, *, levels: bool) -> list[TimeBucket]:
    """Count lines by steps of `step` seconds, counted from 1970, in order. Empty buckets are left out.

    Raises LogsrvError for more than MOST_STEPS buckets.
    """

    def work(task: ReadTask) -> list[list[tuple[float, Counter[str]]]]:
        return [_count_by_step(search.matching_lines(task), step, levels=levels)]

    # For each step, by its start: the number of lines of each level, and of all as `lines`.
    found: dict[float, Counter[str]] = {}
    indexed = search.counts_from_index(step, levels=levels)
    for _, counts in search.run_for_json(work, indexed):
        _add_counts(found, counts, step)
    for start, (lines, by_level) in ({} if indexed is None else indexed.by_time()).items():
        _add_counts(found, [(start, {"lines": lines, **(by_level if levels else {})})], step)
    return [
        TimeBucket(start, lines["lines"], {name: lines[name] for name in lines if name != "lines"})
        for start, lines in sorted(found.items())
    ]


def _add_counts(
    found: dict[float, Counter[str]],
    counts: Iterable[tuple[float, Mapping[str, int]]],
    step: float,
) -> None:
    for start, lines in counts:
        found.setdefault(start, Counter()).update(lines)
    if len(found) > MOST_STEPS:
        raise LogsrvError(
            f"there are lines in more than {MOST_STEPS:,} steps of {step:g} s; take longer steps"
        )


def _count_by_step(
    texts: Iterable[bytes], step: float, *, levels: bool
) -> list[tuple[float, Counter[str]]]:
    """Return each step of `step` seconds that has lines in `texts`: its start, its numbers of lines."""
    # Bytes of TIME up to the second are enough, unless a bucket may begin within a second.
    size = 19 if step % 1 == 0 else 26
    counts: Counter[tuple[bytes, str | None]] = Counter()
    for text in texts:
        counts.update(count_by_time(text, size, levels=levels))
    buckets: dict[float, Counter[str]] = {}
    moments: dict[bytes, float | None] = {}
    for (time, level), lines in counts.items():
        if time not in moments:
            moments[time] = _parse_moment(time)
        moment = moments[time]
        if moment is not None:
            of_bucket = buckets.setdefault(step_start(moment, step), Counter())
            of_bucket["lines"] += lines
            if level is not None:
                of_bucket[level] += lines
    return list(buckets.items())


def _parse_moment(time: bytes) -> float | None:
    try:
        return parse_rfc3339(time.decode("ascii", "replace") + "Z")
    except ValueError:
        return None


def sensible_step(seconds: float, buckets: int) -> float:
    """Return the shortest easily readable step, in seconds, that gives at most `buckets` buckets."""
    step = next((step for step in _STEPS if seconds / step <= buckets), _STEPS[-1])
    while seconds / step > buckets:
        step *= 2
    return step
