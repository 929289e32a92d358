"""The state of a plugin, from its making to its end, as its author writes it."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from logsrv.errors import ConfigurationError, StartError
from logsrv.kit import LineProtocol, protocol_plugin
from logsrv.kit._protocol_plugin.life import StateLife, call_if_defined
from logsrv.kit.testing import MemoryService, Running, serve
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.reactor import REACTOR, logged

heard: list[str] = []


class Tell(LineProtocol):
    """Tells everybody what the state has heard."""

    def line_received(self, line: str) -> None:
        self.send_line(" ".join(heard))


class Plain:
    """All of its life is plain functions."""

    def __init__(self, service: Any) -> None:
        heard[:] = ["made"]

    def start(self) -> None:
        heard.append("running" if REACTOR.running else "not running")

    def apply(self, settings: Any) -> None:
        heard.append(f"applied {settings.idle_timeout:g}")

    def stopping(self) -> None:
        heard.append("stopping")

    def close(self) -> None:
        heard.append("closed")


class Patient(Plain):
    """All of its life waits for something."""

    async def start(self) -> None:  # type: ignore[override]
        await later()
        super().start()

    async def apply(self, settings: Any) -> None:  # type: ignore[override]
        await later()
        super().apply(settings)

    async def stopping(self) -> None:  # type: ignore[override]
        await later()
        super().stopping()

    async def close(self) -> None:  # type: ignore[override]
        await later()
        super().close()


class Entered(Plain):
    """An async context manager that is the state itself."""

    async def __aenter__(self) -> Entered:
        await later()
        self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        await later()
        self.close()

    # What it yields is the state; `start` and `close` are for those that are entered by nobody.


@asynccontextmanager
async def yielding(service: Any) -> AsyncIterator[Plain]:
    state = Plain(service)
    await later()
    heard.append("running")
    yield state
    await later()
    heard.append("closed")


def later() -> Deferred[None]:
    waiting: Deferred[None] = Deferred()
    REACTOR.callLater(0, waiting.callback, None)
    return waiting


def talk(running: Running) -> bytes:
    with socket.create_connection(("127.0.0.1", running.port), PATIENCE) as client:
        client.sendall(b"\n")
        return client.makefile("rb").readline()


@pytest.mark.parametrize("state", [Plain, Patient, Entered, yielding])
async def test_a_state_is_made_started_warned_and_closed(state, tmp_path):
    """Peers that connect before it has started wait; what they meet has."""
    config = tmp_path / "plugin.toml"
    config.write_text('idle-timeout = "60s"\n')
    running = serve(Tell, "--config", str(config), state=state)
    assert await deferToThread(talk, running) == b"made running\r\n"
    config.write_text('idle-timeout = "30s"\n')
    await running.service.reload()
    assert running.service.settings.idle_timeout == 30
    await running.stop()
    assert heard == ["made", "running", "applied 30", "stopping", "closed"]


def failing(error: BaseException) -> Callable[[Any], Any]:
    class Failing(Plain):
        async def start(self) -> None:  # type: ignore[override]
            await later()
            raise error

    return Failing


async def test_a_start_that_fails_lets_nobody_in():
    running = serve(Tell, state=failing(ConfigurationError("the moon is missing")))
    client = socket.create_connection(("127.0.0.1", running.port), PATIENCE)
    with client, logged() as messages:
        with pytest.raises(StartError, match=r"^plugin: the moon is missing$"):
            await running.service.when_ready()
        assert not running.service.running
        # Again, as whoever asks later.
        with pytest.raises(StartError):
            await running.service.when_ready()

        def end() -> bytes:
            try:
                return client.recv(10)
            except ConnectionResetError:
                return b""

        assert await deferToThread(end) == b""
        await running.stop()
    assert heard == ["made"]
    assert [one for one in messages if "moon" in one] == [
        "plugin cannot start: the moon is missing"
    ]


async def test_a_bug_in_the_start_has_its_traceback():
    running = serve(Tell, state=failing(ZeroDivisionError("a bug")))
    with logged() as messages, pytest.raises(StartError, match="ZeroDivisionError: a bug"):
        await running.service.when_ready()
    assert any("cannot start" in message for message in messages)


class Endless(Plain):
    """Never ready; says when that is broken off."""

    async def start(self) -> None:  # type: ignore[override]
        try:
            await Deferred()
        except CancelledError:
            heard.append("broken off")
            raise


async def test_a_stop_breaks_a_start_off():
    running = serve(Tell, state=Endless)
    waiting = running.service.when_ready()
    assert running.service.unready_reasons() == ["plugin is starting"]
    with logged() as messages:
        await running.stop()
    assert heard == ["made", "broken off"]
    with pytest.raises(StartError, match="was stopped before it was ready"):
        await waiting
    assert messages[-1] == "plugin: stopped, 0 connections cut off"
    assert not any("failed" in message for message in messages)


async def test_a_reload_asked_for_during_the_start_comes_after_it(tmp_path):
    config = tmp_path / "plugin.toml"
    config.write_text('idle-timeout = "60s"\n')
    running = serve(Tell, "--config", str(config), state=Patient)
    config.write_text('idle-timeout = "30s"\n')
    await running.service.reload()
    assert running.service.settings.idle_timeout == 60
    await running.service.when_ready()
    await running.service.reload()
    assert running.service.settings.idle_timeout == 30
    await running.stop()


async def forgotten(service: Any) -> None:
    """Nobody awaits it."""


async def undecorated(service: Any) -> AsyncIterator[None]:
    yield


class Deaf:
    """Its constructor takes no service."""


def plain_generator(service: Any) -> Iterator[None]:
    yield


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (forgotten, "plugin: state is an async function, and nothing awaits it"),
        (undecorated, "plugin: state is an async generator; put @contextlib.asynccontextmanager"),
        (plain_generator, "plugin: state is a generator; make it async def"),
        (contextmanager(plain_generator), "plugin: state is a generator; make it async def"),
        (lambda: None, "plugin: state .* has to take one argument, the service"),
        (Deaf, "plugin: state .*Deaf.* has to take one argument, the service"),
    ],
)
def test_a_wrong_state_is_refused_with_a_sentence(state, said):
    """Said when the plugin is made, and when it is loaded from another file."""
    with pytest.raises(ConfigurationError, match=said):
        protocol_plugin("plugin", Tell, state=state)
    with pytest.raises(ConfigurationError, match=said):
        StateLife(state).make_state(Named())


class Named:
    name = "plugin"
    clock = REACTOR


def test_attributes_that_are_not_callable_are_not_called():
    class Clocked:
        def __init__(self, service: Any) -> None:
            self.start = 12.5
            self.close = None

    service = MemoryService(Tell, state=Clocked)
    assert service.service.state.start == 12.5
    assert call_if_defined(service.service.state, "close") is None


def test_nothing_is_closed_twice_nor_before_it_has_started():
    life = StateLife(Plain)
    start = life.make_state(Named())
    assert start is not None
    state = Plain(None)
    life.close_state(state)
    assert heard == ["made"]
    start()
    life.close_state(state)
    life.close_state(state)
    assert [*filter("closed".__eq__, heard)] == ["closed"]


def test_in_memory_a_start_has_all_the_time_it_needs():
    class Slow(Plain):
        def __init__(self, service: Any) -> None:
            super().__init__(service)
            self.clock = service.clock

        async def start(self) -> None:  # type: ignore[override]
            await deferLater(self.clock, 600)
            heard.append("started")

    assert MemoryService(Tell, state=Slow).connect().protocol
    assert heard == ["made", "started"]
    with pytest.raises(StartError, match="plugin: the moon is missing"):
        MemoryService(Tell, state=failing_at_once)


def test_a_stop_breaks_off_apply_and_waits_for_its_end():
    """It may still use what `close` closes."""

    class Slow(Plain):
        def __init__(self, service: Any) -> None:
            super().__init__(service)
            self.clock = service.clock

        async def apply(self, settings: Any) -> None:  # type: ignore[override]
            try:
                await Deferred()
            finally:
                await deferLater(self.clock, 1)
                heard.append("broken off")

    here = MemoryService(Tell, state=Slow)
    reloading = here.service.reload()
    with logged() as messages:
        here.stop()
    assert reloading.called
    assert heard == ["made", "running", "stopping", "broken off", "closed"]
    assert not any("reload" in message for message in messages)


class failing_at_once(Plain):
    def start(self) -> None:
        raise ConfigurationError("the moon is missing")


def test_an_async_unhealthy_is_reported():
    class Unhealthy(Plain):
        async def unhealthy(self) -> str:
            return "the moon is missing"

    service = MemoryService(Tell, state=Unhealthy).service
    assert service.unhealthy() == ["unhealthy of its state is async, and nothing awaits it"]
