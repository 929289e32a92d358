"""What our inputs have in common: a protocol for each connection, and a sentence where there is none."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from twisted.internet.protocol import Protocol

from logsrv.errors import ConfigurationError
from logsrv.kit.net.source import Sender
from logsrv.linelog.inputs.intake.connections import Connections, Input, InputDatagrams
from tests.linelog.inputs.recording import Sink, intake


def test_each_connection_has_a_protocol_of_its_own() -> None:
    factory = Connections(Protocol)
    one, other = factory.buildProtocol(None), factory.buildProtocol(None)
    assert one is not None and other is not None and one is not other
    assert one.factory is other.factory is factory


def test_an_input_without_datagrams_says_what_to_do_instead() -> None:
    class Streams(Input):
        no_datagrams = "take streams:tcp:1"

    with pytest.raises(ConfigurationError, match=r"^tcp:1234: take streams:tcp:1$"):
        Streams().datagrams(intake(Sink()))


def test_datagrams_are_counted_and_handed_on_with_their_source() -> None:
    taken: list[object] = []

    class Datagrams(InputDatagrams):
        def take_in(self, payloads: Sequence[bytes], source: str) -> None:
            taken.append((payloads, source))

    receiver = Datagrams(intake(Sink()))
    receiver.datagrams_received([b"one", b"other"], Sender(None, "udp:192.0.2.7:514"))
    assert taken == [([b"one", b"other"], "udp:192.0.2.7:514")]
    assert receiver.intake.received_bytes == 8
