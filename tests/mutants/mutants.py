"""Mutation testing: break one expression or statement, and run the tests that should find it."""

import argparse
import difflib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from tests.mutants.sites import Mutant, mutants
from tests.mutants.tree import LONGEST, ROOT, Tree

CPU_SECONDS = 60
"""The seconds of CPU that tests may take: a loop that a mutant has made endless ends so."""
COMMITS = 20
"""As many commits count as new where there is no tag of a release."""
TEMPLATE = "template"
_HUNK = re.compile(r"@@ -\S+ \+(\d+)(?:,(\d+))? @@")


class Place(NamedTuple):
    """A mutant of a file, by its path in the checkout."""

    file: str
    mutant: Mutant

    @property
    def diff(self) -> str:
        source = (ROOT / self.file).read_text()
        before, after = source.splitlines(), self.mutant.applied(source).splitlines()
        diff = difflib.unified_diff(before, after, self.file, self.file, n=2, lineterm="")
        return "\n".join(diff)


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


def stages_of(file: str) -> list[list[str]]:
    """Return the test paths of each run: first the tests named after a file, then those of its folder."""
    source = ROOT / file
    folder = ROOT / "tests" / source.relative_to(ROOT / "logsrv").parent
    others = {path.stem for path in source.parent.glob("*.py")} - {source.stem}
    own = sorted(
        path
        for path in folder.glob(f"test_{source.stem}*.py")
        if re.fullmatch(rf"test_{source.stem}(_\w+)?", path.stem)
        # test_ship_out.py belongs to ship_out.py, not to ship.py, if there is one.
        if path.stem.removeprefix("test_") not in others
    )
    while not folder.is_dir():
        folder = folder.parent
    stages = [own, [folder]] if own else [[folder]]
    return [[str(path.relative_to(ROOT)) for path in paths] for paths in stages]


def survives(place: Place, tree: Tree, end: float) -> bool:
    """Return whether all tests of a file pass although a mutant is in it. They stop at the `end`."""
    source = (ROOT / place.file).read_text()
    with tree.with_source(place.file, place.mutant.applied(source)):
        for tests in stages_of(place.file):
            longest = min(max(end - time.monotonic(), 0.1), LONGEST * CPU_SECONDS)
            # Status 5 of pytest: no test is left, as none of them is quick.
            if tree.run(tests, CPU_SECONDS, longest)[0] not in (0, 5):
                return False
    return True


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


def look(places: Sequence[Place], seconds: float, jobs: int) -> tuple[Counter[str], list[Place]]:
    """Try mutants until the time is over; return the counts and the mutants that survived."""
    counts: Counter[str] = Counter()
    survivors: list[Place] = []
    end = time.monotonic() + seconds
    trees: SimpleQueue[Tree] = SimpleQueue()

    def attempt(place: Place) -> None:
        tree = trees.get()
        try:
            alive = time.monotonic() < end and survives(place, tree, end)
        finally:
            trees.put(tree)
        in_time = time.monotonic() < end
        counts[("survived" if alive else "killed") if in_time else "not tried"] += 1
        if alive and in_time:
            survivors.append(place)
            print(f"\nsurvived, {place.file}:{place.mutant.line}\n{place.diff}", flush=True)

    with tempfile.TemporaryDirectory(prefix="mutants-") as temporary:
        for number in range(jobs):
            trees.put(Tree(Path(temporary) / str(number)))
        with ThreadPoolExecutor(jobs) as pool:
            try:
                list(pool.map(attempt, places))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return counts, survivors


def report(title: str, counts: Counter[str], survivors: Sequence[Place]) -> str:
    """Return the report in Markdown: the counts, and a diff for each mutant that survived."""
    numbers = ", ".join(f"{counts[state]} {state}" for state in ("killed", "survived", "not tried"))
    diffs = [f"```diff\n{place.diff}\n```" for place in sorted(survivors)]
    return "\n\n".join([f"## {title}: {numbers}", *diffs]) + "\n"


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument(
        "--since", default="", help="mutate the lines that are new since a revision"
    )
    parser.add_argument("--random", type=int, help="mutate so many places of the whole of logsrv")
    parser.add_argument(
        "--seconds", type=float, default=600.0, help="when to begin no other mutant"
    )
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
        title = "mutants of " + (" ".join(options.files) or "logsrv")
    else:
        lines = changed_lines(git("diff", "-U0", "--no-color", since, "--", "logsrv"))
        new = sorted(file for file in lines if is_source(file))
        places = [place for file in new for place in places_in(file, lines[file])]
        title = f"mutants of what is new since {since[:12]}"
    places = in_turns(places, random.Random(options.seed))[: options.random]
    print(f"make mutants: {len(places)} {title}, seed {options.seed}", flush=True)
    text = report(title, *look(places, options.seconds, options.jobs))
    print(text.partition("\n")[0].removeprefix("## "))
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with open(summary, "a") as file:
            file.write(text)
