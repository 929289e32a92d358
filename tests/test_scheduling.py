"""The longest tests begin first."""

import re
from pathlib import Path

import pytest

from tests.scheduling import LONGEST, SLOWEST, files_together, pieces

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("workers", [1, 2, 7])
def test_the_slowest_come_first_and_each_test_comes_once(workers):
    tests = [f"tests/test_{number}.py::test_it" for number in range(100)]
    tests[60] = f"{SLOWEST[-1]}[1]"
    given = [*pieces(tests, workers)]
    assert given[0] == [60]
    assert sorted(number for piece in given for number in piece) == [*range(100)]
    sizes = [len(piece) for piece in given[1:]]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-workers:] == [1] * workers and sizes[0] >= 99 // (8 * workers)


def test_a_worker_gets_all_tests_of_a_file_and_the_longest_files_come_first():
    names = ("a.py::test_1", LONGEST[1], "a.py::test_2", "tests/debian/test_a.py::test_1")
    more = (
        "c.py::test_1",
        "b.py::test_1",
        "b.py::test_2",
        "b.py::test_3",
        "tests/debian/test_b.py::test_1",
    )
    assert files_together([*names, *more]) == [[3, 8], [1], [5, 6, 7], [0, 2], [4]]


@pytest.mark.parametrize("name", [*LONGEST, *SLOWEST])
def test_what_is_said_to_be_slow_exists(name):
    place, _, test = name.partition("::")
    assert (ROOT / place).exists()
    assert not test or re.search(rf"\bdef {test}", (ROOT / place).read_text())
