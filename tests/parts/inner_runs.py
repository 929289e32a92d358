"""Runs of pytest in a run of pytest, with the configuration of this one."""

import os
import subprocess
import sys
from pathlib import Path

from logsrv.kit.testing.patience import PATIENCE

ROOT = Path(__file__).parents[2]
BEGIN = """
import ctypes, os, subprocess, sys, threading
from pathlib import Path
import pytest_twisted

def test_before(): pass
"""
# Another package may be named tests too.
CONFTEST = f"""
import sys, types
sys.modules["tests"] = tests = types.ModuleType("tests")
tests.__path__ = [{str(ROOT / "tests")!r}]
sys.path.insert(0, {str(ROOT)!r})
from tests import forks
from tests.hangs import Alarm

def pytest_addoption(parser): forks.add_options(parser)
def pytest_configure(config):
    config.pluginmanager.register(forks)
    config.pluginmanager.register(Alarm())
"""
END = "\n\ndef test_after(): pass\n"


def run(
    directory: Path,
    body: str,
    *options: str,
    patience: float,
    conftest: str = CONFTEST,
    others: tuple[str, ...] = (),
    end: str = END,
) -> subprocess.CompletedProcess[str]:
    """Run the tests of a file with the configuration of the repository."""
    (directory / "conftest.py").write_text(conftest)
    (directory / "test_it.py").write_text(BEGIN + body + end)
    (directory / "test_other.py").write_text("def test_other(): pass\n")
    command = [
        *(
            sys.executable,
            "-m",
            "pytest",
            "-c",
            str(ROOT / "setup.cfg"),
            "--rootdir",
            str(directory),
        ),
        *("-p", "no:cacheprovider", "-q", *options, "test_it.py", *others),
    ]
    environment = {**os.environ, "PATIENCE": str(patience)}
    return subprocess.run(
        command,
        cwd=directory,
        env=environment,
        capture_output=True,
        text=True,
        timeout=4 * PATIENCE,
    )


def has_ended(pid: int) -> bool:
    """Return whether a process has ended; a zombie has."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
