"""A plugin in this process, on free loopback ports: for tests that run inside the reactor."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from logsrv.kit.testing.memory import as_plugin, service_of
from logsrv.kit.testing.session import TelnetSession

Result = TypeVar("Result")

LOOPBACK = "tcp:0:interface=127.0.0.1"


class Running:
    """A started service; use it in an `async with` statement, or `stop` it.

    service: as protocols see it.
    """

    def __init__(self, service: Any) -> None:
        self.service = service

    async def __aenter__(self) -> Running:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def addresses(self) -> list[str]:
        """The places where it listens: `127.0.0.1:1234`, or a path."""
        return list(self.service.addresses)

    @property
    def port(self) -> int:
        """The port of its first listener."""
        return int(self.addresses[0].rpartition(":")[2])

    def converse(self, script: Callable[[TelnetSession], Result]) -> Deferred[Result]:
        """Run `script` with a session in a thread of its own: a session blocks, the reactor must not."""

        def run() -> Result:
            with TelnetSession(self.port) as session:
                return script(session)

        return deferToThread(run)

    async def stop(self) -> None:
        """Stop gracefully, as at SIGTERM."""
        await self.service.stopService()


def serve(what: Any, *arguments: str, reactor: Any = None, **how: Any) -> Running:
    """Start a Plugin, a protocol class or a function, on a free port unless `arguments` say where.

    `arguments` as on the command line, `how` as `protocol_plugin` takes it. reactor: the one that
    runs, if left out. Raises StartError with one sentence.
    """
    if reactor is None:
        from twisted.internet import reactor
    if "--listen" not in arguments:
        arguments = ("--listen", LOOPBACK, *arguments)
    service = service_of(as_plugin(what, **how), arguments, reactor)
    service.startService()
    return Running(service)
