"""The scripts of .ci/ and the Makefile: oldest dependencies, the chosen Python, flaky tests."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import settings
from xdist.workermanage import WorkerController

from tests.programs import program
from tests.scheduling import LONGEST, FilesTogether, scope_of

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


def test_the_oldest_versions_are_those_of_all_extras_but_the_tools() -> None:
    assert list(oldest(SETUP)) == [
        "Twisted==26.4",
        "zope.interface==6.2",
        "duckdb==2.0",
        "Twisted==26.4",
    ]


@pytest.mark.parametrize("line", ["attrs", "attrs > 25", "attrs >= 25.4, < 26"])
def test_a_dependency_without_an_oldest_version_is_an_error_that_names_it(line: str) -> None:
    with pytest.raises(ValueError, match=r"attrs.* says no oldest version"):
        list(oldest(SETUP.replace("duckdb >= 2.0", line)))


def test_each_dependency_of_setup_cfg_has_one_oldest_version() -> None:
    """A distribution with two oldest versions, in two extras, could not be installed."""
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


def test_hypothesis_uses_the_same_examples_each_time_in_ci() -> None:
    """Also with the oldest Hypothesis, which does not detect CI."""
    assert settings().derandomize is (os.environ.get("CI") == "true")


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
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode, done.stdout.splitlines()


def rerun(place: Path, tests: str, *words: str) -> tuple[int, list[str]]:
    """Return the status of .ci/rerun.py in a folder with these tests, and the lines that it prints."""
    (place / "test_it.py").write_text(TESTS + tests)
    (place / "pytest.ini").write_text("[pytest]\naddopts = -p xdist\n")
    command = [sys.executable, str(ROOT / ".ci/rerun.py"), *words]
    plain = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return lines_of(command, cwd=place, env=plain)


@pytest.mark.parametrize(
    ("test", "scope"),
    [
        ("tests/debian/test_boot.py::test_a", "tests/debian/"),
        ("tests/debian/test_life.py::test_b[tests/x.py::c]", "tests/debian/"),
        ("tests/linelog/http/test_open.py::test_a", "tests/linelog/http/test_open.py"),
        ("tests/kit/test_names.py::test_c[tests/debian/]", "tests/kit/test_names.py"),
    ],
)
def test_a_file_is_a_scope_and_so_is_the_package(test: str, scope: str) -> None:
    assert scope_of(test) == scope


class Worker:
    """A worker of xdist as a scheduler sees it. given: the numbers of the tests that it got."""

    gateway = SimpleNamespace(id="gw0")
    shutting_down = False

    def __init__(self) -> None:
        self.given: list[int] = []

    def send_runtest_some(self, numbers: list[int]) -> None:
        self.given += numbers


def test_the_longest_files_begin_and_then_those_of_most_tests() -> None:
    option = SimpleNamespace(debug=False, loadscopereorder=True)
    config = SimpleNamespace(getvalue=lambda _: ["popen"], option=option)
    scheduler = FilesTogether(cast(pytest.Config, config))
    worker = Worker()
    short = [f"tests/kit/test_names.py::test_{number}" for number in range(9)]
    tests = [*short, "tests/docs/test_tutorial.py::test_a", "tests/debian/test_boot.py::test_b"]
    node = cast(WorkerController, worker)
    scheduler.add_node(node)
    scheduler.add_node_collection(node, tests)
    scheduler.schedule()
    assert worker.given == [10, 9]
    scheduler.mark_test_complete(node, 10)
    assert worker.given == [10, 9, *range(9)]
    assert all((ROOT / scope).exists() for scope in LONGEST)


@pytest.mark.long
@pytest.mark.nightly
def test_a_worker_has_all_tests_of_a_file_and_of_debian() -> None:
    """They share what is slow to make: a package, an environment, a browser."""
    files = ("debian/test_environment", "debian/test_restart_wait", "test_timer", "kit/test_names")
    # As many workers as files.
    side_by_side = ["-n", "4", "--dist", "loadfile", "-v", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", *side_by_side]
    status, printed = lines_of(
        [*command, *(f"tests/{file}.py" for file in files)], cwd=ROOT, env={**os.environ}
    )
    assert status == 0, printed
    found: dict[str, list[str]] = {}
    for worker, path in re.findall(r"(?m)^\[(gw\d)\].*PASSED tests/(\w+)", "\n".join(printed)):
        found.setdefault(path, []).append(worker)
    assert {path: len(set(workers)) for path, workers in found.items()} == {
        "debian": 1, "test_timer": 1, "kit": 1,
    }  # fmt: skip
    assert len(found["debian"]) > 5


@pytest.mark.slow
@pytest.mark.parametrize("words", [(), ("-n", "2", "--dist", "loadfile")])
def test_what_passes_the_second_time_is_flaky_and_green(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    once = """
@pytest.mark.xdist_group("debian")
@pytest.mark.parametrize("text", ["a b[1]@c::d", "other"])
def test_once(text): assert text == "other" or not fails_once()
"""
    status, printed = rerun(tmp_path, once, *words)
    assert status == 0, printed
    assert printed[-1] == "flaky: test_it.py::test_once[a b[1]@c::d]"
    closing = [line.strip("= ").rpartition(" in ")[0] for line in printed if " passed" in line]
    # The second run has the failed test alone.
    assert closing == ["1 failed, 2 passed", "1 passed"]


@pytest.mark.slow
def test_a_test_that_fails_twice_is_red_and_the_flaky_one_is_told(tmp_path: Path) -> None:
    tests = """
def test_once(): assert not fails_once()
def test_never(): assert False
"""
    status, printed = rerun(tmp_path, tests)
    assert status == 1
    assert printed[-2:] == ["flaky: test_it.py::test_once", "failed twice: test_it.py::test_never"]


@pytest.mark.slow
def test_a_worker_that_dies_once_is_flaky_and_pytest_itself_never(tmp_path: Path) -> None:
    dies = """
def test_dies():
    if fails_once(): os.kill(os.getpid(), signal.SIGKILL)
"""
    status, printed = rerun(tmp_path, dies, "-n", "1")
    assert (status, printed[-1]) == (0, "flaky: test_it.py::test_dies")
    (tmp_path / "failed").unlink()
    # The other failures of that run are not known.
    status, printed = rerun(tmp_path, dies)
    assert status != 0 and "flaky: test_it.py::test_dies" not in printed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tests", "words", "says"),
    [
        ("import nothing_of_this_name", ("-n", "1"), "ModuleNotFoundError"),
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
            ("-n", "1"),
            "failed twice: test_it.py::test_it",
        ),
    ],
)
def test_anything_but_a_test_that_failed_and_then_passes_is_red(
    tmp_path: Path, tests: str, words: tuple[str, ...], says: str
) -> None:
    status, printed = rerun(tmp_path, tests, *words)
    assert status != 0
    assert any(says in line for line in printed), printed


STOPPED = """
def test_that_is_stopped():
    continued = []
    signal.signal(signal.SIGCONT, lambda *_: continued.append(1))
    while not continued: signal.pause()
    assert not continued
"""


@pytest.mark.long
@pytest.mark.nightly
def test_the_failures_of_a_stopped_test_are_counted_by_name(tmp_path: Path) -> None:
    """Its name comes from what CI printed; the other one is stopped as well, and passes."""
    (tmp_path / "test_it.py").write_text(TESTS + STOPPED)
    (tmp_path / "log").write_text(
        "flaky: test_it.py::test_that_is_stopped\nfailed twice: no.py::no\n"
    )
    command = [sys.executable, str(ROOT / ".ci/flaky.py"), "--times", "2", "@log"]
    plain = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    status, printed = lines_of([*command, "test_it.py::test_passes"], cwd=tmp_path, env=plain)
    assert status == 1
    assert printed[-2:] == [
        "failed 2 of 2 times: test_it.py::test_that_is_stopped",
        "1 tests failed in 2 runs",
    ]
    status, printed = lines_of([*command[:-1], "test_it.py::test_passes"], cwd=tmp_path, env=plain)
    assert (status, printed[-1]) == (0, "0 tests failed in 2 runs")


# The other programs of a system that .ci/run uses.
TOOLS = "bash sh awk cat chmod cut df dirname env git grep mktemp rm sort tail tee tr uname"


@pytest.fixture
def runs_ci(tmp_path: Path) -> Callable[[str], tuple[int, list[str]]]:
    """Runs .ci/run of a copy, with these commands as `make test` and `make test-rest`, and installs
    nothing.
    """
    copy, programs = tmp_path / "copy", tmp_path / "programs"
    shutil.copytree(ROOT / ".ci", copy / ".ci")
    shutil.copy(ROOT / "setup.cfg", copy)
    (copy / "tests").mkdir()
    for script in ("peers.sh", "uv.sh"):
        (copy / ".ci" / script).write_text("")
    programs.mkdir()
    for name in TOOLS.split():
        (programs / name).symlink_to(program(name, name))

    def run(make: str) -> tuple[int, list[str]]:
        python = f'exec {shlex.quote(sys.executable)} "$@"'
        stubs = {"apt-get": "", "npm": "", "make": make, "python3": python, "python3.11": python}
        for name, does in stubs.items():
            (programs / name).write_text(f"#!/bin/sh\n{does}\n")
            (programs / name).chmod(0o755)
        places = {"PATH": str(programs), "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
        return lines_of([str(copy / ".ci/run")], cwd=copy, env=places)

    return run


PASSED = "== 9 passed in 3.00s =="
FLAKE = (
    "== 1 failed, 8 passed in 3.00s ==",
    "rerun: once more, alone",
    "== 1 passed in 0.10s ==",
    "flaky: a",
)


def test_ci_ends_with_how_each_run_closed_and_what_was_flaky(
    runs_ci: Callable[[str], tuple[int, list[str]]],
) -> None:
    told = "; ".join(f"echo '{line}'" for line in FLAKE)
    status, printed = runs_ci(f"case $1 in test) {told};; test-rest) echo '{PASSED}';; esac")
    assert status == 0, printed
    summary = printed[printed.index("ci: all passed") + 1 :]
    flaky = [line for line in FLAKE if not line.startswith("rerun")]
    assert [line for line in summary if line[0] in "=f"] == [*flaky, *flaky, PASSED]


@pytest.mark.parametrize(
    ("makes", "parts"),
    [
        ("site", ("the site",)),
        ("check", ("lint, format, types",)),
        ("test-rest", ("slow and long",)),
        ("test", ("quick tests", "quick tests")),
        (".venv/dev.ready", ()),
        ("test site", ("the site", "quick tests", "quick tests")),
        ("test test-rest check", ("quick tests", "quick tests", "slow and long", "lint, format")),
    ],
)
def test_a_red_part_of_ci_does_not_hide_the_others_and_the_end_names_each(
    makes: str, parts: tuple[str, ...], runs_ci: Callable[[str], tuple[int, list[str]]]
) -> None:
    """An environment that cannot be made fails in the tests that need it."""
    status, printed = runs_ci(f"echo made $1; case ' {makes} ' in *\" $1 \"*) exit 1;; esac")
    assert status == (1 if parts else 0), printed
    assert printed.count("made test") == 2 and printed.count("made test-rest") == 1
    assert ("ci: all passed" in printed) is not bool(parts)
    last = printed[len(printed) - len(parts) :]
    for line, part in zip(last, parts, strict=True):
        assert line.startswith(f"ci: failed: {part}")
    if parts:
        assert set(last) <= set(printed[: -len(parts)]), "each is told where it fails, too"
