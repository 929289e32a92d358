"""An input of frames: each is one line of the log, whatever bytes are in it and however they are cut."""

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.protocol import connectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs

from logsrv.kit import FixedSize, Netstring
from logsrv.kit.connections.source import Sender
from logsrv.kit.testing import every_split
from logsrv.linelog.intake.frames import FrameInput
from logsrv.linelog.lines.rules import LineRules
from tests.parts.sinks import Sink, intake

AWKWARD = [
    b"plain",
    b"two\nlines\n",
    b"\xff\xfd\x03",
    b"ends in\r",
    b"",
    "Ünïcödé".encode(),
    b"\r\0",
]
STORED = (
    rb"plain|two\x0alines\x0a|\xff\xfd\x03|ends in\x0d||".replace(b"|", b"\n")
    + "Ünïcödé".encode()
    + b"\n\\x0d\\x00\n"
)


class Netstrings(FrameInput):
    name = "netstrings"
    framing = Netstring()
    max_frame = 100


def stored(input: FrameInput, pieces: list[bytes], rules: LineRules | None = None) -> bytes:
    sink = Sink()
    receiver = input.stream(intake(sink, rules)).buildProtocol(None)
    assert receiver is not None
    receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 514)))
    for piece in pieces:
        receiver.dataReceived(piece)
    receiver.connectionLost(connectionDone)
    assert {batch.source for batch in sink.batches} <= {"tcp:192.0.2.7:514"}
    return sink.text


def test_each_frame_is_a_line_at_every_cut():
    """Nothing in it forges a line, and no byte is taken for Telnet's."""
    sent = b"".join(map(Netstring().pack, AWKWARD))
    for pieces in every_split(sent):
        assert stored(Netstrings(), pieces) == STORED


def test_raw_frames_are_stored_as_they_came_but_for_their_line_ends():
    sent = b"".join(map(Netstring().pack, [b"a\r", b"\xff\0", b"x\ny"]))
    assert (
        stored(Netstrings(), [sent], LineRules(raw=True)) == b"a\r\n\xff\0\n" + rb"x\x0ay" + b"\n"
    )


def test_datagrams_are_frames_as_they_are():
    sink = Sink()
    receiver = Netstrings().datagrams(intake(sink))
    receiver.datagrams_received(AWKWARD, Sender("192.0.2.7", "udp:192.0.2.7:514"))
    assert sink.text == STORED


def test_what_is_stored_of_a_frame_is_the_inputs_affair():
    class Hex(FrameInput):
        framing = FixedSize(2)

        def line_of(self, frame: bytes) -> bytes:
            return frame.hex().encode()

    assert stored(Hex(), [b"\x01\x02\xff", b"\xfe\x05"]) == b"0102\nfffe\n"


def test_what_line_of_raises_costs_only_its_own_frame():
    """It is stored as it came, and the log has the traceback once."""

    class Picky(FrameInput):
        framing = FixedSize(1)

        def line_of(self, frame: bytes) -> bytes:
            if frame == b"0":
                return None  # type: ignore[return-value]
            return b"%d" % (10 // int(frame))

    with capturedLogs() as logged:
        assert stored(Picky(), [b"1x20"]) == b"10\nx\n5\n0\n"
    reasons = [event["log_failure"].getErrorMessage() for event in logged]
    assert "invalid literal" in reasons[0]
    assert reasons[1] == "line_of must return bytes, not None"


@pytest.mark.parametrize("bad", [b"999:", b"x", b"3:abcd"])
def test_what_is_no_frame_closes_the_connection(bad):
    """What came before is stored, what comes behind is counted."""
    sink = Sink()
    taking = intake(sink)
    receiver = Netstrings().stream(taking).buildProtocol(None)
    assert receiver is not None
    transport = StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 514))
    receiver.makeConnection(transport)
    receiver.dataReceived(b"3:one," + bad)
    receiver.dataReceived(b"3:two,")
    assert transport.disconnecting
    assert transport.value() == b""
    assert sink.text == b"one\n"
    assert taking.counts.dropped_closed >= len(bad) + 6
    assert taking.received_bytes == 12 + len(bad)


def test_a_frame_that_never_ended_is_counted():
    taking = intake(Sink())
    receiver = Netstrings().stream(taking).buildProtocol(None)
    assert receiver is not None
    receiver.makeConnection(StringTransport(peerAddress=IPv4Address("TCP", "192.0.2.7", 514)))
    receiver.dataReceived(b"5:abc")
    receiver.connectionLost(connectionDone)
    assert taking.counts.dropped_closed == 5
