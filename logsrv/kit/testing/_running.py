"""A plugin in this process, on free loopback ports, for tests that run inside the reactor."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread

from logsrv.kit.net.parse import parse_named_endpoint
from logsrv.kit.testing._memory import as_plugin, parsed
from logsrv.kit.testing._session import TelnetSession
from logsrv.kit.testing.patience import PATIENCE
from logsrv.reactor import chosen_reactor

Result = TypeVar("Result")

LOOPBACK = {"stream": "tcp:0:interface=127.0.0.1", "datagram": "udp:0:interface=127.0.0.1"}


class Running:
    """A started service; use it in an `async with` statement, or `stop` it.

    service: the RunningService that protocols get.
    """

    def __init__(self, service: Any) -> None:
        self.service = service

    async def __aenter__(self) -> Running:
        await self.service.when_ready()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.stop()

    @property
    def addresses(self) -> list[str]:
        """Return the addresses where it listens: `127.0.0.1:1234`, or a path."""
        return list(self.service.addresses)

    @property
    def port(self) -> int:
        """Return the port of its first listener."""
        return int(self.addresses[0].rpartition(":")[2])

    def port_of(self, to: str) -> int:
        """Return the port of the first listener of this name or, without a name, type, such as "udp".

        Raises AssertionError if there is none.
        """
        for site in self.service.served:
            if to == (site.endpoint.name or site.endpoint.scheme) and not site.endpoint.path:
                return int(site.address.rpartition(":")[2])
        there = ", ".join(site.label for site in self.service.served)
        raise AssertionError(f"no listener {to} has a port now; it listens at {there}")

    def converse(
        self,
        script: Callable[[TelnetSession], Result],
        *,
        to: str | None = None,
        cafile: Path | None = None,
    ) -> Deferred[Result]:
        """Run `script(session)` in a thread, because a session blocks; the result is that of `script`.

        to: as of `port_of`; by default the first listener. cafile: as of a TelnetSession.
        """

        def run() -> Result:
            port = self.port_of(to) if to else self.port
            with TelnetSession(port, cafile=cafile) as session:
                return script(session)

        ready: Deferred[None] = self.service.when_ready()
        return ready.addCallback(lambda _: deferToThread(run))

    def ask(self, datagram: bytes, *, deadline: float = PATIENCE) -> Deferred[bytes]:
        """Send a datagram to the first listener for datagrams; the result is the first answer.

        Fails with TimeoutError when no answer has come after `deadline` seconds.
        """
        kinds = [endpoint.kind for endpoint in self.service.settings.listen]
        host, _, port = self.addresses[kinds.index("datagram")].rpartition(":")

        def run() -> bytes:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                asking.settimeout(deadline)
                asking.connect((host, int(port)))
                asking.send(datagram)
                try:
                    return asking.recv(65536)
                except TimeoutError:
                    raise TimeoutError(f"no answer to {datagram!r} in {deadline:g} s") from None

        return deferToThread(run)

    async def stop(self) -> None:
        """Stop gracefully, as at SIGTERM."""
        await self.service.stopService()


def serve(what: Any, *arguments: str, reactor: Any = None, **how: Any) -> Running:
    """Start a plugin in this process, on free ports unless `arguments` have a --listen.

    what: a Plugin, a protocol class or a function. arguments: as on the command line. reactor: by default
    the one that runs. how: arguments of `protocol_plugin`, unless `what` is a Plugin.

    A plugin that listens for connections and datagrams gets a port for each. While its state starts, peers
    wait; await `service.when_ready()`. Raises StartError with one sentence.
    """
    if reactor is None:
        reactor = chosen_reactor()
    plugin = as_plugin(what, **how)
    if not any(argument.partition("=")[0] == "--listen" for argument in arguments):
        default = [parse_named_endpoint([*plugin.listeners], text) for text in plugin.listen]
        kinds = dict.fromkeys((one.name, one.kind) for one in default)
        endpoints = [
            f"{name}:{LOOPBACK[kind]}" if name else LOOPBACK[kind]
            for name, kind in kinds
            if kind in LOOPBACK
        ]
        arguments = (*(f"--listen={one}" for one in endpoints), *arguments)
    service = plugin.make_service_on(reactor, parsed(plugin, arguments))
    service.startService()
    return Running(service)
