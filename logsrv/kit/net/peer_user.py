"""The user whose process is at the other end of a connection within this machine, as Linux tells.

The kernel's table of sockets is asked for one of them (sock_diag(7)), in a tenth of a millisecond. To read
/proc/net/tcp would take as long as there are connections of others.
"""

from __future__ import annotations

import os
import pwd
import socket
import struct
from collections.abc import Callable
from contextlib import closing, suppress
from functools import cache
from ipaddress import IPv6Address, ip_address
from typing import TypeAlias

SocketAddress: TypeAlias = tuple[str, int]
"""A host's address and a port."""
UserOfPeer: TypeAlias = Callable[[SocketAddress, SocketAddress], int | None]
"""The type of functions such as `user_of_peer`: from both ends of a TCP connection within this machine, the
function tells the uid of the client.
"""
_SOCK_DIAG = 4
_SOCK_DIAG_BY_FAMILY, _NLMSG_ERROR = 20, 2
_NLM_F_REQUEST = 1
_HEADER = struct.Struct("=IHHII")
# struct inet_diag_req_v2: family, protocol, extensions, padding, states; then the socket's addresses.
_REQUEST = struct.Struct("=BBBBI")
_ANY_STATE = 0xFFFF_FFFF
_PORTS = struct.Struct("!HH")
# No interface, and the cookie that stands for any socket of these addresses.
_REST = struct.pack("=I", 0) + b"\xff" * 8
# In struct inet_diag_msg behind the state and the addresses: expires, rqueue, wqueue, uid, inode.
_ANSWER = struct.Struct("=IIIII")
_ANSWER_AT = _HEADER.size + 4 + 48
_SECONDS = 1.0
# struct ucred: pid, uid, gid.
_CREDENTIALS = struct.Struct("3i")


def user_of_peer(peer: SocketAddress, host: SocketAddress) -> int | None:
    """Return the uid of the process that has the peer's end of a connection.

    peer, host: both ends as the server sees them. None if the peer has closed its end, or is on another
    machine. Raises OSError if this system does not tell.
    """
    ends = [ip_address(address.partition("%")[0]) for address, _ in (peer, host)]
    # A listener for both families has IPv4 addresses in the form of IPv6; the peer's socket has not.
    mapped = [one.ipv4_mapped if isinstance(one, IPv6Address) else None for one in ends]
    packed = [(one or end).packed.ljust(16, b"\0") for one, end in zip(mapped, ends, strict=True)]
    family = socket.AF_INET6 if ends[0].version == 6 and mapped[0] is None else socket.AF_INET
    request = _REQUEST.pack(family, socket.IPPROTO_TCP, 0, 0, _ANY_STATE)
    request += _PORTS.pack(peer[1], host[1]) + b"".join(packed) + _REST
    answer = _ask_kernel(request)
    if len(answer) < _ANSWER_AT + _ANSWER.size:
        return None
    _, _, _, uid, inode = _ANSWER.unpack_from(answer, _ANSWER_AT)
    # A socket that no process has any more is told as one of root.
    return uid if inode else None


def user_of_unix_peer(handle: socket.socket) -> int | None:
    """Return the uid of the process that has connected to a UNIX socket; None if this system does not
    tell.
    """
    try:
        found = handle.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(found)[1])
    except (AttributeError, OSError, struct.error):
        return None


def _ask_kernel(request: bytes) -> bytes:
    """Return the kernel's answer about one socket; b"" if there is no such socket. Raises OSError."""
    family = getattr(socket, "AF_NETLINK", None)
    if family is None:
        raise OSError("this system does not tell whose a connection is")
    with closing(socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _SOCK_DIAG)) as asked:
        # The kernel answers in the call that sends; what it never answers must not hold up the server.
        asked.settimeout(_SECONDS)
        length = _HEADER.size + len(request)
        asked.send(_HEADER.pack(length, _SOCK_DIAG_BY_FAMILY, _NLM_F_REQUEST, 1, 0) + request)
        answer = asked.recv(4096)
    return b"" if _HEADER.unpack_from(answer)[1] == _NLMSG_ERROR else answer


@cache
def tells_users() -> bool:
    """Return whether this system tells which user made a connection within this machine."""
    with (
        suppress(OSError),
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname(), _SECONDS) as ours,
    ):
        return user_of_peer(ours.getsockname(), ours.getpeername()) == os.geteuid()
    return False


def user_name(uid: int) -> str:
    """Return the name of a user; its number if there is no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
