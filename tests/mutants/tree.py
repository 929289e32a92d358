"""A copy of this checkout in which a source can be broken, and runs of tests there."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import ceil
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
_MODULES = Path("tests/end_to_end/node/node_modules")
LONGEST = 10
"""Tests that take so many times the seconds of CPU that they have wait for something that never comes."""
TIMES_OUT = (-signal.SIGKILL, -signal.SIGXCPU)
"""The statuses of a run that has not ended in time."""


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
        self._process: subprocess.Popen[bytes] | None = None
        into.mkdir(exist_ok=True)
        for entry in ROOT.iterdir():
            to = into / entry.name
            if entry.name not in COPIED:
                to.symlink_to(entry)
            elif entry.is_dir():
                shutil.copytree(entry, to, ignore=shutil.ignore_patterns("node_modules"))
            else:
                shutil.copy2(entry, to)
        if (ROOT / _MODULES).exists():
            (into / _MODULES).symlink_to(ROOT / _MODULES)

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
        self, tests: Sequence[str], seconds: float, *options: str, longest: float | None = None
    ) -> tuple[int, str]:
        """Run tests; return the status of pytest, and its output.

        The status is one of `TIMES_OUT` if they used more `seconds` of CPU, or ran longer than `longest`.
        """
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        environment["PYTHONPATH"] = str(self.path)
        command = [
            *("prlimit", f"--cpu={ceil(seconds)}:{ceil(seconds) + 1}"),
            *(sys.executable, "-m", "pytest", "-v", "-o", "console_output_style=times"),
            *("--tb=line", "-p", "no:cacheprovider", *options, *tests),
        ]
        with tempfile.TemporaryDirectory(prefix="mutant-", ignore_cleanup_errors=True) as temporary:
            environment["TMPDIR"] = temporary
            environment["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{temporary}/hypothesis"
            # No pipe: a process that is left behind would hold it.
            said = Path(temporary) / "said"
            with said.open("w") as file:
                self._process = process = subprocess.Popen(
                    command,
                    cwd=self.path,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=file,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            try:
                process.wait(longest or LONGEST * seconds)
            except subprocess.TimeoutExpired:
                process.kill()
            finally:
                _kill_those_below(temporary, process.pid)
            return process.wait(), said.read_text(errors="replace")

    def end(self) -> None:
        """End the run, if there is one."""
        if self._process:
            self._process.kill()


def _kill_those_below(temporary: str, session: int) -> None:
    """Kill what a run has left behind, browsers in a session of their own too."""
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)
    for environ in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if f"TMPDIR={temporary}".encode() in environ.read_bytes():
                os.kill(int(environ.parent.name), signal.SIGKILL)
