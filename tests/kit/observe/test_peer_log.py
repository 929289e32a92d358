"""The connection log: everyone is named, and a busy turn of the reactor is one event."""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.observe.peer_log import ConnectionLog, PeerLogger


def test_one_event_for_each_turn() -> None:
    clock = Clock()
    connections = ConnectionLog("tcp:7000", clock)
    with capturedLogs() as events:
        connections.connected("tcp:a")
        connections.connected("tcp:b")
        connections.disconnected("tcp:a", "closed")
        clock.advance(0)
        connections.received("udp:c", 2)
        connections.flush()
        clock.advance(0)
    assert [formatEvent(event).splitlines() for event in events] == [
        [
            "Got connection from tcp:a on tcp:7000",
            "Got connection from tcp:b on tcp:7000",
            "Lost connection from tcp:a on tcp:7000: closed",
        ],
        ["Got 2 datagrams from udp:c on tcp:7000"],
    ]


def test_braces_in_a_message_are_fields_and_the_peer_is_one() -> None:
    with capturedLogs() as events:
        PeerLogger("here", "tcp:a").warn("{what} happened", what="{odd}")
    assert formatEvent(events[0]) == "tcp:a: {odd} happened"
