"""An accepted connection is watched when its protocol is ready for it, and not if it never is."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator

import pytest
from twisted.internet.protocol import Protocol

from logsrv.kit.net.twisted_private import AcceptedTCP


class Reactor:
    """Notes which descriptors are watched."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def addReader(self, reader: object) -> None:
        self.calls.append("add")

    def removeReader(self, reader: object) -> None:
        self.calls.append("remove")

    def addWriter(self, writer: object) -> None:
        pass

    removeWriter = addWriter


@pytest.fixture
def accepted() -> Iterator[tuple[AcceptedTCP, Reactor]]:
    ours, theirs = socket.socketpair()
    reactor = Reactor()
    yield (
        AcceptedTCP(ours, Protocol(), ("127.0.0.1", 1), None, 0, reactor),  # type: ignore[arg-type]
        reactor,
    )
    ours.close()
    theirs.close()


def test_a_protocol_that_stays(accepted: tuple[AcceptedTCP, Reactor]) -> None:
    transport, reactor = accepted
    assert reactor.calls == []
    transport.protocol_connected()
    assert reactor.calls == ["add"]
    transport.pauseProducing()
    transport.resumeProducing()
    assert reactor.calls == ["add", "remove", "add"]


@pytest.mark.parametrize("leave", [AcceptedTCP.pauseProducing, AcceptedTCP.loseConnection])
def test_a_protocol_that_wants_no_input_at_first(
    accepted: tuple[AcceptedTCP, Reactor], leave: Callable[[AcceptedTCP], None]
) -> None:
    """Paused by the store while it was connected, or closed: it is not read all the same."""
    transport, reactor = accepted
    leave(transport)
    transport.protocol_connected()
    assert "add" not in reactor.calls
