"""Fixtures with the shim and the records, and the table of states by workload and model at the end."""

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.parts.powercut.recording import build
from tests.parts.programs import missing
from tests.powercut.checking import KINDS
from tests.powercut.seen import scratch
from tests.powercut.trying import Workload
from tests.powercut.workloads import play


@pytest.fixture(autouse=True)
def priority(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sealing in this process keep its priority: with the lowest it takes 100 ms on a busy machine."""
    monkeypatch.setattr(os, "setpriority", lambda *_: None)


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """Yield a directory for the records, in memory if the system has such a place."""
    with tempfile.TemporaryDirectory(prefix="powercut.", dir=scratch()) as directory:
        yield Path(directory)


@pytest.fixture(scope="session")
def shim(place: Path) -> Path:
    try:
        return build(place)
    except (OSError, subprocess.CalledProcessError) as error:
        missing(f"the shim cannot be compiled: {error} (Debian: apt install gcc libc6-dev)")


@pytest.fixture(scope="session")
def workload(place: Path, shim: Path) -> Callable[[str], Workload]:
    """`workload("rotating")` records it, once."""
    found: dict[str, Workload] = {}

    def recorded(name: str) -> Workload:
        if name not in found:
            found[name] = Workload.of(name, play(name, place / name, shim).path)
        return found[name]

    return recorded


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table: the result of each workload under each model."""
    reports = [one for kind in ("passed", "failed") for one in terminalreporter.getreports(kind)]
    rows = sorted(
        value for one in reports for name, value in one.user_properties if name == "power cuts"
    )
    if rows:
        terminalreporter.section("power cuts")
        heads = ("workload", "model", "states", "equal", "wrong", *KINDS)
        sums = [sum(column) for column in zip(*(row[2:] for row in rows), strict=True)]
        for name, model, *numbers in (heads, *rows, ("in all", "", *sums)):
            terminalreporter.write_line(
                f"{name:<11}{model:<7}" + "".join(f"{number!s:>8}" for number in numbers)
            )
