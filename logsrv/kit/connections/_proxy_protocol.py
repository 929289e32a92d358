"""The PROXY protocol of `haproxy:`: the protocol and the guard see the client that its header names.

The header, version 1 or 2, is read from pieces of any size (sans-IO). Section numbers are of
https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt.

Twisted's own wrapper for this has faults: it fails if the first piece of a header is smaller than 8 or 16
bytes, refuses the short `PROXY UNKNOWN`, logs a traceback for an invalid address, and connects the
protocol before the client is known.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address as IPv4
from ipaddress import IPv6Address as IPv6
from typing import Any, TypeAlias

import attrs
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.interfaces import IAddress, IHalfCloseableProtocol
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper
from twisted.python.failure import Failure
from zope.interface import alsoProvides, directlyProvides, noLongerProvides, providedBy

from logsrv.kit.connections._guarded_connection import ConnectionOwner, GuardedConnection
from logsrv.kit.connections.guard import Refusal
from logsrv.kit.connections.source import Sender, host_of, unix_source
from logsrv.kit.text.words import shown

TEXT_SIGNATURE = b"PROXY "
BINARY_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
# Section 2.1: bytes of the longest line of version 1, its CR LF included.
LONGEST_LINE = 107
# Section 2.2: signature, version and command, family and transport, length of the rest.
FIXED = struct.Struct("!12sBBH")
LOCAL, PROXY = range(2)
UNSPECIFIED, INET, INET6, UNIX = range(4)
# Two addresses and two ports, or two paths, by family.
LAYOUTS = {
    INET: struct.Struct("!4s4s2H"),
    INET6: struct.Struct("!16s16s2H"),
    UNIX: struct.Struct("!108s108s"),
}
# Unspecified, stream, datagram.
TRANSPORTS = range(3)

Address: TypeAlias = IPv4Address | IPv6Address | Sender


class ProxyHeaderError(ValueError):
    """The bytes are no header. The text is a sentence about the peer: "it began with no …"."""


@attrs.frozen
class ProxyHeader:
    """The proxy's client, and the address that it connected to: each None if the proxy does not tell it."""

    client: Address | None = None
    destination: Address | None = None


class ProxyHeaderReader:
    """A reader of the header at the beginning of one connection."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    @property
    def begun(self) -> bool:
        """Return true if at least one byte has come."""
        return bool(self._bytes)

    def receive(self, data: bytes) -> tuple[ProxyHeader, bytes] | None:
        """Return the header and the bytes after it, or None while the header is incomplete.

        Raises ProxyHeaderError.
        """
        self._bytes += data
        binary = self._bytes[:1] == BINARY_SIGNATURE[:1]
        signature = BINARY_SIGNATURE if binary else TEXT_SIGNATURE
        if not signature.startswith(self._bytes[: len(signature)]):
            raise ProxyHeaderError("it began with no PROXY header")
        size = self._binary_header_size() if binary else self._text_header_size()
        if not size or len(self._bytes) < size:
            return None
        header, rest = bytes(self._bytes[:size]), bytes(self._bytes[size:])
        return (_parse_binary_header if binary else _parse_text_header)(header), rest

    def _text_header_size(self) -> int:
        size = self._bytes.find(b"\n", 0, LONGEST_LINE) + 1
        if not size and len(self._bytes) >= LONGEST_LINE:
            raise ProxyHeaderError(f"its PROXY header is longer than {LONGEST_LINE} bytes")
        return size

    def _binary_header_size(self) -> int:
        if len(self._bytes) < FIXED.size:
            return 0
        length: int = FIXED.unpack_from(self._bytes)[3]
        return FIXED.size + length


def _parse_text_header(header: bytes) -> ProxyHeader:
    """Parse version 1: `PROXY TCP4 CLIENT DESTINATION PORT PORT`, or `PROXY UNKNOWN` and anything."""
    line = header.decode("latin-1")
    if not line.endswith("\r\n"):
        raise ProxyHeaderError("the line of its PROXY header does not end in CR LF")
    _, family, *fields = line[:-2].split(" ")
    if family == "UNKNOWN":
        return ProxyHeader()
    if family not in ("TCP4", "TCP6"):
        raise ProxyHeaderError(
            f"its PROXY header is for {shown(family)}; known are TCP4, TCP6 and UNKNOWN"
        )
    if len(fields) != 4:
        raise ProxyHeaderError("its PROXY header has not two addresses and two ports")
    client, destination, client_port, destination_port = fields
    return ProxyHeader(
        _parse_text_address(family, client, client_port),
        _parse_text_address(family, destination, destination_port),
    )


def _parse_text_address(family: str, host: str, port: str) -> Address:
    kind, made = (IPv4, IPv4Address) if family == "TCP4" else (IPv6, IPv6Address)
    try:
        # A zone has a meaning only on the proxy's machine, and would make one peer look like many.
        if "%" in host:
            raise ValueError("a zone")
        kind(host)
    except ValueError:
        raise ProxyHeaderError(
            f"its PROXY header has {shown(host)} for an IPv{family[-1]} address"
        ) from None
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535):
        raise ProxyHeaderError(f"its PROXY header has {shown(port)} for a port")
    return made("TCP", host, int(port))


def _parse_binary_header(header: bytes) -> ProxyHeader:
    """Parse version 2. The TLVs after the addresses (section 2.2) are ignored."""
    _, version_command, family_transport, length = FIXED.unpack_from(header)
    version, command = version_command >> 4, version_command & 15
    family, transport = family_transport >> 4, family_transport & 15
    if version != 2 or command not in (LOCAL, PROXY):
        raise ProxyHeaderError(
            f"its PROXY header has version {version}, command {command}; "
            "known are version 2, commands 0 and 1"
        )
    if command == LOCAL:
        # The proxy has connected for itself, for instance to check our health.
        return ProxyHeader()
    if family not in (UNSPECIFIED, *LAYOUTS) or transport not in TRANSPORTS:
        raise ProxyHeaderError(
            f"its PROXY header is for address family {family}, transport {transport}, "
            "which do not exist"
        )
    if family == UNSPECIFIED or transport == 0:
        return ProxyHeader()
    layout = LAYOUTS[family]
    if length < layout.size:
        raise ProxyHeaderError("its PROXY header is too short for its addresses")
    fields = layout.unpack_from(header, FIXED.size)
    if family == UNIX:
        client, destination = (Sender(None, unix_source(_unix_path(field))) for field in fields)
        return ProxyHeader(client, destination)
    kind, made = (IPv4, IPv4Address) if family == INET else (IPv6, IPv6Address)
    return ProxyHeader(
        made("TCP", str(kind(fields[0])), fields[2]), made("TCP", str(kind(fields[1])), fields[3])
    )


def _unix_path(field: bytes) -> bytes:
    """Return the path in a field of sun_path; an abstract name begins with NUL."""
    return field[:1] + field[1:].partition(b"\0")[0] if field.strip(b"\0") else b""


class ProxiedTransport(ProtocolWrapper):  # type: ignore[misc]
    """A transport for the data after the header, which it removes from the beginning of a connection.

    Its protocol is connected once the client is known and admitted.
    """

    transport: Any
    wrappedProtocol: Any

    def __init__(self, owner: ConnectionOwner, admitted: GuardedConnection) -> None:
        # Without a factory, which would only keep a list of these transports: the guard has one.
        super().__init__(None, admitted)  # type: ignore[arg-type]
        self._owner = owner
        self._admitted = admitted
        self._header = ProxyHeader()
        # None as soon as the protocol is connected.
        self._reader: ProxyHeaderReader | None = ProxyHeaderReader()
        # The client was refused, and the connection will end: its bytes are dropped until then.
        self._refused = False

    def makeConnection(self, transport: Any) -> None:
        directlyProvides(self, providedBy(transport))
        if IHalfCloseableProtocol.providedBy(self.wrappedProtocol):
            alsoProvides(self, IHalfCloseableProtocol)
        Protocol.makeConnection(self, transport)
        self._refused = not self._admitted.take_transport(self)

    def getPeer(self) -> IAddress:
        return self._header.client or self.transport.getPeer()

    def getHost(self) -> IAddress:
        return self._header.destination or self.transport.getHost()

    def dataReceived(self, data: bytes) -> None:
        if self._reader is None:
            self.wrappedProtocol.dataReceived(data)
        elif not self._refused:
            try:
                read = self._reader.receive(data)
            except ProxyHeaderError as error:
                self._refused = True
                self._owner.refuse_and_close(self._admitted, *self._header_refusal(str(error)))
            else:
                if read is not None:
                    self._connect_if_admitted(*read)

    def _connect_if_admitted(self, header: ProxyHeader, rest: bytes) -> None:
        """Connect the protocol if the client in the header is admitted. rest: bytes after the header."""
        self._header = header
        self._refused = not self._owner.admit_or_drop(self._admitted, host_of(self.getPeer()))
        if not self._refused:
            self._reader = None
            self._admitted.connect_protocol()
            if rest:
                self.wrappedProtocol.dataReceived(rest)

    def _header_refusal(self, sentence: str) -> tuple[Refusal, str | None]:
        return Refusal("proxy_header", sentence), host_of(self.transport.getPeer())

    def deliver_to(self, layer: Any) -> None:
        """Deliver data to `layer`, such as TLS, from now on; it stands between this and the protocol."""
        self.wrappedProtocol = layer
        # TLS cannot close one direction alone.
        noLongerProvides(self, IHalfCloseableProtocol)

    def readConnectionLost(self) -> None:
        if self._reader is None:
            self.wrappedProtocol.readConnectionLost()
        else:
            self.loseConnection()

    def writeConnectionLost(self) -> None:
        if self._reader is None:
            self.wrappedProtocol.writeConnectionLost()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        protocol, self.wrappedProtocol = self.wrappedProtocol, None
        if self._reader is None:
            protocol.connectionLost(reason)
            return
        if self._reader.begun and not self._refused:
            self._owner.count_refusal(*self._header_refusal("it ended within its PROXY header"))
        self._admitted.connectionLost(reason)
