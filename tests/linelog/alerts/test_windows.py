"""Windows of conditions: when episodes begin and end."""

import json
import random
from collections.abc import Sequence

import pytest

from logsrv.linelog.alerts.condition import LONGEST_VALUE
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.windows import (
    MOST_GROUPS,
    OTHERS,
    REMEMBERED,
    STEPS,
    Change,
    Windows,
)
from tests.parts.stores import BEGIN, line


def windows(text: str, begin: float = BEGIN) -> Windows:
    condition = parse_alert(text).condition
    assert condition is not None
    return Windows(condition, begin)


def add(those: Windows, *lines: bytes) -> None:
    those.add(b"".join(lines))


def told(those: Windows) -> list[tuple[str, bool, float]]:
    """The changes, at seconds after BEGIN."""
    changes = those.take_changes()
    return [
        (",".join(map(str, one.key)), one.begins, round(one.time - BEGIN, 3)) for one in changes
    ]


def test_more_lines_than_the_threshold_fire_until_a_window_has_passed_without():
    those = windows("| count > 2 in 1m")
    add(those, line("a", 0), line("a", 1))
    assert told(those) == []
    add(those, line("a", 30))
    assert told(those) == [("", True, 30)]
    # Three lines are in the window up to its step 59; a window later it is over.
    those.advance(BEGIN + 119.9)
    assert told(those) == []
    those.advance(BEGIN + 300)
    assert told(those) == [("", False, 121)]


def test_lines_count_at_once_after_the_clock_was_set_back_to_before_the_begin():
    those = windows("| count > 0 in 1m")
    those.follow_clock(BEGIN - 3600)
    add(those, line("a", -3590))
    assert told(those) == [("", True, -3590)]


def test_each_group_has_its_own_window():
    those = windows("| count >= 2 in 1m by app")
    add(those, line("app=a n=1", 0), line("app=b n=1", 1), line("none", 2), line("app=b n=1", 3))
    assert told(those) == [("b", True, 3)] and list(those.values) == [("b",)]
    add(those, line("none", 4))
    assert told(those) == [("None", True, 4)]


def test_a_line_without_the_field_is_not_in_the_group_of_a_value_that_looks_so():
    those = windows("| count >= 2 in 1m by app")
    add(those, line("no app", 0), line("app=(none) n=1", 1))
    assert told(those) == [] and set(those.groups) == {(None,), ("(none)",)}
    again = windows("| none in 1m by app")
    again.restore_groups(json.loads(json.dumps([[list(key), 0, 0, 0, 0] for key in those.groups])))
    assert again.groups.keys() == those.groups.keys()


def test_absence_is_noticed_a_window_after_the_begin_and_after_the_last_line():
    those = windows("app=backup | none in 1m")
    those.advance(BEGIN + 61)
    assert told(those) == [("", True, 61)]
    add(those, line("app=backup n=1", 70))
    those.advance(BEGIN + 129)
    assert told(those) == []
    # It is absent again before the window without absence is over: the same episode goes on.
    those.advance(BEGIN + 300)
    assert told(those) == []
    for second in range(301, 400, 10):
        add(those, line("app=backup n=1", second))
    assert told(those) == [("", False, 362)]


def test_a_group_seen_is_missed_and_forgotten_after_a_day():
    those = windows("| none in 10m by app")
    add(those, line("app=a n=1"), line("app=b n=1", 300))
    those.advance(BEGIN + 3600)
    assert told(those) == [("a", True, 610), ("b", True, 910)]
    those.advance(BEGIN + REMEMBERED + 4000)
    those.advance(BEGIN + REMEMBERED + 4100)
    assert told(those) == [("a", False, REMEMBERED), ("b", False, REMEMBERED + 300)]
    assert not those.groups


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize("days", [0.25, 0.49, 0.5, 0.51, 0.99, 1, 1.01, 2, 7])
def test_a_group_is_missed_after_each_window_and_for_another_one(days, restarts):
    """Windows below and above the day for which a group is remembered anyway."""
    window = days * 86400
    those = windows(f"| none in {window:.0f}s by app")
    add(those, line("app=web n=1"), line("app=db n=1"))
    found: list[tuple[str, bool, float]] = []
    longest = max(2 * window, REMEMBERED)
    for number in range(1, 2 + round(5 * longest / window)):
        moment = number * window / 5
        lines = [line("app=db n=1", moment)]
        add(those, *lines)
        those.advance(BEGIN + moment)
        found += told(those)
        if restarts:
            again = Windows(those.condition, those.begin * those.step, those.current - 1)
            again.restore_groups(json.loads(json.dumps(list(those.to_document()))))
            add(again, *lines)
            those = again
    assert [(key, begins) for key, begins, _ in found] == [("web", True), ("web", False)]
    times = [time for _, _, time in found]
    assert times == pytest.approx([window, longest], abs=2 * those.step)


@pytest.mark.parametrize(
    ("figure", "episodes"),
    [("avg ms > 40", [51]), ("min ms < 15", [1]), ("max ms >= 100", [51]), ("sum ms > 100", [51])],
)
def test_figures_of_a_field_at_the_end_of_a_step(figure, episodes):
    those = windows(f"| {figure} in 1m")
    add(
        those,
        line("ms=10 n=1"),
        line("ms=x n=1", 10),
        line("ms=100 n=1", 50),
        line("ms=30 n=1", 110),
    )
    those.advance(BEGIN + 110)
    assert [time for _, begins, time in told(those) if begins] == episodes


@pytest.mark.slow
def test_lines_that_come_one_by_one_take_no_more_memory():
    at_once, piecewise = windows("| avg ms > 0 in 7d"), windows("| avg ms > 0 in 7d")
    lines = [line("x n=1" if one % 3 else f"ms={one} n=1", one * 1000) for one in range(600)]
    add(at_once, *lines)
    for one in lines:
        add(piecewise, one)
    assert len(piecewise.groups[()].steps) <= STEPS + 1
    assert piecewise.groups[()].steps == at_once.groups[()].steps


def test_ten_thousand_groups_are_a_thousand_and_one():
    those = windows("| count > 5 in 1m by app")
    add(those, *(line(f"app=a{number} n=1", 1) for number in range(10_000)))
    assert len(those.groups) == MOST_GROUPS + 1 and those.left_out
    assert told(those) == [("", True, 1)] and list(those.values) == [OTHERS]


def plain_episodes(seconds: Sequence[int], most: int) -> list[tuple[str, bool, float]]:
    """The same by counting all lines of the last 60 seconds in every second."""
    found, firing, met = [], False, 0
    for now in range(max(seconds) + 200):
        if sum(now - 60 < one <= now for one in seconds) > most:
            met = now
            if not firing:
                found.append(("", True, float(now)))
            firing = True
        elif firing and now - met > 60:
            firing = False
            found.append(("", False, float(now + 1)))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_episodes_are_those_of_plain_counting_however_the_lines_come(seed):
    chosen = random.Random(seed)
    seconds = sorted(chosen.choices(range(2000), k=300)) + sorted(
        chosen.choices(range(2100, 2130), k=100)
    )
    at_once, piecewise = windows("| count > 14 in 1m"), windows("| count > 14 in 1m")
    add(at_once, *(line("x", second) for second in seconds))
    for second in seconds:
        piecewise.advance(BEGIN + second)
        add(piecewise, line("x", second))
    wanted = plain_episodes(seconds, 14)
    for those in (at_once, piecewise):
        those.advance(BEGIN + 9999)
        assert told(those) == wanted


def test_another_process_goes_on_with_the_groups_and_counts_the_window_again():
    those = windows("| count > 2 in 1m by app")
    add(those, *(line("app=a n=1", second) for second in (10, 11, 12)), line("app=b n=1", 12))
    assert told(those) == [("a", True, 12)]
    again = Windows(those.condition, those.begin * those.step, those.current - 1)
    again.restore_groups(list(those.to_document()))
    add(again, *(line("app=a n=1", second) for second in (10, 11, 12)), line("app=b n=1", 12))
    assert told(again) == []
    for one in (those, again):
        add(one, line("app=b n=1", 20), line("app=b n=1", 21))
        one.advance(BEGIN + 500)
    assert told(again) == told(those) != []


def test_a_clock_that_was_wrong_by_days_does_not_stop_an_alert():
    those = windows("| count > 1 in 1m")
    add(those, line("a", 9e6))
    those.follow_clock(BEGIN + 5)
    add(those, line("a", 6), line("a", 7))
    assert those.take_changes() == [Change((), True, BEGIN + 7, (2,))]


def test_long_values_that_begin_alike_are_one_group():
    those = windows("| count > 1 in 1m by app")
    add(those, *(line(f"app={'x' * LONGEST_VALUE}{number} n=1", 1) for number in range(2)))
    assert told(those) == [("x" * LONGEST_VALUE, True, 1)]
