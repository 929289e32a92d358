"""The clock of timers and the time of day; results of asyncio in a thread, and of other threads."""

import asyncio
import threading
import time
from concurrent.futures import Future
from contextlib import suppress

import pytest
from twisted.internet.base import ReactorBase
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock, deferLater

from logsrv import reactor
from logsrv.reactor import AsyncioThread, Timer, deferred_from_future, steady_reactor, time_of_day
from tests.parts.reactor import REACTOR
from twisted import internet


class Idle(ReactorBase):
    """A reactor that waits for nothing."""

    def installWaker(self) -> None:
        pass


def test_timers_go_on_when_the_time_of_day_is_set_back(monkeypatch):
    reactor, calls = Idle(), list[str]()
    monkeypatch.setattr(internet, "reactor", reactor, raising=False)
    reactor.callLater(0, calls.append, "before")
    assert steady_reactor() is steady_reactor() is reactor
    reactor.callLater(0, calls.append, "after")
    monkeypatch.setattr(time, "time", lambda: 5.0)
    reactor.runUntilCurrent()
    assert calls == ["before", "after"]
    assert time_of_day(reactor) == 5


def test_a_clock_of_tests_tells_both_times():
    clock = Clock()
    clock.advance(7)
    assert time_of_day(clock) == clock.seconds() == 7


async def test_results_and_errors_come_back_to_the_reactor():
    thread = AsyncioThread(REACTOR, "test")

    async def double(number: int) -> tuple[int, str]:
        await asyncio.sleep(0)
        if number < 0:
            raise ValueError("negative")
        return 2 * number, threading.current_thread().name

    assert await thread.run_coroutine(lambda: double(4)) == (8, "test")
    with pytest.raises(ValueError, match="negative"):
        await thread.run_coroutine(lambda: double(-1))
    await thread.stop()


async def test_who_cancels_the_deferred_cancels_the_coroutine():
    thread = AsyncioThread(REACTOR, "test")
    ended: Deferred[None] = Deferred()

    async def long() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            REACTOR.callFromThread(ended.callback, None)

    call = thread.run_coroutine(long)
    await thread.run_coroutine(lambda: asyncio.sleep(0))
    call.cancel()
    with pytest.raises(CancelledError):
        await call
    await ended
    await thread.stop()


async def test_the_loop_asks_the_reactor():
    thread = AsyncioThread(REACTOR, "test")

    def wrong() -> str:
        raise ValueError("refused")

    async def asks() -> str:
        with pytest.raises(ValueError, match="refused"):
            await thread.call_in_reactor(wrong)
        await thread.call_in_reactor(lambda: deferLater(REACTOR, 0))
        name: str = await thread.call_in_reactor(lambda: threading.current_thread().name)
        return name

    assert await thread.run_coroutine(asks) == threading.main_thread().name
    await thread.stop()


async def test_running_tasks_are_cancelled_at_the_end():
    thread = AsyncioThread(REACTOR, "test")
    seen = []

    async def long() -> None:
        try:
            await asyncio.sleep(1000)
        finally:
            seen.append("ended")

    call = thread.run_coroutine(long)
    await thread.run_coroutine(lambda: asyncio.sleep(0))
    await thread.stop()
    with pytest.raises(CancelledError):
        await call
    assert seen == ["ended"]
    await thread.stop()


async def test_a_task_that_catches_a_cancellation_is_cancelled_again(monkeypatch):
    monkeypatch.setattr(reactor, "AGAIN", 0.01)
    thread = AsyncioThread(REACTOR, "test")

    async def deaf() -> None:
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(1000)

    call = thread.run_coroutine(deaf)
    await thread.run_coroutine(lambda: asyncio.sleep(0))
    await thread.stop()
    await call


class Panic(BaseException):
    """As a library in Rust raises it."""


async def test_results_and_errors_of_all_kinds_arrive():
    fine: Future[int] = Future()
    wrong: Future[int] = Future()
    fired, failed = (deferred_from_future(one, REACTOR, lambda: None) for one in (fine, wrong))
    fine.set_result(8)
    wrong.set_exception(Panic("at the disco"))
    assert await fired == 8
    with pytest.raises(Panic, match="disco"):
        await failed


async def test_a_cancelled_deferred_ignores_what_comes_later():
    future: Future[int] = Future()
    cancelled: list[bool] = []
    fired = deferred_from_future(future, REACTOR, lambda: cancelled.append(True))
    fired.cancel()
    future.set_result(8)
    with pytest.raises(CancelledError):
        await fired
    assert cancelled == [True]


def test_the_call_is_made_once_with_its_arguments():
    clock, calls = Clock(), list[int]()
    timer = Timer(clock)
    timer.start(2, calls.append, 7)
    clock.advance(1)
    assert timer.running
    assert not calls
    clock.advance(1)
    assert calls == [7]
    assert not timer.running
    timer.stop()


def test_a_restarted_timer_forgets_its_earlier_call():
    clock, calls = Clock(), list[str]()
    timer = Timer(clock)
    timer.start(2, calls.append, "first")
    clock.advance(1)
    timer.start(2, calls.append, "second")
    clock.advance(1)
    assert not calls
    clock.advance(1)
    assert calls == ["second"]


def test_a_stopped_timer_makes_no_call():
    clock, calls = Clock(), list[int]()
    timer = Timer(clock)
    timer.stop()
    timer.start(2, calls.append, 7)
    timer.stop()
    assert not timer.running
    assert not clock.getDelayedCalls()


def test_the_call_itself_may_restart_the_timer():
    """The timer is not running during its call."""
    clock, seen = Clock(), list[bool]()
    timer = Timer(clock)

    def beat() -> None:
        seen.append(timer.running)
        timer.start(1, beat)

    timer.start(1, beat)
    clock.pump([1, 1, 1])
    assert seen == [False, False, False]
    assert timer.running
