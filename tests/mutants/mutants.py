"""Mutation testing: break one expression or statement, and run the tests that should find it."""

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue

from tests.mutants.baseline import Baseline
from tests.mutants.outcomes import Outcome, Place, report
from tests.mutants.reach import FIRST, KINDS
from tests.mutants.sites import OPERATORS, mutants
from tests.mutants.tree import ROOT, Tree

QUICK_SECONDS = 60
"""The seconds that quick tests of a folder may take without a mutant."""
COMMITS = 20
"""As many commits count as new where there is no tag of a release."""
TEMPLATE = "template"
_HUNK = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")


def git(*arguments: str) -> str:
    found = subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return found.stdout.strip() if found.returncode == 0 else ""


def last_release() -> str:
    """Return the tag of the last release; without one, the commit that is `COMMITS` before the last."""
    tag = git("describe", "--tags", "--abbrev=0")
    return tag or git("rev-list", f"--max-count={COMMITS + 1}", "HEAD").rpartition("\n")[2]


def changed_lines(diff: str) -> dict[str, set[int]]:
    """Return the lines of each file that a diff without context adds."""
    found: dict[str, set[int]] = defaultdict(set)
    file = ""
    for line in diff.splitlines():
        if line.startswith("+++ "):
            file = line.removeprefix("+++ b/")
        elif hunk := _HUNK.match(line):
            first, number = int(hunk[1]), int(hunk[2] or 1)
            if number:
                found[file].update(range(first, first + number))
    return found


def is_source(file: str) -> bool:
    return file.startswith("logsrv/") and file.endswith(".py") and TEMPLATE not in file.split("/")


def places_in(file: str, lines: set[int] | None = None) -> Iterator[Place]:
    for mutant in mutants((ROOT / file).read_text()):
        if lines is None or mutant.line in lines:
            yield Place(file, mutant)


def in_turns(places: list[Place], dice: random.Random) -> list[Place]:
    """Shuffle places so that each line has one before any has a second."""
    dice.shuffle(places)
    places.sort(key=lambda place: (place.file, place.mutant.line))
    turns = [
        (turn, dice.random(), place)
        for _, group in groupby(places, lambda place: (place.file, place.mutant.line))
        for turn, place in enumerate(group)
    ]
    return [place for _, _, place in sorted(turns)]


class Trial:
    """Mutants that are tried in copies of the checkout, side by side.

    late: the seconds that tests of each late kind may take without a mutant.
    """

    def __init__(self, trees: Sequence[Tree], late: float) -> None:
        self._free: SimpleQueue[Tree] = SimpleQueue()
        self._trees = trees
        self._late = late
        self._interrupted = False
        self._pool = ThreadPoolExecutor(len(trees))
        self.baseline = Baseline()
        for tree in trees:
            self._free.put(tree)

    def all_tried(
        self, outcomes: Sequence[Outcome], kinds: Sequence[str], end: float, *, until_killed: bool
    ) -> None:
        """Try mutants on some kinds of tests: on all of them, or until the first kind that kills."""

        def attempt(outcome: Outcome) -> None:
            tree = self._free.get()
            try:
                if time.monotonic() < end:
                    self._try(outcome, kinds, tree, until_killed)
                    print(outcome if not self._interrupted else "", flush=True)
            finally:
                self._free.put(tree)

        try:
            list(self._pool.map(attempt, outcomes))
        except BaseException:
            self._interrupted = True
            self._pool.shutdown(wait=False, cancel_futures=True)
            for tree in self._trees:
                tree.end()
            self._pool.shutdown()
            raise

    def _try(self, outcome: Outcome, kinds: Sequence[str], tree: Tree, until_killed: bool) -> None:
        file, mutant = outcome.place
        source = mutant.applied((ROOT / file).read_text())
        for kind in kinds:
            quick = kind in FIRST
            suite = self.baseline.suite(kind, file, tree, QUICK_SECONDS if quick else self._late)
            if self._interrupted:
                return
            if suite.files:
                with tree.with_source(file, source):
                    killer = suite.kill(tree, sure=quick)
                outcome.tried.append(kind)
                outcome.kills |= {kind: killer} if killer else {}
                if killer and until_killed:
                    return


def look(
    places: Sequence[Place], seconds: float, jobs: int, late: float, every: bool
) -> tuple[list[Outcome], list[str]]:
    """Try mutants until the time is over; return the outcomes, and the tests that were left out.

    With `late`, half of the time is for the other kinds of tests: for what lives, or with `every` for all.
    """
    outcomes = [Outcome(place) for place in places]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        trial = Trial([Tree(Path(temporary) / str(number)) for number in range(jobs)], late)
        first_end = begun + seconds / (2 if late else 1)
        trial.all_tried(outcomes, FIRST, first_end, until_killed=not every)
        if late:
            rest = [one for one in outcomes if one.tried and (every or not one.kills)]
            others = [kind for kind in KINDS if kind not in FIRST]
            trial.all_tried(rest, others, begun + seconds, until_killed=False)
    return outcomes, trial.baseline.left_out


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument(
        "--since", default="", help="mutate the lines that are new since a revision"
    )
    parser.add_argument("--random", type=int, help="mutate so many places of the whole of logsrv")
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="when to begin no other mutant"
    )
    parser.add_argument(
        "--late",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="try what lives on other tests too, of each kind as many as take so long",
    )
    parser.add_argument("--every", action="store_true", help="try all kinds, even after a kill")
    parser.add_argument("--operators", nargs="+", choices=OPERATORS, default=OPERATORS)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("files", nargs="*", metavar="FILE", help="mutate all of these instead")
    options = parser.parse_args(arguments)
    if options.since and not git("rev-parse", "--verify", f"{options.since}^{{commit}}"):
        parser.error(f"there is no revision {options.since}")
    if options.random is not None and options.random < 1:
        parser.error(f"--random is {options.random}; it is at least 1")
    if others := [one for one in options.files if not (is_source(one) and (ROOT / one).is_file())]:
        parser.error(f"{others[0]} is no source of logsrv")
    # An end by a signal raises SystemExit, so the copies are removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("make mutants: ended"))
    since = options.since or last_release()
    if options.files or options.random:
        files = options.files or git("ls-files", "logsrv").splitlines()
        places = [place for file in filter(is_source, files) for place in places_in(file)]
        title = f"mutants of {' '.join(files) if len(files) < 4 else f'{len(files)} files'}"
    else:
        lines = changed_lines(git("diff", "-U0", "--no-color", since, "--", "logsrv"))
        new = sorted(file for file in lines if is_source(file))
        places = [place for file in new for place in places_in(file, lines[file])]
        title = f"mutants of what is new since {since[:12]}"
    places = [place for place in places if place.mutant.operator in options.operators]
    places = in_turns(places, random.Random(options.seed))[: options.random]
    print(f"make mutants: {len(places)} {title}, seed {options.seed}", flush=True)
    text = report(title, *look(places, options.seconds, options.jobs, options.late, options.every))
    print(text.partition("\n")[0].removeprefix("## "))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a") as file:
            file.write(text)
