"""Tests for the protocol of NATS as a server speaks it: what is read, and what no server may announce."""

import pytest

from logsrv.linelog.formats.nats import parse as nats_wire
from logsrv.linelog.formats.nats.parse import (
    LARGEST,
    LONGEST_LINE,
    ControlLine,
    Delivery,
    NatsReader,
    Operation,
    WireError,
    known_nats_headers,
)

SENT = (
    b'INFO {"a": 1}\r\nPING\r\nMSG logs.a 1 3\r\nabc\r\n+OK\r\nPONG\r\n'
    b"HMSG logs.b 2 $JS.ACK.x 12 14\r\nNATS/1.0\r\n\r\nde\r\n-ERR 'Stale Connection'\r\n"
    b"MSG logs.c 3 reply 0\r\n\r\n"
)
READ = [
    ControlLine(b"INFO", b'{"a": 1}'),
    ControlLine(b"PING", b""),
    Delivery(1, b"logs.a", b"", b"", b"abc"),
    ControlLine(b"+OK", b""),
    ControlLine(b"PONG", b""),
    Delivery(2, b"logs.b", b"$JS.ACK.x", b"NATS/1.0\r\n\r\n", b"de"),
    ControlLine(b"-ERR", b"'Stale Connection'"),
    Delivery(3, b"logs.c", b"reply", b"", b""),
]


def read(*pieces: bytes) -> list[Operation]:
    reader = NatsReader()
    return [one for piece in pieces for one in reader.feed(piece)]


def test_the_messages_of_a_server_are_read_however_they_are_cut():
    assert read(SENT) == read(*(bytes([byte]) for byte in SENT)) == READ


@pytest.mark.parametrize(
    "sent",
    [
        b"MSG logs.a 1 99999999999\r\n",
        b"MSG logs.a 1 99999999\r\n",
        b"HMSG logs.a 1 20 10\r\n",
        b"MSG logs.a 1 -5\r\n",
        b"MSG logs.a one 5\r\n",
        b"MSG logs.a 1 %b\r\n" % (b"9" * 5000),
        b"MSG logs.a 1\r\n",
        b"MSG a b c d e f 3\r\n",
        b"MSG \xff 1 3\r\n",
        b"MSG logs.a 1 3\r\nabcdef",
        b"x" * (LONGEST_LINE + 1),
        b"INFO" + b" " * LONGEST_LINE,
        b"PING" + b" " * LONGEST_LINE + b"\r\n",
    ],
)
def test_an_announcement_that_no_server_makes_is_a_wire_error(sent):
    with pytest.raises(WireError):
        read(sent)


def test_a_large_message_is_let_go_of_as_it_comes_and_the_next_one_is_read():
    """Whoever may write to a stream may fill a message up to the limit of the server."""
    reader = NatsReader()
    assert list(reader.feed(b"MSG logs.a 1 $JS.ACK.x %d\r\n" % (LARGEST + 1000))) == []
    for _ in range((LARGEST + 1000) // 1000):
        assert list(reader.feed(bytes(1000))) == []
    rest = reader.feed(bytes((LARGEST + 1000) % 1000) + b"\r\nPING\r\n")
    assert list(rest) == [Delivery(1, b"logs.a", b"$JS.ACK.x", b"", b""), ControlLine(b"PING", b"")]


def test_known_headers_of_a_message_are_read():
    raw = b"NATS/1.0\r\nLogsrv-To: 17:52\r\nLogsrv-Store:abc\r\nNats-Sequence: 7\r\n\r\n"
    assert known_nats_headers(raw) == {
        "Logsrv-To": "17:52",
        "Logsrv-Store": "abc",
        "Nats-Sequence": "7",
    }
    assert known_nats_headers(b"NATS/1.0 404 No Messages\r\n\r\n") == {"Status": "404"}


@pytest.mark.parametrize(
    "raw", [b"", b"NATS/1.0", b"NATS/1.0 \xff\xff\r\n\r\n", b"\r\n" * 8000, b":" * 100]
)
def test_malformed_headers_are_no_error(raw):
    assert known_nats_headers(raw) == {}


def test_unknown_headers_take_no_memory():
    many = b"NATS/1.0\r\n" + b"".join(b"Logsrv-%d: x\r\n" % number for number in range(500))
    assert known_nats_headers(many) == {}
    assert (
        known_nats_headers(b"NATS/1.0\r\nLogsrv-To: 1:0\r\n" + b"\r\n" * nats_wire.LARGEST_HEADERS)
        == {}
    )
