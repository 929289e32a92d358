"""Results of other threads for the reactor."""

from concurrent.futures import Future

import pytest
from twisted.internet.defer import CancelledError

from logsrv.kit.net.twisted.futures import deferred_from_future
from tests.parts.listening import REACTOR, in_reactor


class Panic(BaseException):
    """As a library in Rust raises it."""


@in_reactor
async def test_results_and_errors_of_all_kinds_arrive():
    fine: Future[int] = Future()
    wrong: Future[int] = Future()
    fired, failed = (deferred_from_future(one, REACTOR, lambda: None) for one in (fine, wrong))
    fine.set_result(8)
    wrong.set_exception(Panic("at the disco"))
    assert await fired == 8
    with pytest.raises(Panic, match="disco"):
        await failed


@in_reactor
async def test_a_cancelled_deferred_ignores_what_comes_later():
    future: Future[int] = Future()
    cancelled: list[bool] = []
    fired = deferred_from_future(future, REACTOR, lambda: cancelled.append(True))
    fired.cancel()
    future.set_result(8)
    with pytest.raises(CancelledError):
        await fired
    assert cancelled == [True]
