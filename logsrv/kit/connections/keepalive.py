"""TCP keepalive: the system asks a silent peer whether it is still there, and ends the connection if the
peer does not answer.

A peer behind a NAT or a firewall that has forgotten the connection vanishes without a word: without these
questions the connection, and its open file, would stay for ever.
"""

from __future__ import annotations

import socket
import struct
import sys
from functools import lru_cache
from typing import Any, Final

KEEPALIVE: Final = 120.0
"""The seconds of silence after which the system asks a peer for the first time. It is shorter than the
memory of the NATs of the large clouds (240 and 350 s), so the questions keep their entries as well.
"""
QUESTIONS: Final = 4
"""The number of unanswered questions after which a peer counts as gone: each follows the one before after a
quarter of the first silence, so the peer is gone after twice this silence.
"""

NOT_INHERITED: Final = -1.0
"""A special value instead of a number of seconds: it means that accepted sockets do not inherit these
options from their listening socket.
"""

LEAST_UNHEARD: Final = 300.0
"""The least seconds without a sign of life until a peer counts as gone: if a peer does not read, Linux asks
only once in two minutes whether the peer has room again.
"""
# struct tcp_info of <linux/tcp.h>, up to tcpi_last_data_recv and tcpi_last_ack_recv, in milliseconds.
_LAST_HEARD = struct.Struct("=52xII")


@lru_cache(maxsize=8)
def _socket_options(seconds: float | None) -> tuple[tuple[int, int, int], ...]:
    """Return the options of a socket, in the order in which to set them: level, number and value."""
    on = (socket.SOL_SOCKET, socket.SO_KEEPALIVE, int(seconds is not None))
    if seconds is None:
        return (on,)
    # macOS has the first time under another name.
    first = "TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE"
    values = {first: seconds, "TCP_KEEPINTVL": seconds / QUESTIONS, "TCP_KEEPCNT": QUESTIONS}
    found = [
        (socket.IPPROTO_TCP, getattr(socket, name), max(1, round(value)))
        for name, value in values.items()
        if hasattr(socket, name)
    ]
    return (*found, on)


def set_keepalive(sock: socket.socket, seconds: float | None) -> None:
    """Let the system ask the peer of a TCP socket after this many seconds of silence; with None, it never
    asks.

    It does nothing for other sockets, such as those of UNIX, which refuse the first option.
    """
    try:
        for level, number, value in _socket_options(seconds):
            sock.setsockopt(level, number, value)
    except OSError:
        # Some systems refuse it if the peer is gone.
        pass


def longest_unheard(keepalive: float) -> float:
    """Return after how many seconds the system ends the connection of a peer that sends nothing at all."""
    return max(LEAST_UNHEARD, 2 * keepalive)


def seconds_unheard(transport: Any) -> float:
    """Return how many seconds ago a peer last sent data or an acknowledgement, as Linux tells; 0 if
    unknown.

    While sent data is not acknowledged, Linux asks no questions, but sends that again, for a quarter of an
    hour.
    """
    sock = _socket_of(transport)
    if sys.platform != "linux" or not hasattr(sock, "getsockopt"):
        return 0.0
    try:
        about = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_HEARD.size)
        return float(min(_LAST_HEARD.unpack(about))) / 1000
    except (OSError, struct.error):
        return 0.0


def keep_alive(transport: Any, seconds: float | None = KEEPALIVE) -> bool:
    """Call `set_keepalive` for the socket of a transport of Twisted or asyncio, if the transport has a
    socket.

    Return whether it has. There may be layers such as TLS above it: they take attributes that they lack
    from the transport below.
    """
    sock = _socket_of(transport)
    if not hasattr(sock, "setsockopt"):
        return False
    set_keepalive(sock, seconds)
    return True


def _socket_of(transport: Any) -> Any:
    sock = getattr(transport, "socket", None)
    if sock is None and hasattr(transport, "get_extra_info"):
        # TransportSocket, by which asyncio shows its sockets, has the same methods.
        sock = transport.get_extra_info("socket")
    return sock
