"""Fixtures for pytest: `pytest_plugins = ["logsrv.kit.testing.fixtures"]` in a test file or conftest.

There is no entry point, because every run of pytest would load that wherever logsrv is installed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_twisted  # type: ignore[import-untyped]

# Its names are loaded when they are first used.
from logsrv.kit import testing
from logsrv.kit.testing._process import TwistdProcess

if TYPE_CHECKING:
    from logsrv.kit.testing._memory import MemoryService
    from logsrv.kit.testing._running import Running


@pytest.fixture
def in_memory() -> Callable[..., MemoryService]:
    """`in_memory(plugin, "--max-line", "100")` returns a MemoryService."""
    return testing.MemoryService


@pytest_twisted.async_yield_fixture  # type: ignore[untyped-decorator]
async def serving() -> AsyncIterator[Callable[..., Running]]:
    """`serving(plugin, "--idle-timeout", "1s")` returns a Running, which stops after the test."""
    started: list[Running] = []

    def start(what: Any, *arguments: str, **how: Any) -> Running:
        started.append(testing.serve(what, *arguments, **how))
        return started[-1]

    yield start
    for running in started:
        await running.stop()


@pytest.fixture
def twistd(tmp_path: Path) -> Iterator[Callable[..., TwistdProcess]]:
    """`twistd("shout", "--listen", "tcp:0")` returns a ready TwistdProcess, which is killed at the end."""
    with ExitStack() as started:

        def start(plugin: str, *arguments: str, **how: Any) -> TwistdProcess:
            how.setdefault("directory", tmp_path)
            process = started.push(TwistdProcess(plugin, *arguments, **how).start())
            return process.ready()

        yield start
