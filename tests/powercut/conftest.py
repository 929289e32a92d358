"""The shim, and what is told at the end: a table of states by workload and model."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.powercut.checking import KINDS
from tests.powercut.recording import build
from tests.powercut.seen import scratch
from tests.powercut.trying import Workload
from tests.powercut.workloads import play
from tests.programs import missing


@pytest.fixture(autouse=True, scope="session")
def priority() -> Iterator[None]:
    """Sealing in this process is not put off: on a busy machine the lowest priority takes 100 ms."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "setpriority", lambda *_: None)
        yield


@pytest.fixture(scope="session")
def place() -> Iterator[Path]:
    """A directory for what is recorded, in memory where that can be."""
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
    """Tell what each workload came to under each model."""
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
