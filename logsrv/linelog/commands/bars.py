"""The number of lines in a terminal: in all, or over time as bars."""

from __future__ import annotations

import sys
from argparse import Namespace
from itertools import islice
from typing import cast

from logsrv.kit.text.terminal import terminal_columns
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.commands.table import print_rows
from logsrv.linelog.read.figures.groups import count_lines
from logsrv.linelog.read.figures.time_buckets import histogram, sensible_steps_of
from logsrv.linelog.read.render import to_local_time
from logsrv.linelog.read.search import Search
from logsrv.linelog.steps.step_words import BARS
from logsrv.linelog.steps.steps import Steps
from logsrv.linelog.steps.zones import LOCAL, UTC

_BARS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"
# The characters of a time to show, by the microseconds of which all steps are whole multiples.
_DAY = 10
_LABELS = ((_DAY, 86_400_000_000), (16, 60_000_000), (19, 1_000_000), (23, 1000), (26, 1))


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
    steps, output = bar_steps(search, arguments), arguments.output
    buckets = histogram(search, steps, levels=output == "json")
    if output == "json":
        rows = [(rfc3339(begin), count, levels) for begin, count, levels in buckets]
        print_rows(("time", "count", "levels"), rows, arguments)
    else:
        _print_bars({bucket.start: bucket.lines for bucket in buckets}, steps, arguments.local)
    return bool(buckets)


def _print_bars(counts: dict[float, int], steps: Steps, local: bool) -> None:
    """Print a bar for each step, by its start, and for the empty ones between.

    local: whether to show their starts in local time, with its offset.
    """
    if not counts:
        return
    # The label and the count, before the bar, need up to 40 columns in UTC.
    columns = terminal_columns(sys.stdout)
    room = columns - len(_bar_label(0, steps, local)) - 13
    width = max(1, min(room, max(10, columns - 40)))
    most = max(counts.values())
    for start in _bar_starts(steps, counts):
        if start is None:
            print(f"{'…':>20}")
            continue
        count = counts.get(start, 0)
        print(
            f"{_bar_label(start, steps, local)}  {count:>9}  {_bar(count / most, width)}".rstrip()
        )


def bar_steps(search: Search, arguments: Namespace) -> Steps:
    """Return the steps of `--every`, or ones that make about 40 bars, in the time that is shown."""
    every, zone = arguments.every, reader_zone(arguments)
    if every and not every.is_auto:
        return cast(Steps, every).in_zone(zone)
    return sensible_steps_of(search, BARS if every else _BARS, zone)


def reader_zone(arguments: Namespace) -> str:
    """Return the zone of the times that are shown."""
    return LOCAL if arguments.local else UTC


def _bar_starts(steps: Steps, counts: dict[float, int]) -> list[float | None]:
    """Return the starts of the bars to show, in order; None instead of a long gap without lines."""
    bars: list[float | None] = []
    next_ = None
    for start in sorted(counts):
        empty: list[float | None] = []
        while next_ is not None and next_ < start:
            empty.append(next_)
            next_ = steps.end_of(next_)
            if len(empty) > _BARS:
                empty, next_ = [None], None
        bars += [*empty, start]
        next_ = steps.end_of(start)
    return bars


def _bar_label(start: float, steps: Steps, local: bool) -> str:
    """Return the start of a step without the parts that are 0 in all starts of such steps."""
    length = _DAY if steps.months else next(n for n, unit in _LABELS if steps.size % unit == 0)
    if local and length == _DAY:
        return to_local_time(rfc3339(start))[:_DAY]
    if local:
        text = to_local_time(rfc3339(start))
        return text[: max(length, 16)] + text[26:]
    return rfc3339(start)[:length] + "Z" * (length > 10)


def _bar(part: float, width: int) -> str:
    whole, eighth = divmod(round(part * width * 8), 8)
    return "█" * whole + _EIGHTHS[eighth].strip()
