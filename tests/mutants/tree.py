"""A copy of this checkout in which a source can be broken, and runs of tests there."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COPIED = ("logsrv", "tests", "twisted", "setup.cfg", "pyproject.toml")
# Variables that the caller has set for the caller's own test run.
_NOT_OURS = (
    "PATIENCE",
    "PYTEST_ADDOPTS",
    "PYTEST_XDIST_WORKER",
    "PYTEST_CURRENT_TEST",
    "COLD_DAEMONS",
)
MARKS = "not slow and not long"
LONGEST = 10
"""Tests that take so many times the seconds of CPU that they have wait for something that never comes."""


class Patch(NamedTuple):
    """A replacement of a text in a file; the text occurs once."""

    file: str
    old: str
    new: str

    def applied(self, source: str) -> str:
        if source.count(self.old) != 1:
            raise ValueError(f"{self.file} has {source.count(self.old)} times: {self.old}")
        return source.replace(self.old, self.new)


class Tree:
    """The copy. Other files that a test may read, such as docs/, are those of the checkout."""

    def __init__(self, into: Path) -> None:
        self.path = into
        self._written = 0
        into.mkdir(exist_ok=True)
        for entry in ROOT.iterdir():
            to = into / entry.name
            if entry.name not in COPIED:
                to.symlink_to(entry)
            elif entry.is_dir():
                shutil.copytree(entry, to, ignore=shutil.ignore_patterns("node_modules"))
            else:
                shutil.copy2(entry, to)

    @contextmanager
    def with_source(self, file: str, source: str) -> Iterator[None]:
        """Write another source into a file meanwhile, with a new time: Python checks compiled
        files by it.
        """
        path = self.path / file
        before, times = path.read_bytes(), path.stat()
        self._written += 1
        path.write_text(source)
        os.utime(path, (self._written, self._written))
        try:
            yield
        finally:
            path.write_bytes(before)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def run(
        self, tests: Sequence[str], seconds: int, longest: float | None = None
    ) -> tuple[int, str]:
        """Run the quick tests up to the first that fails; return the status of pytest, and its output.

        The status is negative if they used more than `seconds` of CPU, or ran longer than `longest`.
        """
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        environment["PYTHONPATH"] = str(self.path)
        command = [
            *("prlimit", f"--cpu={seconds}:{seconds + 1}"),
            *(sys.executable, "-m", "pytest", "-x", "-q", "-m", MARKS, "--tb=line"),
            *("-p", "no:cacheprovider", *tests),
        ]
        with tempfile.TemporaryDirectory(prefix="mutant-") as temporary:
            environment["TMPDIR"] = temporary
            environment["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{temporary}/hypothesis"
            with subprocess.Popen(
                command,
                cwd=self.path,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            ) as process:
                try:
                    said, _ = process.communicate(timeout=longest or LONGEST * seconds)
                except subprocess.TimeoutExpired:
                    said = "they waited for ever"
                finally:
                    # Kill pytest, or the processes that it has left behind.
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)
            return process.returncode, said
