"""PROXY headers as HAProxy, others and strangers send them, in pieces of every size."""

import re
import socket
import struct

import pytest
from twisted.internet.address import IPv4Address, IPv6Address

from logsrv.kit.net.guard.proxy_header import (
    BINARY_SIGNATURE,
    ProxyHeader,
    ProxyHeaderError,
    ProxyHeaderReader,
)
from logsrv.kit.net.source import Sender
from logsrv.kit.testing.memory import every_split

NOBODY = ProxyHeader()
IPV4 = ProxyHeader(IPv4Address("TCP", "10.0.0.1", 4000), IPv4Address("TCP", "10.0.0.2", 514))
IPV6 = ProxyHeader(IPv6Address("TCP", "2001:db8::1", 4000), IPv6Address("TCP", "::1", 514))


def binary(
    family: int, addresses: bytes, *, command: int = 1, version: int = 2, behind: bytes = b""
) -> bytes:
    """A header of version 2; `behind` stands behind its addresses."""
    content = addresses + behind
    lead = bytes([version << 4 | command, family])
    return BINARY_SIGNATURE + lead + struct.pack("!H", len(content)) + content


def inet(*hosts: str, ports: tuple[int, int] = (4000, 514)) -> bytes:
    family = socket.AF_INET6 if ":" in hosts[0] else socket.AF_INET
    packed = b"".join(socket.inet_pton(family, host) for host in hosts)
    return packed + struct.pack("!2H", *ports)


def paths(client: bytes, destination: bytes) -> bytes:
    return client.ljust(108, b"\0") + destination.ljust(108, b"\0")


def read(pieces: list[bytes]) -> tuple[ProxyHeader, bytes] | None:
    """What is read of the pieces, with all that comes behind the header."""
    reader = ProxyHeaderReader()
    for number, piece in enumerate(pieces, 1):
        found = reader.receive(piece)
        if found is not None:
            return found[0], found[1] + b"".join(pieces[number:])
    assert reader.begun
    return None


HEADERS = {
    b"PROXY TCP4 10.0.0.1 10.0.0.2 4000 514\r\n": IPV4,
    b"PROXY TCP6 2001:db8::1 ::1 4000 514\r\n": IPV6,
    b"PROXY UNKNOWN\r\n": NOBODY,
    b"PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n": NOBODY,
    b"PROXY UNKNOWN \xff\x00 anything\r\n": NOBODY,
    binary(0x11, inet("10.0.0.1", "10.0.0.2")): IPV4,
    binary(0x12, inet("10.0.0.1", "10.0.0.2")): IPV4,
    binary(0x21, inet("2001:db8::1", "::1")): IPV6,
    binary(0x11, inet("10.0.0.1", "10.0.0.2"), behind=b"\x03\x00\x04abcd\x04\x00\x01\x00"): IPV4,
    binary(0x31, paths(b"/run/a b", b"/run/srv")): ProxyHeader(
        Sender(None, "unix:/run/a\\x20b"), Sender(None, "unix:/run/srv")
    ),
    binary(0x32, paths(b"\0abstract", b"")): ProxyHeader(
        Sender(None, "unix:@abstract"), Sender(None, "unix:")
    ),
    binary(0x00, b""): NOBODY,
    binary(0x00, b"", behind=b"\x04\x00\x01\x00"): NOBODY,
    binary(0x10, inet("10.0.0.1", "10.0.0.2")): NOBODY,
    # The proxy's own connection: what stands behind is skipped, whatever it is.
    binary(0x00, b"", command=0): NOBODY,
    binary(0x11, inet("10.0.0.1", "10.0.0.2"), command=0): NOBODY,
    binary(0xFF, b"xyz", command=0): NOBODY,
}


@pytest.mark.parametrize(("sent", "header"), HEADERS.items())
def test_headers_however_the_network_cuts_them(sent, header):
    for pieces in every_split(sent + b"hello\r\nPROXY"):
        assert read(pieces) == (header, b"hello\r\nPROXY"), pieces
    for length in range(1, len(sent)):
        assert read([sent[:length]]) is None


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        (b"hello, I am no proxy\n", "it began with no PROXY header"),
        (b"\r\nhello", "it began with no PROXY header"),
        (b"\n", "it began with no PROXY header"),
        (b"PROXY\r\n", "it began with no PROXY header"),
        (b"PROXY \r\n", 'is for ""; known are TCP4, TCP6 and UNKNOWN'),
        (b"PROXY UDP4 10.0.0.1 10.0.0.2 1 2\r\n", "is for UDP4; known"),
        (b"PROXY TCP4\r\n", "has not two addresses and two ports"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2 3\r\n", "has not two addresses and two ports"),
        (b"PROXY TCP4 10.0.0.1  10.0.0.2 1 2\r\n", "has not two addresses and two ports"),
        (b"PROXY TCP4 banana 10.0.0.2 1 2\r\n", "has banana for an IPv4 address"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.256 1 2\r\n", "has 10.0.0.256 for an IPv4 address"),
        (b"PROXY TCP4 ::1 10.0.0.2 1 2\r\n", "has ::1 for an IPv4 address"),
        (b"PROXY TCP6 10.0.0.1 ::1 1 2\r\n", "has 10.0.0.1 for an IPv6 address"),
        (b"PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n", "has fe80::1%eth0 for an IPv6 address"),
        (b"PROXY TCP4 10.0.\x000.1 10.0.0.2 1 2\r\n", "has 10.0.\\x000.1 for an IPv4"),
        (b"PROXY TCP4 \x1b[2J 10.0.0.2 1 2\r\n", "has \\x1b[2J for an IPv4 address"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 65536 2\r\n", "has 65536 for a port"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 -2\r\n", "has -2 for a port"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 \xb2\r\n", "for a port"),
        (b"PROXY TCP4 10.0.0.1 10.0.0.2 1 2\n", "does not end in CR LF"),
        (b"PROXY TCP4 " + b"1" * 200, "is longer than 107 bytes"),
        (binary(0x11, inet("10.0.0.1", "10.0.0.2")[:-1]), "is too short for its addresses"),
        (binary(0x21, inet("10.0.0.1", "10.0.0.2")), "is too short for its addresses"),
        (binary(0x31, b"/run/x"), "is too short for its addresses"),
        (binary(0x41, b"x" * 300), "is for address family 4, transport 1, which do not exist"),
        (binary(0x13, inet("10.0.0.1", "10.0.0.2")), "is for address family 1, transport 3"),
        (binary(0x11, inet("10.0.0.1", "10.0.0.2"), command=2), "has version 2, command 2"),
        (binary(0x11, inet("10.0.0.1", "10.0.0.2"), version=3), "has version 3, command 1"),
    ],
)
def test_what_is_no_header_is_refused_with_a_sentence(sent, sentence):
    for pieces in every_split(sent):
        with pytest.raises(ProxyHeaderError, match=re.escape(sentence)) as caught:
            read(pieces)
        assert str(caught.value).isprintable()


def test_a_line_of_107_bytes_is_the_longest_one():
    """A peer that sends no line feed in so many is refused at once, although it sends no more."""
    lead = b"PROXY UNKNOWN "
    assert read([lead.ljust(105, b"x") + b"\r\nhello"]) == (NOBODY, b"hello")
    assert read([lead.ljust(106, b"x")]) is None
    for unended in (lead.ljust(107, b"x"), lead.ljust(107, b"x") + b"\r\n"):
        with pytest.raises(ProxyHeaderError, match="longer than 107 bytes"):
            read([unended])


@pytest.mark.parametrize("behind", [b"x" * 200, b"y\n" * 200])
def test_much_behind_a_header_in_one_chunk_is_no_longer_header(behind):
    for header, wanted in HEADERS.items():
        assert read([header + behind]) == (wanted, behind)
