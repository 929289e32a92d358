"""The window of a group keeps few things of many lines, and its figures stay near the true ones."""

import random
from array import array
from collections.abc import Iterator, Sequence
from unittest.mock import patch

import pytest

from logsrv.linelog.alerts import windows
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.group_window import (
    MOST_EXACT,
    GroupWindow,
    Step,
    StepNumbers,
    StepValues,
    bound,
)
from logsrv.linelog.alerts.windows import Windows
from logsrv.linelog.read.figures.numbers import AtLeast
from tests.parts.stores import BEGIN, line


def windows_of(text: str) -> Windows:
    condition = parse_alert(text).condition
    assert condition is not None
    return Windows(condition, BEGIN)


def numbers_of(values: Sequence[float]) -> StepNumbers:
    found = StepNumbers()
    for at in range(0, len(values), 1000):
        some = values[at : at + 1000]
        found.add(((len(some), sum(some), min(some), max(some)), array("d", some).tobytes()))
    return found


def percentile(name: str, *steps: StepNumbers) -> float:
    found = StepNumbers.figure(name, steps)
    assert found is not None
    return found


def sizes(groups: Sequence[GroupWindow]) -> Iterator[int]:
    for group in groups:
        for step in group.steps:
            for one in step.kept:
                assert isinstance(one, StepNumbers | StepValues)
                yield one.size


@pytest.mark.parametrize("number", [1, 2, 100, MOST_EXACT, 3 * MOST_EXACT])
def test_percentiles_are_exact_of_few_numbers_and_near_of_many(number):
    chance = random.Random(number)
    values = [chance.choice([-1, 1]) * chance.lognormvariate(3, 2) for _ in range(number)]
    half = len(values) // 2
    steps = [numbers_of(values[:half]), numbers_of(values[half:])]
    ordered = sorted(values)
    for name, part in (("p50", 0.5), ("p95", 0.95), ("p99", 0.99)):
        rank = part * (number - 1)
        low, high = ordered[int(rank)], ordered[min(int(rank) + 1, number - 1)]
        found = percentile(name, *steps)
        if number <= MOST_EXACT:
            assert found == pytest.approx(low + (high - low) * (rank - int(rank)))
        else:
            assert low - abs(low) * 0.0051 <= found <= high + abs(high) * 0.0051
    assert StepNumbers.figure("max", steps) == max(values)
    assert sum(one.size for one in steps) <= max(number, 2 * MOST_EXACT)


def test_groups_that_keep_too_much_become_coarser_and_say_so_of_values():
    groups = []
    for seed in range(20):
        chance = random.Random(seed)
        several = [chance.lognormvariate(3, 3) for _ in range(1000)]
        numbers, values = numbers_of(several), StepValues()
        values.add((array("q", [chance.randrange(1 << 60) for _ in range(1000)]).tobytes(),))
        group = GroupWindow(0, 0)
        group.steps.append(Step(0, 1000, [numbers, values]))
        groups.append((group, numbers, values, sorted(several)))
    bound((group for group, *_ in groups), 2500)
    assert sum(sizes([group for group, *_ in groups])) <= 5000
    for _, numbers, values, ordered in groups:
        assert ordered[499] * 0.7 < percentile("p50", numbers) < ordered[501] * 1.4
        distinct = StepValues.figure("count_distinct", [values])
        assert distinct == 1000 and isinstance(distinct, AtLeast)


def test_many_lines_take_bounded_memory():
    """Each line has another number, which is a value, too, in each step of several groups."""
    those = windows_of("| p95 ms, count_distinct ms in 1m by app | where p95_ms > 1e12")
    with patch.object(windows, "MOST_KEPT", 4000):
        for second in range(20):
            sent = [line(f"app=a{n % 9} ms={second}.{n}", second) for n in range(900)]
            those.add(b"".join(sent))
            assert sum(sizes([*those.groups.values()])) <= 3 * 4000
    assert sum(step.lines for step in those.groups[("a1",)].steps) == 2000


def test_figures_are_made_again_only_if_the_lines_of_the_window_change():
    with patch.object(StepNumbers, "figure", side_effect=StepNumbers.figure) as made:
        those = windows_of("| p95 ms > 5 in 1m")
        those.add(line("ms=9 n=1", 1))
        for second in range(2, 62):
            those.advance(BEGIN + second)
        assert made.call_count == 1
        those.advance(BEGIN + 200)
    assert made.call_count == 2
    assert [one.begins for one in those.take_changes()] == [True, False]
