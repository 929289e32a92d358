"""The scripts of .ci/: oldest dependencies, flaky tests, and a run whose parts fail."""

import os
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from tests.parts.inner_runs import CONFTEST
from tests.parts.programs import program

ROOT = Path(__file__).parent.parent
oldest: Callable[[str], Iterator[str]] = runpy.run_path(str(ROOT / ".ci/oldest.py"))["oldest"]

SETUP = """
[options]
install_requires =
    # why it is here
    Twisted[tls] >= 26.4, < 27
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


def test_the_oldest_versions_are_those_of_all_extras_but_the_tools():
    assert list(oldest(SETUP)) == [
        "Twisted==26.4",
        "zope.interface==6.2",
        "duckdb==2.0",
        "Twisted==26.4",
    ]


@pytest.mark.parametrize("line", ["attrs", "attrs > 25", "attrs < 26"])
def test_a_dependency_without_an_oldest_version_is_an_error_that_names_it(line):
    with pytest.raises(ValueError, match=r"attrs.* says no oldest version"):
        list(oldest(SETUP.replace("duckdb >= 2.0", line)))


TESTS = """
import os, pathlib, pytest, signal
HERE = pathlib.Path(__file__).parent
def fails_once():
    try:
        (HERE / "failed").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
def test_passes(): pass
"""


def lines_of(command: list[str], cwd: Path, env: dict[str, str]) -> tuple[int, list[str]]:
    """Return the status of a command, and the lines that it prints."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
    )
    return done.returncode, done.stdout.splitlines()


def rerun(place: Path, tests: str, *words: str) -> tuple[int, list[str]]:
    """Return the status of .ci/rerun.py in a folder with these tests, and the lines that it prints."""
    (place / "test_it.py").write_text(TESTS + tests)
    (place / "pytest.ini").write_text("[pytest]\n")
    (place / "conftest.py").write_text(CONFTEST)
    command = [sys.executable, str(ROOT / ".ci/rerun.py"), *words]
    plain = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return lines_of(command, cwd=place, env=plain)


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("--forks", "1")])
def test_a_test_that_passes_the_second_time_is_flaky_and_green(tmp_path, words):
    """With forks also one that ends its worker; the second run has the failed test alone."""
    fails = "os.kill(os.getpid(), signal.SIGKILL)" if words else "assert False"
    once = f"""
@pytest.mark.parametrize("text", ["a b[1]@c::d", "other"])
def test_once(text):
    if text != "other" and fails_once(): {fails}
"""
    status, printed = rerun(tmp_path, once, *words)
    assert status == 0, printed
    assert printed[-1] == "flaky: test_it.py::test_once[a b[1]@c::d]"
    closing = [line.strip("= ").rpartition(" in ")[0] for line in printed if " passed" in line]
    assert closing == ["1 failed, 2 passed", "1 passed"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tests", "words", "says"),
    [
        (
            "def test_once(): assert not fails_once()\ndef test_never(): assert False",
            (),
            "failed twice: test_it.py::test_never",
        ),
        ("import nothing_of_this_name", ("--forks", "1"), "ModuleNotFoundError"),
        ("", ("-k", "nothing_of_this_name"), "1 deselected"),
        (
            "if fails_once():\n    def test_it(): assert False",
            (),
            "ERROR: not found",
        ),
        (
            "def test_it():\n    assert not fails_once()\n    pytest.skip('now')",
            (),
            "rerun: not all of them were run the second time",
        ),
        (
            "@pytest.mark.parametrize('n', range(21))\ndef test_it(n): assert False",
            (),
            "rerun: 21 failed, more than a flake: not run again",
        ),
        (
            "def test_it(): assert False\ndef test_last(): os._exit(0)",
            (),
            "rerun: pytest has ended with status 0 before it was through",
        ),
        (
            "import atexit\ndef test_it():\n    atexit.register(os._exit, 0)\n    assert False",
            ("--forks", "1"),
            "failed twice: test_it.py::test_it",
        ),
    ],
)
def test_anything_but_a_test_that_failed_and_then_passes_is_red(tmp_path, tests, words, says):
    status, printed = rerun(tmp_path, tests, *words)
    assert status != 0
    assert any(says in line for line in printed), printed


# The other programs of a system that .ci/run uses.
TOOLS = (
    "bash sh awk cat chmod cp cut df dirname env git grep mktemp nice rm sed sort tail tee tr uname"
)


@pytest.fixture
def runs_ci(tmp_path: Path) -> Callable[..., tuple[int, list[str]]]:
    """Runs .ci/run of a copy, with these commands as `make test` and `make test-rest`, and installs
    nothing. Further variables are those of its environment.
    """
    copy, programs = tmp_path / "copy", tmp_path / "programs"
    shutil.copytree(ROOT / ".ci", copy / ".ci")
    shutil.copy(ROOT / "setup.cfg", copy)
    (copy / "tests").mkdir()
    for script in ("engines.sh", "peers.sh", "python.sh", "uv.sh"):
        (copy / ".ci" / script).write_text("")
    programs.mkdir()
    for name in TOOLS.split():
        (programs / name).symlink_to(program(name, name))

    def run(make: str, **environment: str) -> tuple[int, list[str]]:
        python = f'exec {shlex.quote(sys.executable)} "$@"'
        stubs = {"apt-get": "", "npm": "", "make": make, "python3": python, "python3.11": python}
        for name, does in stubs.items():
            (programs / name).write_text(f"#!/bin/sh\n{does}\n")
            (programs / name).chmod(0o755)
        places = {"PATH": str(programs), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
        return lines_of([str(copy / ".ci/run")], cwd=copy, env=places | environment)

    return run


@pytest.mark.parametrize(
    ("night", "made", "parts"),
    [
        (
            {},
            ("test", "test-rest"),
            ("quick", "slow and long", "lint, format", "a minute of fuzzing"),
        ),
        (
            {"NIGHTLY": "1"},
            ("test", "test", "test-all"),
            (
                "quick",
                "quick",
                "every",
                "lint, format",
                "a minute of fuzzing",
                "the newest pre-releases",
            ),
        ),
    ],
)
def test_a_red_part_of_ci_does_not_hide_the_others_and_the_end_names_each(
    runs_ci, night, made, parts
):
    failing = "test|test-rest|test-all|check|fuzz|VENV=*"
    status, printed = runs_ci(f"echo made $1; case $1 in {failing}) exit 1;; esac", **night)
    assert status == 1, printed
    found = [line.removeprefix("made ") for line in printed if line.startswith("made test")]
    assert tuple(found) == made
    assert "ci: all passed" not in printed
    last = printed[-len(parts) :]
    for line, part in zip(last, parts, strict=True):
        assert line.startswith(f"ci: failed: {part}")
    assert set(last) <= set(printed[: -len(parts)]), "each is told where it fails, too"
