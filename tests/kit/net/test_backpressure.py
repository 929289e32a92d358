"""Waiting while a transport is full."""

from __future__ import annotations

import pytest
import pytest_twisted  # type: ignore[import-untyped]
from twisted.internet.interfaces import IPushProducer
from zope.interface.verify import verifyObject

from logsrv.kit.net.backpressure import Backpressure


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
