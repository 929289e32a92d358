"""What became of each mutant, and the report: which kinds of tests kill, and which one kills alone."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.mutants.reach import FIRST, KINDS
from tests.mutants.sites import Mutant
from tests.mutants.tree import ROOT

TIME = "the time limit"


class Place(NamedTuple):
    """A mutant of a file, by its path in the checkout."""

    file: str
    mutant: Mutant

    def __str__(self) -> str:
        return f"{self.file}:{self.mutant.line} ({self.mutant.operator})"

    @property
    def diff(self) -> str:
        source = (ROOT / self.file).read_text()
        before, after = source.splitlines(), self.mutant.applied(source).splitlines()
        diff = difflib.unified_diff(before, after, self.file, self.file, n=2, lineterm="")
        return "\n".join(diff)


@dataclass
class Outcome:
    """The kinds of tests that a mutant was tried on, and for those that kill it the test, or `TIME`."""

    place: Place
    tried: list[str] = field(default_factory=list)
    kills: dict[str, str] = field(default_factory=dict)

    @property
    def late(self) -> bool:
        """Whether it was tried on more than the quick tests of its folder."""
        return not set(self.tried) <= set(FIRST)

    @property
    def alone(self) -> str:
        """The only kind that kills the mutant, or "" if others do or were not tried."""
        return next(iter(self.kills)) if self.late and len(self.kills) == 1 else ""

    @property
    def state(self) -> str:
        if not self.kills:
            return "survived" if self.tried else "not tried"
        return "killed by time only" if set(self.kills.values()) == {TIME} else "killed"

    def __str__(self) -> str:
        if not self.kills:
            return f"\nsurvived {', '.join(self.tried)}: {self.place}\n{self.place.diff}"
        return f"{self.place}: " + ", ".join(f"{kind} by {by}" for kind, by in self.kills.items())


STATES = ("killed", "killed by time only", "survived", "not tried")


def report(title: str, outcomes: Sequence[Outcome], left_out: Sequence[str]) -> str:
    """Return the report in Markdown: a row for each kind, what it kills alone, the diffs of survivors."""
    states = [one.state for one in outcomes]
    head = ", ".join(f"{states.count(each)} {each}" for each in STATES)
    rows = ["| tests | tried | killed | of these by time | alone |", "| --- " + "| ---: " * 4 + "|"]
    for kind in KINDS:
        kills = [one.kills[kind] for one in outcomes if kind in one.kills]
        alone = sum(one.alone == kind for one in outcomes)
        tried = sum(kind in one.tried for one in outcomes)
        rows.append(f"| {kind} | {tried} | {len(kills)} | {kills.count(TIME)} | {alone} |")
    late = sorted(
        f"- {one}{', alone' * bool(one.alone)}" for one in outcomes if one.late and one.kills
    )
    red = [
        f"- left out, as it is red or does not end without a mutant: {each}" for each in left_out
    ]
    alive = sorted(one.place for one in outcomes if one.state == "survived")
    diffs = [f"```diff\n{place.diff}\n```" for place in alive]
    parts = [f"## {title}: {head}", "\n".join(rows), "\n".join(late), "\n".join(red), *diffs]
    return "\n\n".join(filter(None, parts)) + "\n"
