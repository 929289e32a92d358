"""What tests do without a mutant: how long each file takes, and which tests are red or never end."""

import re
from collections import defaultdict
from math import inf
from threading import Lock
from typing import NamedTuple

from tests.mutants.outcomes import TIME
from tests.mutants.reach import KINDS, files_for
from tests.mutants.tree import TIMES_OUT, Tree

SLACK = 90
"""Seconds that tests with a mutant may take beyond three times their own: a wait in vain ends first."""
ENOUGH = 0.7
"""No more files are measured once those that are known take so much of the time."""
_TEST = re.compile(
    r"^(tests/\S+?\.py)(::.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)\b(.*)$", re.M
)
_RED = re.compile(r"^(?:FAILED|ERROR) (tests/.+?)(?: - .*)?$", re.M)
_BEGUN = re.compile(r"^(tests/\S+?\.py)::", re.M)
_NOT_IMPORTED = re.compile(r"^ERROR (tests/\S+?\.py)(?: - .*)?$", re.M)
_DURATION = re.compile(r"([\d.]+)(us|ms|s|m|h)\b")
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


class Suite(NamedTuple):
    """Test files that pass without a mutant, but for the tests in `red`, in so many seconds."""

    files: list[str]
    marks: str
    red: list[str]
    seconds: float

    def kill(self, tree: Tree, sure: bool) -> str:
        """Return the first test that fails, `TIME`, or "". Unless `sure`, that test must fail twice."""
        longest = SLACK + 3 * self.seconds
        left_out = [f"--deselect={one}" for one in self.red]
        status, said = tree.run(
            self.files, longest, "-x", "-m", self.marks, *left_out, longest=longest
        )
        if status in TIMES_OUT:
            return TIME
        # Status 5: no test has these marks. A new file is not in the copy.
        if status in (0, 5) or "ERROR: file or directory not found" in said:
            return ""
        test = found[1] if (found := _RED.search(said)) else f"status {status} of pytest"
        if sure or "::" not in test:
            return test
        again, _ = tree.run([test], longest, longest=longest)
        return TIME if again in TIMES_OUT else test if again else ""


class Baseline:
    """Each file of a kind is tried once, when a mutant wants it."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[str, str], float] = {}
        self._red: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._locks = {kind: Lock() for kind in KINDS}

    def suite(self, kind: str, source: str, tree: Tree, most: float) -> Suite:
        """Return the tests of a kind for a source: the nearest files that take `most` seconds together."""
        files = files_for(kind, source)
        with self._locks[kind]:
            known = sum(
                took for file in files if (took := self._seconds.get((kind, file), 0.0)) < inf
            )
            unknown = [file for file in files if (kind, file) not in self._seconds]
            if unknown and known < ENOUGH * most:
                self._measure(kind, unknown, tree, most)
            seconds = {file: self._seconds.get((kind, file), 0.0) for file in files}
        taken, left = [], most
        for file in files:
            if 0 < seconds[file] <= left:
                taken.append(file)
                left -= seconds[file]
        red = [test for file in taken for test in self._red[kind, file]]
        return Suite(taken, KINDS[kind], red, most - left)

    @property
    def left_out(self) -> list[str]:
        """Tests that are red without a mutant, and files that do not end or cannot be imported."""
        red = [f"{kind}: {test}" for (kind, _), tests in self._red.items() for test in tests]
        return red + [
            f"{kind}: {file}" for (kind, file), took in self._seconds.items() if took == inf
        ]

    def _measure(self, kind: str, files: list[str], tree: Tree, most: float) -> None:
        options = ("-m", KINDS[kind], "--continue-on-collection-errors")
        status, said = tree.run(files, most + SLACK, *options, longest=most + SLACK)
        seconds = dict.fromkeys(files, 0.0)
        for file, test, outcome, rest in _TEST.findall(said):
            seconds[file] += sum(float(one) * _UNITS[unit] for one, unit in _DURATION.findall(rest))
            if outcome in ("FAILED", "ERROR"):
                self._red[kind, file].append(file + test)
        seconds |= {file: inf for file in _NOT_IMPORTED.findall(said) if file in seconds}
        if status in TIMES_OUT:
            ended = sum(took for took in seconds.values() if took < inf)
            running = found[-1] if (found := _BEGUN.findall(said)) else files[0]
            at = files.index(running)
            # What comes after it has not begun. It does not end, or began when little time was left.
            seconds = {file: seconds[file] for file in files[:at]}
            if ended < ENOUGH * most:
                seconds[running] = inf
        self._seconds |= {(kind, file): took for file, took in seconds.items()}
