"""Half records of many peers: never more than so many bytes, and who waits longest gives way."""

import struct
from typing import Any

import pytest
from twisted.internet.error import ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from logsrv.linelog.formats.forward.input import Forward
from logsrv.linelog.formats.gelf.input import Gelf
from logsrv.linelog.formats.journal.input import Journal
from logsrv.linelog.formats.lumberjack.input import Lumberjack
from logsrv.linelog.formats.python.input import Python
from logsrv.linelog.formats.relp.input import Relp
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.intake.unfinished import BODIES, UnfinishedData
from tests.parts.sinks import Sink, intake

MOST = 20_000


class Half:
    def __init__(self) -> None:
        self.gone = False

    def give_way(self) -> None:
        self.gone = True


def test_the_holder_that_waits_longest_gives_way():
    unfinished = UnfinishedData(lambda: 50)
    first, second, third = Half(), Half(), Half()
    unfinished.note(first, 40, 40)
    unfinished.note(second, 40, 40)
    # A record of it was completed, so it waits for another one.
    unfinished.note(first, 30, 40)
    unfinished.note(third, 30, 30)
    assert unfinished.size == 100 and not second.gone
    unfinished.note(third, 31, 1)
    assert [one.gone for one in (first, second, third)] == [False, True, False]
    assert unfinished.size == 61
    unfinished.note(third, 200, 169)
    assert [one.gone for one in (first, second, third)] == [True, True, True]
    assert unfinished.size == 0


def test_a_holder_that_is_gone_is_forgotten():
    unfinished = UnfinishedData(lambda: 50)
    half = Half()
    unfinished.note(half, 40, 40)
    unfinished.forget(half)
    unfinished.forget(half)
    assert unfinished.size == 0


BEGINNINGS = {
    "relp": (Relp(), b"1 open 0 \n2 syslog 9000 "),
    "forward": (Forward(), b"\x93\xa1t\xdb" + struct.pack(">I", 9000)),
    "lumberjack": (Lumberjack(), b"2W\0\0\0\1" + b"2C" + struct.pack(">I", 9000)),
    "python": (Python(), struct.pack(">I", 9000)),
    "gelf": (Gelf(), b""),
    "journal": (
        Journal(),
        b"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\nA\n"
        + struct.pack("<Q", 8000),
    ),
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_half_open_sessions_are_bounded_together(name):
    """Twenty peers begin a record each; the first of them are let go, the last one ends its own."""
    input_, beginning = BEGINNINGS[name]
    way = intake(Sink(), options=InputOptions(max_body=MOST))
    factory: Any = input_.stream(way)
    peers = []
    for _ in range(20):
        protocol, transport = factory.buildProtocol(None), StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(beginning)
        protocol.dataReceived(b"x" * 5000)
        peers.append((protocol, transport))
        assert way.unfinished.size <= BODIES * MOST
    gone = [
        transport.disconnecting or transport.value().startswith(b"HTTP/1.1 503")
        for _, transport in peers
    ]
    assert 12 <= sum(gone) <= 13 and gone == sorted(gone, reverse=True)
    for protocol, _ in peers:
        protocol.connectionLost(Failure(ConnectionDone()))
    assert way.unfinished.size == 0
