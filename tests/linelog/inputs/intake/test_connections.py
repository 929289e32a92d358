"""What our inputs have in common: a protocol for each connection, and a sentence where there is none."""

from __future__ import annotations

import pytest
from twisted.internet.protocol import Protocol

from logsrv.errors import ConfigurationError
from logsrv.linelog.inputs.intake.connections import Connections, Input
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
