"""A condition: which figures of a group fulfil it, what is absence, and what a message tells of it."""

import pytest

from logsrv.linelog.alerts.condition import Condition
from logsrv.linelog.alerts.grammar import parse_alert


def condition(text: str) -> Condition:
    found = parse_alert(f"| {text}").condition
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("operator", "values"), [(">", [6]), (">=", [5, 6]), ("<", [4]), ("<=", [4, 5])]
)
def test_a_figure_is_compared(operator, values):
    found = condition(f"count {operator} 5 in 1m")
    assert [value for value in (4, 5, 6) if found.figures((), (value,)).is_met] == values
    of_field = condition(f"avg ms {operator} 5 in 1m")
    assert not of_field.figures((), (None,)).is_met
    assert found.is_absence == (operator in "<=")
    assert found.only_rises != found.is_absence


SHARE = "count, count if (x) as bad in 1m by app | let share = bad / count | where"


@pytest.mark.parametrize(
    ("text", "is_absence"),
    [
        ("rate < 5 in 1m", True),
        ("count_distinct user < 5 in 1m", True),
        ("min ms < 5 in 1m", False),
        ("count if (x) < 5 in 1m", True),
        (f"{SHARE} share < 0.5", False),
        (f"{SHARE} NOT share > 0.5", True),
        (f"{SHARE} count < 2 app!=test", True),
        (f"{SHARE} count < 2 NOT app=test", True),
        (f"{SHARE} count < 2 share > 0.5", False),
        (f"{SHARE} count < 2 OR share > 0.5", True),
        (f"{SHARE} share > 0.5 | where count < 2", False),
    ],
)
def test_a_condition_that_a_group_without_lines_may_fulfil_is_one_of_absence(text, is_absence):
    found = condition(text)
    assert found.is_absence is is_absence and not found.only_rises


def test_a_message_tells_what_is_compared_first_and_units_by_the_names_of_fields():
    text = (
        "count, p95 took_ms, sum bytes as traffic, avg wait, count_distinct ms in 1m by app"
        " | let longest = p95_took_ms / 1000 | where traffic > 1MiB count > 5"
    )
    found = condition(text)
    assert [f"{one.name} {one.unit}".rstrip() for one in found.labels] == [
        "traffic B", "count", "p95 took_ms ms", "avg wait", "count_distinct ms", "longest ms",
    ]  # fmt: skip
    assert [one.threshold for one in found.comparisons] == [1 << 20, 5]
    assert found.figures(("shop",), (7, 1500.0, 2 << 20, None, 3)).values == (
        2 << 20, 7, 1500.0, None, 3, 1.5,
    )  # fmt: skip
