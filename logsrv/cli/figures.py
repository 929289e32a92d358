"""Counts for a terminal: the most frequent values of a field, and bars over time."""

from __future__ import annotations

import sys
import time
from argparse import Namespace

from logsrv.cli.arguments import tell
from logsrv.cli.reading import parse_step_option
from logsrv.kit.text.escape import one_line
from logsrv.kit.text.terminal import terminal_columns
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.kit.text.words import counted
from logsrv.linelog.read.csv_lines import csv_rows
from logsrv.linelog.read.histogram import histogram, sensible_step
from logsrv.linelog.read.line_counts import step_size, step_start
from logsrv.linelog.read.render import safe_json, to_local_time
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.tallies import ValueCounts

_TEN = 10
_BARS = 40
_EIGHTHS = " ▏▎▍▌▋▊▉█"
# The characters of a time to show, by the microseconds of which all steps are whole multiples.
_LABELS = ((10, 86_400_000_000), (16, 60_000_000), (19, 1_000_000), (23, 1000), (26, 1))


def print_histogram(search: Search, arguments: Namespace) -> bool:
    """Print bars over time; return whether there are any."""
    step = step_seconds(arguments.every, search)
    buckets = histogram(search, step, levels=arguments.output == "json")
    if arguments.output == "json":
        for begin, count, levels in buckets:
            print(safe_json({"time": rfc3339(begin), "count": count, "levels": levels}))
    else:
        _print_bars({bucket.start: bucket.lines for bucket in buckets}, step, arguments.local)
    return bool(buckets)


def print_value_counts(tally: ValueCounts, field: str, most: int | None, output: str) -> bool:
    """Print the values that occur most often, with their counts; return whether there are any.

    most: how many values to print; None for 10. field: its name, for a warning on stderr.
    """
    values = tally.most_common(_TEN if most is None else most)
    if output == "csv":
        rows = csv_rows([(field, "count"), *values], escaped=sys.stdout.isatty())
        print(rows.decode(), end="")
    for value, count in values if output != "csv" else ():
        if output == "json":
            print(safe_json({"value": value, "count": count}))
        else:
            print(f"{count:>10}  {one_line(value)}")
    if tally.missed:
        tell(
            f"logsrv search: {field} has so many values that rare ones were forgotten: a count may"
            f" lack up to {counted(tally.missed, 'line')}, and no missing value has more"
        )
    return bool(values)


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


def step_seconds(every: str | None, search: Search) -> float:
    """Return the step of `--every` in seconds, or one that makes about 40 bars. Raises UsageError."""
    if every:
        return parse_step_option(every)
    begin, end = search.scope.since, search.scope.until
    if not begin or not end:
        first, last = search.view.read_time_span()
        begin, end = begin or first, end or last
    seconds = parse_rfc3339(end) - parse_rfc3339(begin) if begin and end else time.time()
    return sensible_step(max(seconds, 0.001), _BARS)


def _bar_starts(step: float, counts: dict[float, int]) -> list[float | None]:
    """Return the starts of the bars to show, in order; None in place of a long gap without lines."""
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
