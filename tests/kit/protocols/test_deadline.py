"""Deadlines around blocks of awaits, in handlers, tasks and states; those of asyncio: test_awaiting.py."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.task import deferLater

from logsrv.errors import StartError
from logsrv.kit import (
    Connection,
    DatagramLines,
    DeadlineExceeded,
    LineProtocol,
    Sender,
    deadline,
    protocol_plugin,
)

pytest_plugins = ["logsrv.kit.testing.fixtures"]


async def shy(connection: Connection) -> None:
    """Wants a word within five seconds; then waits for a line without an end."""
    try:
        async with deadline(5, "the first word"):
            line = await connection.read_line()
    except DeadlineExceeded as error:
        connection.send_line(f"{error}")
        line = await connection.read_line()
    connection.send_line(f"you said {line}")
    await connection.read_line()


def test_a_block_that_takes_too_long_is_ended_and_the_connection_goes_on(in_memory):
    service = in_memory(shy)
    quick, late = service.connect(), service.connect()
    quick.feed(b"hello\n")
    service.clock.advance(5)
    assert late.received() == b"the deadline of the first word has passed, after 5 s\r\n"
    late.feed(b"sorry\n")
    assert late.received() == b"you said sorry\r\n"
    assert quick.received() == b"you said hello\r\n"
    # It is free after use: nothing is cancelled later, and no timer stays.
    service.clock.advance(60)
    assert not quick.closed and not late.closed
    assert service.metric("connections_failed_total") == 0
    quick.disconnect()
    late.disconnect()


@pytest.mark.parametrize(
    ("outer", "inner", "said"),
    [(3, 5, b"outer 3\r\n"), (5, 3, b"inner 3\r\n"), (4, 4, b"outer 4\r\n")],
)
def test_of_two_deadlines_the_one_that_has_passed_is_raised(in_memory, outer, inner, said):
    async def handle(connection: Connection) -> None:
        try:
            async with deadline(outer, "outer"), deadline(inner, "inner"):
                await connection.read_line()
        except DeadlineExceeded as error:
            connection.send_line(f"{error.name} {error.seconds:g}")
        await connection.read_line()

    service = in_memory(handle)
    peer = service.connect()
    service.clock.advance(3)
    service.clock.advance(1)
    service.clock.advance(1)
    assert peer.received() == said
    assert not peer.closed


def test_finally_cleans_up_and_other_errors_pass(in_memory):
    said: list[str] = []

    async def handle(connection: Connection) -> None:
        try:
            async with deadline(2):
                try:
                    await connection.drain()
                    await Deferred()
                finally:
                    said.append("cleaned")
        except TimeoutError:
            said.append("late")
        with pytest.raises(KeyError):
            async with deadline(2):
                raise KeyError
        said.append("passed")

    service = in_memory(handle)
    service.connect()
    service.clock.advance(2)
    assert said == ["cleaned", "late", "passed"]


async def login(connection: Connection) -> None:
    async with deadline(2, "the login"):
        await connection.read_line()


class Login(LineProtocol):
    async def connection_made(self) -> None:
        async with deadline(2, "the login"):
            await self.ask()


@pytest.mark.parametrize("served", [login, Login])
def test_one_that_nobody_catches_dismisses_the_peer(in_memory, served):
    """A client that says nothing is no error of the author's, and writes no traceback."""
    service = in_memory(served)
    peer = service.connect()
    service.clock.advance(2)
    assert peer.received() == b"the deadline of the login has passed, after 2 s\r\n"
    peer.disconnect()
    assert service.metric("connections_failed_total") == 0
    assert service.metric("connections_cut_total", reason="peer_error") == 1


def test_one_that_nobody_catches_in_the_start_is_its_sentence(in_memory):
    class Late:
        def __init__(self, service: Any) -> None:
            self.service = service

        async def start(self) -> None:
            async with deadline(5, "the database"):
                await deferLater(self.service.clock, 50)

    with pytest.raises(
        StartError, match=r"^plugin: the deadline of the database has passed, after"
    ):
        in_memory(login, state=Late)


def test_a_peer_that_goes_meanwhile_cancels_as_without_it(in_memory):
    ended: list[type[BaseException] | None] = []

    async def handle(connection: Connection) -> None:
        try:
            async with deadline(5):
                await Deferred()
        except BaseException as error:
            ended.append(type(error))
            raise

    service = in_memory(handle)
    service.connect().disconnect(ConnectionResetError())
    service.clock.advance(10)
    assert [one and one.__name__ for one in ended] == ["CancelledError"]
    assert service.metric("connections_failed_total") == 0


class Worker:
    """A state whose start, task and job each meet a deadline."""

    def __init__(self, service: Any) -> None:
        self.service, self.said = service, list[str]()

    async def start(self) -> None:
        await self.late("start")
        self.service.spawn(self.late("task"))
        self.service.every(60, self.late, "job")

    async def late(self, name: str) -> None:
        try:
            async with deadline(5, name):
                await deferLater(self.service.clock, 50)
        except DeadlineExceeded as error:
            self.said.append(error.name)


def test_tasks_and_the_start_of_a_state_have_deadlines(in_memory):
    service = in_memory(shy, state=Worker)
    assert service.service.state.said == ["start"]
    service.clock.advance(5)
    assert sorted(service.service.state.said[1:]) == ["job", "task"]
    service.clock.advance(60)
    assert service.service.state.said[3:] == ["job"]
    assert service.metric("tasks_failed_total") == 0


def test_so_has_all_other_code_that_the_service_awaits(in_memory):
    """By the clock of the service, which in memory is the test's."""
    said: list[str] = []

    async def late(name: str) -> None:
        try:
            async with deadline(3, name):
                await Deferred()
        except DeadlineExceeded as error:
            said.append(error.name)

    class State:
        def __init__(self, service: Any) -> None:
            pass

        async def apply(self, settings: Any) -> None:
            await late("apply")

        async def stopping(self) -> None:
            await late("stopping")

        async def close(self) -> None:
            await late("close")

    class Lines(LineProtocol):
        def line_received(self, line: str) -> None:
            self.later(0, late, "timer")

        async def connection_lost(self, reason: str) -> None:  # type: ignore[override]
            await late("connection_lost")

    class Datagram(DatagramLines):
        async def line_received(self, line: str, peer: Sender) -> None:
            await late("datagram")

    where = ("tcp:1", "udp:1")
    service = in_memory(
        protocol_plugin("late", Lines, datagrams=Datagram, state=State, listen=where)
    )
    peer = service.connect()
    for act in (
        lambda: peer.feed(b"\n"), peer.disconnect, lambda: service.sender().send(b"\n"),
        service.reload, service.stop,
    ):  # fmt: skip
        act()
        service.clock.advance(1)
        service.clock.advance(4)
    assert said == ["timer", "connection_lost", "datagram", "apply", "stopping", "close"]


@pytest.mark.parametrize(
    ("seconds", "error", "value"),
    [
        (-1, ValueError, "-1"),
        (float("nan"), ValueError, "nan"),
        (float("inf"), ValueError, "inf"),
        (None, TypeError, "None"),
        ("5", TypeError, "'5'"),
    ],
)
def test_what_is_no_time_is_refused(seconds, error, value):
    with pytest.raises(error, match=f"^deadline takes a number of seconds, not {value}$"):
        deadline(seconds)


def test_a_coroutine_of_somebody_else_is_told_so():
    async def alone() -> None:
        async with deadline(1):
            pass

    with pytest.raises(RuntimeError, match="deadline needs a coroutine that the kit runs"):
        alone().send(None)


@pytest.mark.parametrize("runs", [ensureDeferred, Deferred.fromCoroutine])
def test_one_that_twisted_runs_is_told_so_and_its_caller_is_not_cancelled(in_memory, runs):
    said: list[str] = []

    async def beside() -> None:
        try:
            async with deadline(1):
                await Deferred()
        except RuntimeError as error:
            said.append(str(error))

    async def handle(connection: Connection) -> None:
        runs(beside())
        await connection.read_line()

    service = in_memory(handle)
    peer = service.connect()
    service.service.every(10, lambda: runs(beside()) and None)
    service.clock.advance(2)
    assert not peer.closed
    assert len(said) == 2
    assert said[0].endswith("; Twisted itself runs coroutines of ensureDeferred and fromCoroutine")


def test_a_context_manager_and_a_generator_may_have_deadlines(in_memory):
    @asynccontextmanager
    async def limited() -> AsyncIterator[None]:
        async with deadline(1, "the manager"):
            yield

    async def lines(connection: Connection) -> AsyncIterator[str | None]:
        async with deadline(2, "the generator"):
            yield await connection.read_line()

    async def handle(connection: Connection) -> None:
        try:
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(limited())
                await connection.read_line()
        except TimeoutError as error:
            connection.send_line(str(error))
        async for line in lines(connection):
            connection.send_line(str(line))

    service = in_memory(handle)
    peer = service.connect()
    service.clock.advance(1)
    service.clock.advance(2)
    assert peer.received() == b"".join(
        b"the deadline of the %s has passed, after %d s\r\n" % (name, seconds)
        for name, seconds in ((b"manager", 1), (b"generator", 2))
    )
    assert peer.closed


def test_a_cancel_beside_a_deadline_stays_a_cancel(in_memory):
    """Whichever came first, while the block cleans up: a loop that tries again would never end."""
    seen: list[str] = []
    tasks: list[Any] = []

    async def work(seconds: float) -> None:
        try:
            async with deadline(seconds):
                try:
                    await Deferred()
                finally:
                    await deferLater(service.clock, 4)
        except (DeadlineExceeded, CancelledError) as error:
            seen.append(type(error).__name__)

    class State:
        def __init__(self, service: Any) -> None:
            tasks.extend(service.spawn(work(seconds)) for seconds in (1, 3))

    async def handle(connection: Connection) -> None:
        await connection.read_line()

    service = in_memory(handle, state=State)
    service.clock.advance(2)
    for task in tasks:
        task.cancel()
    service.clock.advance(2)
    service.clock.advance(5)
    assert seen == ["CancelledError", "CancelledError"]
