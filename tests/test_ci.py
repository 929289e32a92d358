"""What .ci/ and the Makefile do: the oldest dependencies, and the Python that was asked for."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.programs import program

ROOT = Path(__file__).parent.parent
oldest: Callable[[str], Iterator[str]] = runpy.run_path(str(ROOT / ".ci/oldest.py"))["oldest"]

SETUP = """
[options]
install_requires =
    # why it is here
    Twisted[tls] >= 26.4
    zope.interface >= 6.2
[options.extras_require]
sql =
    duckdb >= 2.0
test =
    %(sql)s
    Twisted[conch] >= 26.4
dev =
    %(test)s
    mypy >= 1.15
"""


def test_the_oldest_of_everything_but_the_tools() -> None:
    assert list(oldest(SETUP)) == [
        "Twisted==26.4",
        "zope.interface==6.2",
        "duckdb==2.0",
        "Twisted==26.4",
    ]


@pytest.mark.parametrize("line", ["attrs", "attrs > 25", "attrs >= 25.4, < 26"])
def test_a_dependency_without_an_oldest_version_is_told(line: str) -> None:
    with pytest.raises(ValueError, match=r"attrs.* says no oldest version"):
        list(oldest(SETUP.replace("duckdb >= 2.0", line)))


def test_ours_say_theirs_and_agree() -> None:
    """One that stands in two extras with two versions could not be installed."""
    versions = set(oldest((ROOT / "setup.cfg").read_text()))
    assert len(versions) == len({line.partition("==")[0] for line in versions}) > 20


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose .venv is of a Python named `ours`, and another, `other`, beside it."""
    shutil.copytree(ROOT / ".make", tmp_path / ".make")
    for name in ("Makefile", "setup.cfg", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv/bin").mkdir(parents=True)
    for path, says in ((".venv/bin/python", "ours"), ("ours", "ours"), ("other", "other")):
        (tmp_path / path).write_text(f"#!/bin/sh\necho {says}\n")
        (tmp_path / path).chmod(0o755)
    for name in ("run.ready", "dev.ready"):
        (tmp_path / ".venv" / name).touch()
    return tmp_path


def making(checkout: Path, *words: str, path: str = "/usr/bin:/bin") -> str:
    command = [program("make", "make"), ".venv/dev.ready", *words]
    return subprocess.run(
        command, cwd=checkout, env=os.environ | {"PATH": path}, capture_output=True, text=True
    ).stdout


def test_a_venv_stays_until_another_python_is_asked_for(checkout: Path) -> None:
    for words in ((), ("PYTHON=./ours",)):
        assert "up to date" in making(checkout, "--dry-run", *words)
    assert "venv.sh './other' '.[dev]'" in making(checkout, "--dry-run", "PYTHON=./other")
    assert "venv.sh './none' '.[dev]'" in making(checkout, "--dry-run", "PYTHON=./none")


@pytest.mark.parametrize(
    ("words", "python"),
    [((), ">=3.11"), (("PYTHON=./other",), "./other"), (("PYTHON=3.13",), "3.13")],
)
def test_uv_takes_the_python_that_was_asked_for(
    checkout: Path, words: tuple[str, ...], python: str
) -> None:
    programs = checkout / "programs"
    programs.mkdir()
    (programs / "uv").write_text(f'#!/bin/sh\necho "$@" >>{checkout}/calls\n')
    (programs / "uv").chmod(0o755)
    if not words:
        shutil.rmtree(checkout / ".venv")
        (checkout / ".venv").mkdir()
    making(checkout, *words, path=f"{programs}:/usr/bin:/bin")
    assert f"venv --quiet --python {python} .venv" in (checkout / "calls").read_text().splitlines()


def test_examples_are_those_of_the_last_time() -> None:
    """Also with the oldest Hypothesis, which does not look where it runs."""
    assert settings().derandomize is (os.environ.get("CI") == "true")
