"""Every input, with every kind of message: what is stored and what is refused is all that was sent."""

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import ILogObserver, LogLevel, formatEvent, globalLogPublisher
from zope.interface import provider

from logsrv.kit.testing import MemoryService
from logsrv.linelog.inputs.intake.registry import inputs
from tests.parts.messages import MESSAGES, promises_all


@pytest.fixture
def warnings() -> Iterator[list[str]]:
    """The sentences that are logged as warnings."""
    found: list[str] = []

    @provider(ILogObserver)
    def keep(event: dict[str, Any]) -> None:
        if event.get("log_level") is LogLevel.warn:
            found.append(formatEvent(event))

    globalLogPublisher.addObserver(keep)
    yield found
    globalLogPublisher.removeObserver(keep)


@pytest.mark.parametrize("message", MESSAGES, ids=[one.name for one in MESSAGES])
def test_stored_and_refused_is_sent_and_told(message, warnings):
    service = MemoryService(inputs()[message.input])
    peer = service.connect()
    peer.feed(message.data)
    # A second of silence ends what waits for more.
    service.clock.advance(2)
    answer = peer.received()
    peer.disconnect()
    service.clock.advance(1)
    stored = service.stored.count(b"\n")
    refused = service.metric("records_refused_total")
    as_text = service.metric("records_as_text_total")
    assert stored + refused == message.sent, (service.stored, answer, warnings)
    assert len(warnings) == len(set(warnings))
    if refused or as_text:
        assert warnings or message.input in ("lines", "syslog")
    if message.valid:
        assert (refused, as_text, warnings) == (0, 0, [])
    if not stored and promises_all(message, answer):
        # These repeat what is not acknowledged, though there is nothing more to have of it.
        assert message.input in ("forward", "relp", "lumberjack") and refused and warnings
    assert service.stop() == 0
