"""A copy of this checkout in which a source may be broken, and tests that are run there."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
COPIED = ("logsrv", "tests", "twisted", "setup.cfg", "pyproject.toml")
# Whoever runs us has set these for tests of their own.
_NOT_OURS = ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_CURRENT_TEST", "COLD_DAEMONS")
MARKS = "not slow and not long"


class Patch(NamedTuple):
    """A text of a file that becomes another; it is there once."""

    file: str
    old: str
    new: str

    def applied(self, source: str) -> str:
        if source.count(self.old) != 1:
            raise ValueError(f"{self.file} has {source.count(self.old)} times: {self.old}")
        return source.replace(self.old, self.new)


class Tree:
    """The copy. What else a test may look at, such as docs/, is that of the checkout."""

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
        """Have another source in a file, with a time of its own: Python knows compiled files by it."""
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

    def red(self, tests: Sequence[str], seconds: int) -> tuple[bool, str]:
        """Return whether a quick one of the tests fails within `seconds` of CPU, and what pytest says."""
        environment = {name: value for name, value in os.environ.items() if name not in _NOT_OURS}
        environment["PYTHONPATH"] = str(self.path)

        def bounded() -> None:
            resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds + 1))

        with tempfile.TemporaryDirectory(prefix="mutant-") as temporary:
            found = subprocess.run(
                [
                    *(sys.executable, "-m", "pytest", "-x", "-q", "-m", MARKS, "--tb=line"),
                    *("-p", "no:cacheprovider", f"--basetemp={temporary}/base", *tests),
                ],
                cwd=self.path,
                env=environment | {"HYPOTHESIS_STORAGE_DIRECTORY": f"{temporary}/hypothesis"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                preexec_fn=bounded,
                check=False,
            )
        return found.returncode == 1, found.stdout + found.stderr
