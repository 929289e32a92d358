"""The longest tests begin first."""

import re
from pathlib import Path

import pytest

from tests.scheduling import LONGEST, SLOWEST, dealt

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("slow", "workers", "order"),
    [
        ([], 2, [0, 1, 2, 3, 4, 5, 6]),
        ([6, 3, 5], 2, [6, 5, 0, 3, 1, 2, 4]),
        ([6], 3, [6, 0, 1, 2, 3, 4, 5]),
        ([*range(7)], 3, [0, 3, 1, 4, 2, 5, 6]),
        ([0, 3, 6, 1], 4, [0, 3, 2, 6, 4, 1, 5]),
    ],
)
def test_each_worker_begins_with_its_share_of_the_slow_ones(slow, workers, order):
    assert [*dealt(range(7), slow, workers)] == order


@pytest.mark.parametrize("name", [*LONGEST, *SLOWEST])
def test_what_is_said_to_be_slow_exists(name):
    place, _, test = name.partition("::")
    assert (ROOT / place).exists()
    assert not test or re.search(rf"\bdef {test}", (ROOT / place).read_text())
