"""The number of lines in a terminal: in all, or over time as bars."""

from __future__ import annotations

import sys
import time
from argparse import Namespace
from itertools import islice

from logsrv.kit.text.terminal import terminal_columns
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.commands.table import print_rows
from logsrv.linelog.read.figures.groups import count_lines
from logsrv.linelog.read.figures.line_counts import step_size, step_start
from logsrv.linelog.read.figures.time_buckets import histogram, sensible_step
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Search

_BARS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"
# The characters of a time to show, by the microseconds of which all steps are whole multiples.
_LABELS = ((10, 86_400_000_000), (16, 60_000_000), (19, 1_000_000), (23, 1000), (26, 1))


def print_count(search: Search, most: int | None) -> bool:
    """Print the number of lines, `most` at most; return whether there are any."""
    if most is None:
        found = count_lines(search)
    else:
        found = sum(1 for _ in islice(search.render_hits(lambda _: b""), most))
    print(found)
    return found > 0


def print_histogram(search: Search, arguments: Namespace) -> bool:
    """Print bars over time, or rows for a program; return whether there are any."""
    step, output = step_seconds(arguments.every, search), arguments.output
    buckets = histogram(search, step, levels=output == "json")
    if output == "json":
        rows = [(rfc3339(begin), count, levels) for begin, count, levels in buckets]
        print_rows(("time", "count", "levels"), rows, arguments)
    else:
        _print_bars({bucket.start: bucket.lines for bucket in buckets}, step, arguments.local)
    return bool(buckets)


def _print_bars(counts: dict[float, int], step: float, local: bool) -> None:
    """Print a bar for each step, by its start, and for the empty ones between.

    The steps begin at whole multiples of their length, counted in UTC. local: whether to show their starts
    in local time, with its offset.
    """
    if not counts:
        return
    # The label and the count, before the bar, need up to 40 columns in UTC.
    columns = terminal_columns(sys.stdout)
    room = columns - len(_bar_label(0, step, local)) - 13
    width = max(1, min(room, max(10, columns - 40)))
    most = max(counts.values())
    for start in _bar_starts(step, counts):
        if start is None:
            print(f"{'…':>20}")
            continue
        count = counts.get(start, 0)
        print(f"{_bar_label(start, step, local)}  {count:>9}  {_bar(count / most, width)}".rstrip())


def step_seconds(every: float | None, search: Search) -> float:
    """Return the step of `--every` in seconds, or one that makes about 40 bars."""
    if every:
        return every
    begin, end = search.scope.since, search.scope.until
    if not begin or not end:
        first, last = search.view.read_time_span()
        begin, end = begin or first, end or last
    seconds = parse_rfc3339(end) - parse_rfc3339(begin) if begin and end else time.time()
    return sensible_step(max(seconds, 0.001), _BARS)


def _bar_starts(step: float, counts: dict[float, int]) -> list[float | None]:
    """Return the starts of the bars to show, in order; None instead of a long gap without lines."""
    bars: list[float | None] = []
    before = None
    for start in sorted(counts):
        missing = 0 if before is None else round((start - before) / step) - 1
        if before is None or missing > _BARS:
            bars += [] if before is None else [None]
        else:
            empty = (before + step * number for number in range(1, missing + 1))
            bars += [step_start(moment, step) for moment in empty]
        bars.append(start)
        before = start
    return bars


def _bar_label(start: float, step: float, local: bool) -> str:
    """Return the start of a step without the parts that are 0 in all starts of such steps."""
    size = step_size(step)
    length = next(length for length, unit in _LABELS if size % unit == 0)
    if local:
        text = to_local_time(rfc3339(start))
        return text[: max(length, 16)] + text[26:]
    return rfc3339(start)[:length] + "Z" * (length > 10)


def _bar(part: float, width: int) -> str:
    whole, eighth = divmod(round(part * width * 8), 8)
    return "█" * whole + _EIGHTHS[eighth].strip()
