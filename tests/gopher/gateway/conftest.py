"""A gateway in this process, and one in a process of its own for browsers."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
import pytest_twisted

from logsrv.kit.testing import TwistdProcess
from tests.gopher.gateway.web import LOOPBACK, Web, gateway_service

Start = Callable[..., Web]


@pytest_twisted.async_yield_fixture
async def gateway() -> AsyncIterator[Start]:
    """`gateway("--allow-private")` starts one on a free port; it stops after the test."""
    from twisted.internet import reactor

    started: list[Web] = []

    def start(*arguments: str) -> Web:
        service = gateway_service(*arguments, reactor=reactor)
        service.startService()
        started.append(Web(service))
        return started[-1]

    yield start
    for web in started:
        await web.service.stopService()


@pytest.fixture
def gateway_process(tmp_path: Path) -> Iterator[TwistdProcess]:
    """`twistd -n gopher --gateway` with private addresses allowed."""
    arguments = ["--gateway", LOOPBACK, "--allow-private"]
    with TwistdProcess("gopher", *arguments, directory=tmp_path) as process:
        yield process
