"""Each connection has a protocol of its own, which knows its factory."""

from __future__ import annotations

from twisted.internet.protocol import Protocol

from logsrv.linelog.inputs.intake.connections import Connections


def test_each_connection_has_a_protocol_of_its_own() -> None:
    factory = Connections(Protocol)
    one, other = factory.buildProtocol(None), factory.buildProtocol(None)
    assert one is not other and one.factory is other.factory is factory
