"""Awaiting asyncio and Twisted in one coroutine, where asyncio's loop runs and where it doesn't."""

import asyncio
import gc
import subprocess
import sys
from contextvars import ContextVar
from typing import Any
from weakref import ref

import pytest
from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.task import deferLater

from logsrv.kit import Connection
from logsrv.kit.protocols._awaiting import (
    ReusableDeferred,
    as_deferred,
    call_as_deferred,
    start_coroutine,
    working,
)
from logsrv.kit.testing import MemoryService
from logsrv.kit.testing.patience import PATIENCE
from tests.parts.reactor import REACTOR


async def test_deferreds_coroutines_and_other_awaitables_can_be_awaited():
    class Odd:
        def __await__(self) -> Any:
            return succeed(3).__await__()

    async def work() -> int:
        return 1

    assert [await as_deferred(one, "it") for one in (work(), succeed(2), Odd())] == [1, 2, 3]
    with pytest.raises(TypeError, match="it gave 7; it has to be None or something to await"):
        as_deferred(7, "it")


async def test_an_attempt_is_plain_or_async():
    async def work() -> int:
        await deferLater(REACTOR, 0)
        return 1

    assert await call_as_deferred(work) == 1
    assert await call_as_deferred(lambda: 2) == 2
    with pytest.raises(ZeroDivisionError):
        await call_as_deferred(lambda: 1 // 0)


async def test_without_asyncios_loop_an_error_says_so():
    with pytest.raises(RuntimeError, match="no running event loop"):
        await start_coroutine(asyncio.sleep(1))


# Both kinds of awaitables under the asyncio reactor, which a process has from its beginning.
UNDER_ASYNCIO = """
import asyncio
from twisted.internet import asyncioreactor
asyncioreactor.install()
from twisted.internet import reactor
from twisted.internet.defer import Deferred, CancelledError, fail
from twisted.internet.task import deferLater
from logsrv.kit import Connection
from logsrv.kit.protocols._awaiting import start_coroutine, as_deferred
from logsrv.kit import DeadlineExceeded, deadline

async def both():
    await asyncio.sleep(0.001)
    assert await deferLater(reactor, 0.001, lambda: 7) == 7
    assert asyncio.current_task() is not None
    try:
        await fail(KeyError("x"))
    except KeyError:
        pass
    pending = Deferred()
    reactor.callLater(0.001, pending.errback, KeyError("y"))
    try:
        await pending
    except KeyError:
        pass
    try:
        async with asyncio.timeout(0.01):
            await Deferred()
    except TimeoutError:
        return "both"

async def cancelled(cleaned):
    try:
        await Deferred(lambda _: cleaned.append("the Deferred"))
    finally:
        await asyncio.sleep(0)
        cleaned.append("the coroutine")

async def late():
    told = []
    for outer, inner in ((0.05, 0.01), (0.01, 0.05), (0.01, 0.01)):
        try:
            async with deadline(outer, "outer"):
                async with deadline(inner, "inner"):
                    await Deferred()
        except DeadlineExceeded as error:
            told.append(error.name)
    async with asyncio.timeout(1):
        await asyncio.sleep(0)
    assert asyncio.current_task().cancelling() == 0
    return told

async def cleans_up_twice_cancelled(cleaned):
    try:
        await Deferred()
    finally:
        try:
            await asyncio.sleep(1)
        finally:
            cleaned.append("up")

async def exits():
    await asyncio.sleep(0)
    raise SystemExit("of an author's argparse")

async def main():
    assert await start_coroutine(both()) == "both"
    assert await start_coroutine(late()) == ["inner", "outer", "outer"]
    assert await as_deferred(asyncio.sleep(0.001, "future"), "it") == "future"
    cleaned = []
    work = start_coroutine(cancelled(cleaned))
    await deferLater(reactor, 0.001)
    work.cancel()
    try:
        await work
    except (CancelledError, asyncio.CancelledError):
        cleaned.append("ended")
    assert cleaned == ["the Deferred", "the coroutine", "ended"], cleaned
    cleaned = []
    work = start_coroutine(cleans_up_twice_cancelled(cleaned))
    work.addErrback(lambda _: cleaned.append("ended"))
    for _ in range(2):
        await deferLater(reactor, 0.001)
        work.cancel()
    await work
    assert cleaned == ["up", "ended"], cleaned
    try:
        await start_coroutine(exits())
    except SystemExit:
        pass

def begin():
    done = start_coroutine(main())
    done.addCallbacks(lambda _: print("well"), lambda failure: print(failure.getTraceback()))
    done.addBoth(lambda _: reactor.stop())

reactor.callLater(0, begin)
reactor.run()
"""


@pytest.mark.slow
def test_under_the_asyncio_reactor_deferreds_and_futures_are_awaited():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", UNDER_ASYNCIO],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.stdout, done.stderr) == ("well\n", "")


async def test_a_cancelled_coroutine_of_twisted_cleans_up():
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await Deferred()
        finally:
            cleaned.append("up")

    working = start_coroutine(work())
    working.addErrback(lambda _: None)
    working.cancel()
    await working
    assert cleaned == ["up"]
    with pytest.raises(KeyError):
        await as_deferred(fail(KeyError("x")), "it")


KEPT: ContextVar[str] = ContextVar("kept", default="nothing")


async def _many_fired(steps: list[str]) -> None:
    for number in range(5000):
        assert await succeed(number) == number
    steps.append("no recursion")


async def _failures(steps: list[str]) -> None:
    pending: Deferred[None] = Deferred()
    REACTOR.callLater(0, pending.errback, KeyError("later"))
    for failing in (fail(KeyError("at once")), pending):
        try:
            await failing
        except KeyError as error:
            steps.append(str(error))
    raise ZeroDivisionError


async def _context(steps: list[str]) -> str:
    KEPT.set("its own")
    await deferLater(REACTOR, 0)
    steps.append(KEPT.get())
    return "done"


async def _cleans_up_after_a_cancellation(steps: list[str]) -> None:
    try:
        await Deferred(lambda _: steps.append("cancelled"))
    except CancelledError:
        await deferLater(REACTOR, 0)
        steps.append("cleaned up")
        raise


async def _goes_on_after_a_cancellation(steps: list[str]) -> str:
    for _ in range(2):
        try:
            await Deferred()
        except CancelledError:
            steps.append("cancelled")
    return "done"


async def _waits_again_for_a_wake(steps: list[str]) -> None:
    for _ in range(2):
        wake = ReusableDeferred()
        REACTOR.callLater(0, wake.fire)
        await wake
        steps.append("woken")
    await ReusableDeferred()


@pytest.mark.parametrize(
    "work",
    [
        _many_fired,
        _failures,
        _context,
        _cleans_up_after_a_cancellation,
        _goes_on_after_a_cancellation,
        _waits_again_for_a_wake,
    ],
)
async def test_a_coroutine_runs_as_if_twisted_ran_it(work):
    seen = []
    for run in (start_coroutine, Deferred.fromCoroutine):
        steps: list[str] = []
        running = run(work(steps))
        for _ in range(2):
            await deferLater(REACTOR, 0.01)
            running.cancel()
        try:
            steps.append(f"returned {await running}")
        except (ZeroDivisionError, CancelledError) as error:
            steps.append(type(error).__name__)
        seen.append(steps)
    assert seen[0] == seen[1]
    assert KEPT.get() == "nothing"


async def test_a_wake_can_be_awaited_again_without_a_new_one():
    wake, steps = ReusableDeferred(), []

    async def work() -> None:
        while True:
            await wake
            steps.append("woken")

    running = start_coroutine(work())
    wake.fire()
    wake.fire()
    assert steps == ["woken", "woken"]
    running.cancel()
    with pytest.raises(CancelledError):
        await running
    assert wake.waiter is None and not wake.called


def test_a_coroutine_that_has_ended_is_freed_without_the_garbage_collector():
    """A dead cycle may live for hours: what is alive at a full collection is frozen."""

    class Held:
        pass

    async def work(held: Held) -> None:
        KEPT.set("of it")
        await waiting

    gc.collect()
    gc.disable()
    try:
        waiting: Deferred[None] = Deferred()
        held = Held()
        seen = ref(held)
        running = start_coroutine(work(held))
        del held
        assert seen() is not None
        waiting.callback(None)
        del running
        assert seen() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("read", ["exactly", "line"])
def test_a_read_that_gets_what_a_limit_kept_back_does_not_wait(read):
    """The throttle delivers it within the call that lets reading go on, before the read awaits."""
    got: list[int] = []

    async def handle(connection: Connection) -> None:
        connection.max_line = 200_000
        await deferLater(connection.clock, 5)
        if read == "exactly":
            got.append(len(await connection.read_exactly(110 * 1024)))
        else:
            got.append(len(await connection.read_line() or ""))

    service = MemoryService(handle, "--peer-bytes", "100KiB")
    peer = service.connect()
    peer.feed(b"x" * 60 * 1024)
    peer.feed(b"x" * 63 * 1024 + b"\n")
    service.clock.advance(60)
    assert got == [110 * 1024 if read == "exactly" else 123 * 1024]


def test_of_dialled_connections_one_that_cannot_be_closed_leaves_no_other_open():
    closed: list[str] = []

    class Odd:
        def close(self) -> None:
            closed.append("tried")
            raise LookupError("unknown encoding: x")

    async def work() -> None:
        running = working.get()
        assert running is not None
        running.opened.extend([Odd(), Odd()])

    errors: list[Any] = []
    start_coroutine(work()).addErrback(errors.append)
    assert closed == ["tried", "tried"]
    assert [type(one.value) for one in errors] == [LookupError]
