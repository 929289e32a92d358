"""Waiting while a transport is full."""

from __future__ import annotations

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyObject

from logsrv.kit.net.backpressure import Backpressure


class Noting(Backpressure):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[bool] = []

    def changed(self) -> None:
        self.seen.append(self.full)


def test_nobody_waits_while_there_is_room() -> None:
    pressure = Backpressure()
    assert verifyObject(IPushProducer, pressure)
    assert pressure.wait().called


def test_all_who_wait_go_on_when_there_is_room_again() -> None:
    pressure = Backpressure()
    pressure.pauseProducing()
    waiting = [pressure.wait(), pressure.wait()]
    assert not any(each.called for each in waiting)
    pressure.resumeProducing()
    assert all(each.called for each in waiting)


@pytest_twisted.ensureDeferred  # type: ignore[untyped-decorator]
async def test_those_who_wait_hear_of_the_end() -> None:
    pressure = Backpressure()
    pressure.pauseProducing()
    waiting = pressure.wait()
    pressure.stopProducing()
    assert not waiting.called
    pressure.end(ValueError("gone"))
    with pytest.raises(ValueError, match="gone"):
        await waiting


def test_one_who_gave_up_waiting_is_left_alone() -> None:
    pressure = Backpressure()
    pressure.pauseProducing()
    waiting = pressure.wait()
    waiting.addErrback(lambda failure: None)
    waiting.cancel()
    pressure.resumeProducing()


def test_a_change_is_told_once() -> None:
    """A transport says that it is full at each write, until it isn't."""
    pressure = Noting()
    pressure.pauseProducing()
    pressure.pauseProducing()
    pressure.resumeProducing()
    assert pressure.seen == [True, False]
