"""The oldest Twisted that setup.cfg admits and the newest on PyPI keep to what we rely on."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.programs import missing

ROOT = Path(__file__).parents[3]
TESTS = Path(__file__).parent / "twisted"
DEADLINE = 10 * PATIENCE


def oldest() -> str:
    """The requirement that only the oldest release fulfils: `Twisted[tls] ~= 26.4.0`."""
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg")
    [lowest] = re.findall(r"^Twisted\S* >= (\S+)$", setup["options"]["install_requires"], re.M)
    return f"Twisted[tls] ~= {lowest}.0"


def install(requirement: str, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, "--target", str(target), requirement],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    if done.returncode != 0:
        last = (done.stderr.strip() or "no reason given").splitlines()[-1]
        missing(f"pip could not install {requirement}: {last}")


@pytest.mark.long
@pytest.mark.parametrize("which", ["oldest", "newest"])
def test_the_private_parts_of_another_twisted(which: str, tmp_path: Path) -> None:
    """All that is tested of them passes with it."""
    install(oldest() if which == "oldest" else "Twisted[tls]", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", TESTS],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == 0 and " passed" in done.stdout, done.stdout[-4000:] + done.stderr


def test_the_child_imports_the_twisted_it_was_given(tmp_path: Path) -> None:
    """And not the one that is installed beside pytest."""
    package = tmp_path / "twisted"
    package.mkdir()
    (package / "__init__.py").write_text("__version__ = 'given'\n")
    done = subprocess.run(
        [sys.executable, "-c", "import twisted; print(twisted.__version__)"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.stdout == "given\n"
