"""Tests that are red or never end without a mutant kill none; a kill by the time limit is counted apart."""

import signal
from collections.abc import Sequence

import pytest

from tests.mutants import baseline
from tests.mutants.baseline import Baseline, Suite
from tests.mutants.outcomes import TIME, Outcome, Place, report
from tests.mutants.sites import Mutant
from tests.mutants.tree import Tree

FILES = [f"tests/test_{name}.py" for name in "abcd"]
SOURCE = "logsrv/errors.py"
KILLED = -signal.SIGKILL


class ScriptedTree(Tree):
    """Runs of pytest that end with these statuses, and say this."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers = list(answers)
        self.runs: list[list[str]] = []

    def run(
        self, tests: Sequence[str], seconds: float, *options: str, longest: float | None = None
    ) -> tuple[int, str]:
        self.runs.append([*options, *tests])
        return self._answers.pop(0)


@pytest.fixture(autouse=True)
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "files_for", lambda kind, source: FILES)


def said(*tests: str) -> str:
    return "".join(f"tests/test_{one}\n" for one in tests)


def test_a_red_test_is_left_out_and_files_are_taken_as_long_as_there_is_time():
    text = said(
        "a.py::x PASSED 2.0s",
        "a.py::y FAILED 1.0s",
        "b.py::x PASSED 1m 30s",
        "d.py::x PASSED 1.0ms",
    )
    tree = ScriptedTree((1, text + "ERROR tests/test_c.py - ImportError\n"), (0, ""))
    tests = Baseline()
    suite = tests.suite("slow", SOURCE, tree, 50)
    assert suite.files == [FILES[0], FILES[3]]
    assert suite.seconds == pytest.approx(3.001)
    assert tests.left_out == ["slow: tests/test_a.py::y", "slow: tests/test_c.py"]
    assert suite.kill(tree, sure=True) == ""
    assert "--deselect=tests/test_a.py::y" in tree.runs[1]


def test_a_file_that_does_not_end_is_left_out_and_those_after_it_are_measured_later():
    tree = ScriptedTree(
        (KILLED, said("a.py::x PASSED 1.0s", "b.py::x ")), (0, said("c.py::x PASSED 2.0s"))
    )
    tests = Baseline()
    assert tests.suite("slow", SOURCE, tree, 50).files == FILES[:1]
    assert tests.suite("slow", SOURCE, tree, 50).files == [FILES[0], FILES[2]]
    assert tree.runs[1][-2:] == FILES[2:]
    assert tests.left_out == ["slow: tests/test_b.py"]


@pytest.mark.parametrize(
    ("answers", "sure", "killer"),
    [
        ([(0, "")], False, ""),
        ([(5, "")], False, ""),
        ([(KILLED, "")], False, TIME),
        ([(1, "FAILED tests/a.py::x[1 2] - No")], True, "tests/a.py::x[1 2]"),
        ([(1, "FAILED tests/a.py::x - No"), (1, "")], False, "tests/a.py::x"),
        ([(1, "FAILED tests/a.py::x - No"), (0, "")], False, ""),
        ([(2, "")], False, "status 2 of pytest"),
    ],
)
def test_a_late_test_kills_only_if_it_fails_twice(answers, sure, killer):
    assert Suite(FILES, "slow", [], 1).kill(ScriptedTree(*answers), sure) == killer


def test_the_report_says_which_kind_kills_alone_and_shows_survivors():
    place = Place(SOURCE, Mutant(1, 0, 1, "'", "swap"))
    outcomes = [
        Outcome(place, ["own"], {"own": "t::a"}),
        Outcome(place, ["own", "slow", "end to end"], {"end to end": "t::b"}),
        Outcome(place, ["own", "slow"], {"slow": TIME}),
        Outcome(place, ["own", "slow"]),
        Outcome(place),
    ]
    text = report("mutants", outcomes, ["slow: t::c"])
    assert text.startswith("## mutants: 2 killed, 1 killed by time only, 1 survived, 1 not tried\n")
    assert "| own | 4 | 1 | 0 | 0 |\n" in text and "| slow | 3 | 1 | 1 | 1 |\n" in text
    assert f"- {SOURCE}:1 (swap): end to end by t::b, alone\n" in text
    assert "mutant: slow: t::c\n" in text and text.count("```diff\n--- logsrv/errors.py") == 1
