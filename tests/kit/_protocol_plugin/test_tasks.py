"""What works beside the peers: begun, supervised, ended."""

import asyncio
from typing import Any

import pytest
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.internet.task import deferLater

from logsrv.kit import LineProtocol
from logsrv.kit._protocol_plugin.tasks import function_name
from logsrv.kit.testing import MemoryService, serve
from tests.parts.reactor import REACTOR, logged


class Quiet(LineProtocol):
    """Says nothing."""


@pytest.fixture
def memory() -> MemoryService:
    return MemoryService(Quiet)


def test_a_coroutine_works_beside_the_peers(memory):
    done: list[str] = []

    async def work() -> None:
        await deferLater(memory.clock, 5)
        done.append("worked")

    task = memory.service.spawn(work())
    task.done.addCallback(lambda _: done.append("ended"))
    assert [str(one) for one in memory.service.tasks] == ["work"]
    memory.clock.advance(5)
    assert done == ["worked", "ended"]
    assert not len(memory.service.tasks)
    task.cancel()


async def test_an_error_is_logged_with_its_traceback_and_counted():
    memory = MemoryService(Quiet)

    async def wrong() -> None:
        raise KeyError("a bug")

    with logged() as messages:
        memory.service.spawn(wrong(), name="the work")
        memory.service.every(10, wrong)
        memory.clock.advance(25)
    assert memory.metric("tasks_failed_total", task="the work") == 1
    assert memory.metric("tasks_failed_total", task="wrong") == 3
    assert "plugin: task the work failed" in messages[0]


async def dream() -> None:
    await asyncio.sleep(1)


class Dreamer(LineProtocol):
    """Awaits asyncio, whose loop does not run here."""

    async def line_received(self, line: str) -> None:
        if line == "future":
            future: Any = asyncio.Future(loop=self.service.state)
            await future
        async with asyncio.timeout(5):
            await asyncio.sleep(1)


async def test_code_that_needs_asyncio_is_told_how_to_start():
    loop = asyncio.new_event_loop()
    memory = MemoryService(Dreamer, state=lambda service: loop)
    with logged() as messages:
        memory.connect().feed(b"sleep\n")
        memory.connect().feed(b"future\n")
        memory.service.spawn(dream())
        memory.stop()
    loop.close()
    said = [one for one in messages if "asyncio" in one]
    assert len(said) == 3
    for one in said:
        assert " at test_tasks.py:" in one
        assert one.endswith(
            ": it needs asyncio: a MemoryService has none: use the fixture `serving` and "
            "pytest --reactor asyncio; a limit of time is timeout= of a read, or deadline"
        )
    assert not any("Traceback" in one for one in messages)


def test_calls_of_every_never_overlap_and_missed_ones_are_left_out(memory):
    """At once, then by the clock: 0, 10, 20 …, and what takes 25 s is called at 0, 30, 60."""
    plain: list[float] = []
    slow: list[float] = []

    async def work(calls: list[float]) -> None:
        calls.append(memory.clock.seconds())
        await deferLater(memory.clock, 25)

    begun = memory.clock.seconds()
    memory.service.every(10, lambda: plain.append(memory.clock.seconds()))
    memory.service.every(10, work, slow)
    memory.clock.advance(65)
    assert [at - begun for at in plain] == [0, 10, 20, 30, 40, 50, 60]
    assert [at - begun for at in slow] == [0, 30, 60]


def test_an_interval_may_be_a_function_that_follows_a_reload(memory):
    called: list[float] = []
    pause = 10.0
    memory.service.every(lambda: pause, lambda: called.append(memory.clock.seconds()))
    begin = called[0]
    memory.clock.advance(10)
    pause = 3.0
    memory.clock.advance(10)
    memory.clock.advance(6)
    assert [each - begin for each in called] == [0, 10, 20, 23, 26]
    with pytest.raises(ValueError, match="more than 0 seconds, not 0"):
        memory.service.every(lambda: 0, print)


def test_every_may_end_itself(memory):
    calls: list[Any] = []

    def work() -> None:
        calls.append(None)
        if len(calls) == 3:
            task.cancel()

    task = memory.service.every(1, work)
    memory.clock.advance(10)
    assert len(calls) == 3 and task.done.called
    calls[:] = [None, None]
    at_once = memory.service.every(1, lambda: at_once_ends(memory))
    memory.clock.advance(10)
    assert at_once.done.called


def test_a_repeated_call_that_catches_its_cancellation_is_the_last(memory):
    """Otherwise the stop would wait for the next call, which is an hour away."""
    heard: list[str] = []

    async def flush() -> None:
        heard.append("began")
        try:
            await Deferred()
        except CancelledError:
            heard.append("saved the rest")

    task = memory.service.every(3600, flush)
    task.done.addCallback(lambda _: heard.append("ended"))
    begun = memory.clock.seconds()
    memory.stop()
    assert heard == ["began", "saved the rest", "ended"] and memory.clock.seconds() == begun


def at_once_ends(memory: MemoryService) -> None:
    for task in memory.service.tasks:
        task.cancel()


class Busy:
    """A state whose constructor asks for tasks."""

    def __init__(self, service: Any) -> None:
        self.heard: list[str] = ["made"]
        self.clock = service.clock
        self.task = service.spawn(self.work())
        service.every(3600, self.heard.append, "called")

    async def work(self) -> None:
        self.heard.append("began")
        try:
            await Deferred()
        except CancelledError:
            await deferLater(self.clock, 0.1)
            self.heard.append("cancelled")
            raise

    def start(self) -> None:
        self.heard.append("started")

    def stopping(self) -> None:
        self.heard.append("stopping")

    def close(self) -> None:
        self.heard.append("closed")


async def test_tasks_begin_with_the_reactor_and_end_between_stopping_and_close():
    with logged() as messages:
        running = serve(Quiet, state=Busy)
        state = running.service.state
        await running.service.when_ready()
        await running.stop()
    assert state.heard == ["made", "began", "called", "started", "stopping", "cancelled", "closed"]
    assert not any("failed" in message for message in messages)

    async def late() -> None:
        """Never begins."""

    with pytest.raises(RuntimeError, match="late cannot begin: the service has stopped"):
        running.service.spawn(late())
    assert REACTOR.running


def test_a_task_of_the_start_may_spawn_another_in_its_first_step():
    done: list[str] = []

    async def second() -> None:
        done.append("second")

    async def first(service: Any) -> None:
        service.spawn(second())
        done.append("first")

    class Spawning:
        """A state with a task before the reactor runs."""

        def __init__(self, service: Any) -> None:
            service.spawn(first(service))

    memory = MemoryService(Quiet, state=Spawning)
    assert done == ["second", "first"] and not len(memory.service.tasks)


def test_a_task_that_is_cancelled_begins_no_other(memory):
    """The stop would wait for it in vain."""
    refused: list[str] = []

    async def wait() -> None:
        try:
            await Deferred()
        finally:
            try:
                memory.service.spawn(wait())
            except RuntimeError as error:
                refused.append(str(error))

    memory.service.spawn(wait())
    memory.service.spawn(wait())
    memory.stop()
    assert refused == ["wait cannot begin: the service has stopped"] * 2


async def nothing() -> None:
    """Awaited by nobody, unless it is spawned."""


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        (lambda s: s.spawn(nothing), TypeError, r"spawn\(nothing\(…\)\), not spawn\(nothing\)"),
        (lambda s: s.spawn(None), TypeError, "spawn takes a coroutine, not None"),
        (
            lambda s: s.every(1, nothing()),
            TypeError,
            r"every\(…, nothing\), not every\(…, nothing\(\)",
        ),
        (lambda s: s.every(1, "x"), TypeError, "every takes a function, not 'x'"),
        (lambda s: s.every(0, nothing), ValueError, "more than 0 seconds, not 0"),
        (lambda s: s.every("1s", nothing), TypeError, "every takes seconds, not '1s'"),
        (lambda s: s.every(True, nothing), TypeError, "every takes seconds, not True"),
    ],
)
def test_wrong_arguments_of_spawn_and_every_are_refused(memory, wrong, error, said):
    with pytest.raises(error, match=said):
        wrong(memory.service)


def test_any_awaitable_can_be_spawned(memory):
    waiting: Deferred[None] = Deferred()
    assert memory.service.spawn(waiting, "waiting").name == "waiting"
    assert function_name(lambda: None) == "<lambda>"
    assert ensureDeferred(nothing())
