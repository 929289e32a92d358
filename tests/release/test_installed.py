"""The wheel on each Python of this machine: every command, and a line from a sender into a search."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.archives import RELEASE, ROOT

SLOW = 5 * PATIENCE
LOCK = ROOT / "packaging/locks/base.txt"


def run(*command: str | Path) -> str:
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=SLOW)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install_requirements(python: Path) -> None:
    """Install the versions that are locked by uv, where that works: two seconds instead of pip's fifteen.

    It compiles nothing: few of the modules are imported.
    """
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    if uv := shutil.which("uv", path=path):
        options = ("--quiet", "--python", python)
        subprocess.run(
            [uv, "pip", "install", *options, "--require-hashes", "-r", LOCK],
            capture_output=True,
            timeout=SLOW,
        )


# Each day tests/docs installs the wheel twice: first-hour.md and tutorial.md are followed with it.
@pytest.mark.long
@pytest.mark.nightly
def test_every_command(each_python, wheel, tmp_path):
    run(each_python, "-m", "venv", "--without-pip", tmp_path / "venv")
    python = tmp_path / "venv" / "bin" / "python"
    install_requirements(python)
    # pip itself installs ours, and what is not there yet.
    pip = (sys.executable, "-m", "pip", "--python", python)
    run(*pip, "install", "--quiet", wheel)
    assert "No broken requirements" in run(*pip, "check")
    said = run(sys.executable, RELEASE / "installed.py", python.parent)
    assert "logsrv search finds the line that was sent" in said
