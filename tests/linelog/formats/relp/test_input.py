"""The `relp` input in memory: nothing is acknowledged before it is safe."""

import pytest
from twisted.internet.testing import StringTransport

from logsrv.linelog.formats.relp.input import Relp, RelpReceiver
from logsrv.linelog.lines.rules import LineRules, Oversize
from tests.parts.sinks import Sink, connected, intake, refused


def opened(sink: Sink, **rules: object) -> tuple[RelpReceiver, StringTransport]:
    receiver, transport = connected(Relp(), intake(sink, LineRules(**rules)))  # type: ignore[arg-type]
    receiver.dataReceived(b"1 open 14 relp_version=0\n")
    assert transport.value().startswith(b"1 rsp ")
    transport.clear()
    return receiver, transport


def test_answers_of_a_chunk_are_sent_at_once_when_it_is_safe():
    sink = Sink()
    receiver, transport = opened(sink)
    receiver.dataReceived(b"2 syslog 6 <13>a\n\n3 syslog 9 <13>two\nb\n4 syslog 0\n5 sys")
    assert sink.text == b"<13>a\n<13>two\\x0ab\n"
    assert transport.value() == b"" and receiver.working
    receiver.dataReceived(b"log 1 x\n")
    sink.sync()
    assert transport.value() == b"".join(b"%d rsp 6 200 OK\n" % number for number in (2, 3, 4, 5))
    assert refused(receiver.intake, "empty") == 1


def test_a_message_with_newlines_is_stored_whole_where_longer_ones_close():
    sink = Sink()
    receiver, transport = opened(sink, max_line=9, oversize=Oversize.CLOSE)
    receiver.dataReceived(b"2 syslog 9 <13>a\nb\nc\n")
    assert sink.text == b"<13>a\\x0ab\\x0ac\n"
    sink.sync()
    assert transport.value() == b"2 rsp 6 200 OK\n"
    assert not transport.disconnecting


@pytest.mark.parametrize(
    ("message", "stored"), [(b"2 syslog 1 a\n", b"a\n"), (b"2 syslog 0\n", b"")]
)
def test_close_waits_until_all_is_safe(message, stored):
    """An empty message waits for its turn as well."""
    sink = Sink()
    receiver, transport = opened(sink)
    receiver.dataReceived(message)
    receiver.dataReceived(b"3 close 0\n4 syslog 1 b\n")
    assert transport.value() == b"" and not transport.disconnecting
    sink.sync()
    assert transport.value() == b"2 rsp 6 200 OK\n3 rsp 0\n0 serverclose 0\n"
    assert transport.disconnecting and sink.text == stored


def test_an_unknown_command_is_answered_and_the_connection_stays():
    receiver, transport = opened(Sink())
    receiver.dataReceived(b"2 starttls 0\n")
    assert transport.value() == b"2 rsp 28 500 there is no such command\n"
    assert not transport.disconnecting


def test_a_message_longer_than_a_line_is_split_and_acknowledged():
    sink = Sink()
    receiver, transport = opened(sink, max_line=4)
    receiver.dataReceived(b"2 syslog 6 abcdef\n")
    sink.sync()
    assert (sink.text, transport.value()) == (b"abcd\nef\n", b"2 rsp 6 200 OK\n")


@pytest.mark.parametrize(
    ("data", "raw", "stored"),
    [
        (b"\xef\xbb\xbf<13>x", False, b"<13>x\n"),
        (b"\xef\xbb\xbf<13>x\n", False, b"<13>x\n"),
        (b"\xef\xbb\xbfx", False, b"x\n"),
        (b"\xef\xbb\xbf", False, b""),
        (b"<13>\xef\xbb\xbfx", False, b"<13>\xef\xbb\xbfx\n"),
        (b"\xef\xbbx", False, b"\\xef\\xbbx\n"),
        (b"\xef\xbb\xbf\xef\xbb\xbf<13>x", False, b"\xef\xbb\xbf<13>x\n"),
        (b"\xef\xbb\xbf<13>x", True, b"\xef\xbb\xbf<13>x\n"),
    ],
)
@pytest.mark.parametrize("number", [1, 200])
def test_a_bom_in_front_of_a_message_is_left_out(number, data, raw, stored):
    """As in front of a datagram: behind it, the priority and the header were not read."""
    sink = Sink()
    receiver, transport = opened(sink, raw=raw)
    receiver.dataReceived(b"2 syslog %d %b\n" % (len(data), data) * number)
    assert sink.text == stored * number
    sink.sync()
    assert transport.value() == b"2 rsp 6 200 OK\n" * number
