"""Every figure of a condition: episodes are those of plain loops over the lines, live and in the past."""

import random
from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from statistics import mean
from typing import NamedTuple

import pytest

from logsrv.linelog.alerts.episodes import find_past_episodes
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.windows import Windows
from logsrv.linelog.read.answers import sources
from tests.parts.stores import BEGIN, add_columns, line, make_store, view_of

LAST = 1200
Told = list[tuple[float, bool, str]]


class Said(NamedTuple):
    """A line, so many seconds after BEGIN."""

    second: int
    app: str
    ms: int
    user: str
    level: str

    @property
    def stored(self) -> bytes:
        sent = f"app={self.app} ms={self.ms} user={self.user} level={self.level}"
        return line(sent if self.ms else sent.replace("ms=0 ", ""), self.second)


Lines = Sequence[Said]


def some_lines(seed: int) -> list[Said]:
    """Lines of three apps, of which one is slow and fails for some minutes; some lack a number."""
    chance = random.Random(seed)
    found = []
    for _ in range(1500):
        second, app = chance.randrange(LAST), chance.choice("abc")
        is_bad = app == "b" and 400 < second < 700
        found.append(
            Said(
                second,
                app,
                chance.choice([0, 1, 3, 10, 2000 if is_bad else 20]),
                f"u{chance.randrange(40 if is_bad else 4)}",
                "error" if chance.random() < (0.4 if is_bad else 0.03) else "info",
            )
        )
    return sorted(found)


def percentile(lines: Lines, part: float) -> float:
    """Return the number at a part, in proportion between two."""
    ordered = sorted(one.ms for one in lines if one.ms)
    if not ordered:
        return -1
    rank = part * (len(ordered) - 1)
    low = int(rank)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (rank - low)


def average(lines: Lines) -> float:
    found = [one.ms for one in lines if one.ms]
    return mean(found) if found else -1


def errors(lines: Lines) -> list[Said]:
    return [one for one in lines if one.level == "error"]


def slow_errors(lines: Lines) -> list[Said]:
    return [one for one in errors(lines) if one.ms > 5]


def share(lines: Lines) -> float:
    return len(errors(lines)) / len(lines) if lines else -1


CONDITIONS: dict[str, Callable[[Lines], bool]] = {
    "p95 ms > 500 in 1m": lambda lines: percentile(lines, 0.95) > 500,
    "p50 ms, p99 ms in 1m | where p50_ms>5 OR p99_ms>=2s": lambda lines: (
        percentile(lines, 0.5) > 5 or percentile(lines, 0.99) >= 2000
    ),
    "count_distinct user >= 5 in 1m": lambda lines: len({one.user for one in lines}) >= 5,
    "rate 1m > 30 in 1m": lambda lines: len(lines) > 30,
    "rate if (level=error) as r in 1m | where r > 0.1": lambda lines: len(errors(lines)) / 60 > 0.1,
    "count, count if (level>=error) as errors in 1m"
    " | let share = errors / count | where share > 0.2 count > 10": lambda lines: (
        share(lines) > 0.2 and len(lines) > 10
    ),
    "avg ms, avg ms if (level>=error) as slow in 1m | where slow > 500 NOT avg_ms > 800": (
        lambda lines: average(errors(lines)) > 500 and not average(lines) > 800
    ),
    "count, p95 ms if (level=error ms>5) as p, count_distinct user if (level=error ms>5) as u in 1m"
    " | where p > 1000 u > 3": lambda lines: (
        percentile(slow_errors(lines), 0.95) > 1000
        and len({one.user for one in slow_errors(lines)}) > 3
    ),
}


def plain_episodes(lines: Lines, is_met: Callable[[Lines], bool]) -> Told:
    """The same by looking at all lines of the last 60 seconds, at the end of each second."""
    told: Told = []
    met: int | None = None
    seconds = [one.second for one in lines]
    is_met_by = cache(lambda begin, end: begin < end and is_met(lines[begin:end]))
    for now in range(LAST + 200):
        if is_met_by(bisect_right(seconds, now - 60), bisect_right(seconds, now)):
            if met is None:
                told.append((now + 1, True, lines[0].app))
            met = now
        elif met is not None and now - met > 60:
            told.append((now + 1, False, lines[0].app))
            met = None
    return told


def by_app(lines: Lines, is_met: Callable[[Lines], bool]) -> Told:
    ordered = sorted(lines, key=lambda one: one.app)
    apps = [list(some) for _, some in groupby(ordered, key=lambda one: one.app)]
    return sorted(one for some in apps for one in plain_episodes(some, is_met))


def of_each_app(figures: str) -> str:
    return f"| {figures.replace('in 1m', 'in 1m by app')}"


def told(windows: Windows) -> Told:
    changes = windows.take_changes()
    return sorted((round(one.time - BEGIN, 3), one.begins, str(one.key[0])) for one in changes)


def windows_of(text: str) -> Windows:
    asked = parse_alert(text)
    assert asked.condition is not None
    return Windows(asked.condition, BEGIN, extractions=asked.lines.extractions)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("figures", CONDITIONS)
def test_episodes_of_each_figure_are_those_of_a_plain_loop(figures, seed):
    """Whether the lines come at once, in pieces, or one by one with a restart in between."""
    lines = some_lines(seed)
    wanted = by_app(lines, CONDITIONS[figures])
    text = of_each_app(figures)
    whole, pieces = windows_of(text), windows_of(text)
    whole.add(b"".join(one.stored for one in lines))
    for second, some in groupby(lines, key=lambda one: one.second // 7):
        pieces.advance(BEGIN + second * 7)
        pieces.add(b"".join(one.stored for one in some))
    for windows in (whole, pieces):
        windows.advance(BEGIN + LAST + 199.5)
        assert told(windows) == wanted
    assert {app for _, begins, app in wanted if begins} >= {"b"}


def past_episodes(store: Path, text: str) -> Told:
    found = find_past_episodes(view_of(store), parse_alert(text), BEGIN - 60, BEGIN + LAST + 199.5)
    ends = [(one.ended, False, one.key) for one in found.episodes if one.ended is not None]
    begins = [(one.begun, True, one.key) for one in found.episodes]
    return sorted(
        (round(time - BEGIN, 3), begun, str(key[0])) for time, begun, key in begins + ends
    )


@pytest.mark.slow
@pytest.mark.parametrize("has_columns", [False, True])
def test_the_past_is_what_would_have_been_told(tmp_path, monkeypatch, has_columns):
    """By columns, too, and in text where figures have queries of their own."""
    monkeypatch.setattr(sources, "WITHOUT_COLUMNS", 0)
    lines = some_lines(7)
    stored = [one.stored for one in lines]
    store = make_store(tmp_path / "s", [stored[:600], stored[600:1200], stored[1200:]])
    if has_columns:
        add_columns(store)
    for figures, is_met in CONDITIONS.items():
        text = of_each_app(figures)
        assert past_episodes(store, text) == by_app(lines, is_met) != []


def test_a_figure_with_a_query_of_its_own_knows_extracted_fields_and_the_lines_of_the_alert():
    text = (
        'login | extract "took <took> s" | where took>1'
        " | count, count if (took>5 bob) as slow in 1m | where slow = 2 count = 3"
    )
    asked = parse_alert(text)
    those = windows_of(text)
    those.add(
        line("login user=bob took 9 s")
        + line("login user=bob took 7 s", 1)
        + line("login user=eve took 9 s", 2)
    )
    those.advance(BEGIN + 10)
    assert [one.values for one in those.take_changes()] == [(2, 3)]
    assert asked.lines_text == 'login | extract "took <took> s" | where took>1'


def test_each_group_is_missed_if_too_few_of_its_lines_fulfil_the_query_of_a_figure():
    """Absence of some lines: a group needs one line of any kind, and a whole window."""
    those = windows_of("| count, count if (done) as done in 1m by app | where done < 1")
    those.add(line("app=a n=1") + line("app=b n=1 done", 30))
    those.advance(BEGIN + 59)
    assert told(those) == []
    those.advance(BEGIN + 140)
    assert told(those) == [(61, True, "a"), (91, True, "b")]
    assert dict(those.values_that_fulfil) == {("a",): (0, 0), ("b",): (0, 0)}


def test_a_rate_is_that_of_the_whole_window():
    those = windows_of("| rate, rate 1h as hourly in 2m | where rate >= 0.05")
    those.add(b"".join(line("x", second) for second in range(6)))
    those.advance(BEGIN + 8)
    [change] = those.take_changes()
    assert change.values == (0.05, 180) and change.time == BEGIN + 6
