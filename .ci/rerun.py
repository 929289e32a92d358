"""Runs pytest, then the failed tests once more, alone: rerun.py WORD …, the words of a pytest command line.

The status is 0 if all passed, the first or the second time. A line `flaky: TEST` names each test that
passed only the second time: repair that test. Other failures end with pytest's status without a second
run: an error while tests are collected, a crash of pytest, no tests at all.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

# More failures than this have a common reason, and a second run would only repeat it.
MOST = 20
TESTS_FAILED = 1
# What pytest ends with if it has failed itself.
INTERNAL_ERROR = 3


def run(words: Sequence[str], cache: Path) -> tuple[int, list[str]]:
    """Run pytest with this Python; return its status, and the names of the failed tests.

    cache: an empty folder, in which pytest writes these names.
    """
    command = [sys.executable, "-m", "pytest", "-o", f"cache_dir={cache}", *words]
    status = subprocess.run(command).returncode
    cached = cache / "v/cache"
    note = cached / "lastfailed"
    failed = list(json.loads(note.read_text())) if note.exists() else []
    # A test may have ended the process with any status; pytest writes the other note at its own end.
    if status == 0 and (failed or not (cached / "nodeids").exists()):
        print("rerun: pytest has ended with status 0 before it was through", flush=True)
        status = INTERNAL_ERROR
    return status, failed


def all_passed(report: Path, number: int) -> bool:
    """Return true if a report (JUnit) has at least `number` tests and none was skipped."""
    [suite] = ElementTree.parse(report).getroot().iter("testsuite")
    return int(suite.get("tests", "0")) >= number and suite.get("skipped") == "0"


def main(words: Sequence[str], place: Path) -> int:
    """Run and rerun the tests; return the status. place: an empty folder."""
    status, failed = run(words, place / "first")
    if status != TESTS_FAILED:
        return status
    if not failed or len(failed) > MOST or not all("::" in name for name in failed):
        print(f"rerun: {len(failed)} failed, more than a flake: not run again", flush=True)
        return status
    print(f"rerun: once more, alone: what failed, {len(failed)}", flush=True)
    (place / "names").write_text("\n".join(failed))
    report = place / "report.xml"
    again, twice = run([f"--junitxml={report}", f"@{place / 'names'}"], place / "second")
    # Nobody knows what would have passed in a run that was cut off.
    whole = again in (0, TESTS_FAILED)
    for name in failed:
        print(
            f"flaky: {name}" if whole and name not in twice else f"failed twice: {name}", flush=True
        )
    if not whole:
        return again
    if again == 0 and not all_passed(report, len(failed)):
        print("rerun: not all of them were run the second time", flush=True)
        return TESTS_FAILED
    return again


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="logsrv-rerun-") as folder:
        sys.exit(main(sys.argv[1:], Path(folder)))
