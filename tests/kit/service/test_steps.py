"""Steps within their time."""

from types import SimpleNamespace
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from logsrv.errors import StoreError
from logsrv.kit.service.steps import with_time_limit
from logsrv.kit.service.stop import await_step_logged
from tests.parts.reactor import logged


def service_at(clock: Clock) -> Any:
    return SimpleNamespace(name="test", clock=clock)


async def value() -> int:
    return 7


@pytest.mark.parametrize("step", [lambda: 7, value])
def test_a_step_may_be_plain_or_async(step):
    results: list[int] = []
    with_time_limit(step, 1, Clock()).addCallback(results.append)
    assert results == [7]


def test_a_step_that_never_ends_is_cancelled_and_given_up():
    cancelled: list[object] = []
    failures: list[Failure] = []
    clock = Clock()
    with_time_limit(lambda: Deferred(cancelled.append), 2, clock).addErrback(failures.append)
    clock.advance(1.9)
    assert not failures
    clock.advance(0.2)
    assert failures[0].check(DeferredTimeout) and cancelled


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (lambda: fail(StoreError("no room")), "test: no room"),
        (lambda: fail(KeyError("a bug")), "test: closing failed"),
    ],
)
async def test_a_failed_step_is_logged_and_hinders_nothing(step, said):
    with logged() as messages:
        await await_step_logged(service_at(Clock()), 1, step, "closing")
    assert [message.splitlines()[0] for message in messages] == [said]


async def test_a_step_that_takes_too_long_is_logged():
    clock = Clock()
    with logged() as messages:
        waiting = Deferred.fromCoroutine(
            await_step_logged(service_at(clock), 3, Deferred, "closing")
        )
        clock.advance(4)
        await waiting
    assert messages == ["test: closing has taken 3 s and is given up"]
