"""The names of peers in the store, in logs and for the guard: printable ASCII without spaces."""

from __future__ import annotations

import ipaddress
import socket
import struct
from typing import Any, NamedTuple

import attrs
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, ITransport
from zope.interface import implementer

from logsrv.kit.connections._tls import certificate_of, is_encrypted
from logsrv.kit.text.words import host_text as host_text

# struct ucred of unix(7): pid, uid, gid.
UCRED = struct.Struct("3i")
SO_PASSCRED: int | None = getattr(socket, "SO_PASSCRED", None)
# The user that Linux names, with process 0, for a datagram that came before somebody asked who sends.
NOBODY = 65534
# <sys/un.h> of macOS and the BSDs; xucred begins with its version and the uid.
SOL_LOCAL = 0
LOCAL_PEERCRED = 1
XUCRED = struct.Struct("II")


@implementer(IAddress)
@attrs.frozen
class Sender:
    """A peer with a ready name, such as a sender of many datagrams: its name is made only once.

    host: the IP address for the guard; None for a UNIX socket. source: the name.
    """

    host: str | None
    source: str

    @property
    def peer_host(self) -> str | None:
        """Return the IP address of the peer; None for a UNIX socket."""
        return self.host

    @property
    def peer_port(self) -> int | None:
        """Return the port of the peer; None for a UNIX socket."""
        return None if self.host is None else int(self.source.rpartition(":")[2])


class UnixSender(NamedTuple):
    """The address of a program that sends datagrams to a UNIX socket: the path of its own socket, and its
    user and process as the kernel tells them.

    credentials: `uid=0,pid=77`; "" if unknown.
    """

    path: bytes
    credentials: str


STANDARD_INPUT = Sender(None, "stdin:")
"""The only peer of the endpoint `stdin:`."""


def source_of(peer: object) -> str:
    """Return the name of a peer. peer: its transport, or only its address.

    `tcp:127.0.0.1:51234`, `tls:[::1]:51234`, `udp:10.0.0.1:514`, `unix:uid=0,pid=77`, `stdin:`; for a peer
    that has shown a certificate `tls:10.0.0.1:51234,dns=shop.example`.
    """
    if isinstance(peer, Sender):
        return peer.source
    if isinstance(peer, IPv4Address | IPv6Address):
        return inet_source(peer.type.lower(), peer.host, peer.port)
    if isinstance(peer, UNIXAddress):
        return unix_source(peer.name or b"")
    if ITransport.providedBy(peer):
        return _source_of_transport(peer)
    return escaped_word(f"{type(peer).__name__.lower()}:")


def _source_of_transport(transport: Any) -> str:
    address = transport.getPeer()
    if isinstance(address, UNIXAddress):
        return f"unix:{_peer_credentials(transport)}"
    if isinstance(address, IPv4Address | IPv6Address):
        if not is_encrypted(transport):
            return inet_source("tcp", address.host, address.port)
        source = inet_source("tls", address.host, address.port)
        certificate = certificate_of(transport)
        return source if certificate is None else f"{source},{certificate}"
    return source_of(address)


def inet_source(scheme: str, host: str, port: int) -> str:
    """Return `scheme:host:port`; an IPv6 address is in brackets, and an IPv4 address mapped into IPv6
    becomes an IPv4 address.
    """
    return escaped_word(f"{scheme}:{host_text(canonical_host(host), port)}")


def unix_source(path: bytes, credentials: str = "") -> str:
    """Return the name of a peer at a UNIX socket, such as `unix:uid=0,pid=77,/path`: its user and process,
    and the path that its own socket is bound to, if any.

    `@` begins an abstract name. A relative path gets `./` before it: otherwise it could look like
    `uid=0,pid=1` of somebody else.
    """
    if path.startswith(b"\0"):
        path = b"@" + path[1:]
    elif path and not path.startswith(b"/"):
        path = b"./" + path
    return "unix:" + ",".join(filter(None, (credentials, escaped_word(path.decode("latin-1")))))


def credentials_text(data: bytes) -> str:
    """Return a struct ucred as `uid=0,pid=77`; "" if the kernel did not note who sent a datagram."""
    pid, uid, _ = UCRED.unpack(data)
    return "" if uid == NOBODY and not pid else f"uid={uid},pid={pid}"


def canonical_host(host: str) -> str:
    """Return an IP address in one fixed spelling, with which all code names, counts and finds peers.

    An IPv4 address mapped into IPv6 becomes the IPv4 address (RFC 4291 section 2.5.5.2). Any other IPv6
    address gets the form of RFC 5952, and keeps its zone. Other text is returned unchanged.
    """
    if ":" not in host:
        return host
    address, percent, zone = host.partition("%")
    try:
        parsed = ipaddress.IPv6Address(address)
    except ValueError:
        return host
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{parsed}{percent}{zone}"


def host_of(address: object) -> str | None:
    """Return the IP address of a peer, for the checks of networks and the limits per peer; None if there is
    no IP address.
    """
    host = getattr(address, "host", None)
    return canonical_host(host) if isinstance(host, str) else None


def port_of(address: object) -> int | None:
    """Return the port of a peer; None if there is no port."""
    port = getattr(address, "port", None)
    return port if isinstance(port, int) else None


def _peer_credentials(transport: Any) -> str:
    """Return the user and the process at the other end of a UNIX socket (SO_PEERCRED); "" if unknown."""
    try:
        handle: socket.socket = transport.getHandle()
        if hasattr(socket, "SO_PEERCRED"):
            found = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, UCRED.size)
            pid, uid, _ = UCRED.unpack(found)
            return f"uid={uid},pid={pid}"
        _, uid = XUCRED.unpack(handle.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, 76)[: XUCRED.size])
        return f"uid={uid}"
    except (AttributeError, OSError, struct.error):
        return ""


def escaped_word(text: str) -> str:
    """Return `text` with `\\xNN` in place of each space, each backslash, and each character outside
    printable ASCII.
    """
    if text.isascii() and text.isprintable() and " " not in text and "\\" not in text:
        return text
    return "".join(
        character if "!" <= character <= "~" and character != "\\" else f"\\x{ord(character):02x}"
        for character in text
    )
