"""TCP keepalive: the system asks a silent peer whether it is still there, and ends its connection if not.

A peer behind a NAT or a firewall that has forgotten the connection vanishes without a word: without these
questions the connection, and its open file, would stay for ever.
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress
from typing import Any, Final

KEEPALIVE: Final = 120.0
"""Seconds of silence before the first question. It is shorter than the memory of the NATs of the large
clouds (240 and 350 s), so the questions keep their entries as well."""
QUESTIONS: Final = 4
"""Questions without an answer, a quarter of the silence apart: a peer is gone after twice the silence."""


def set_keepalive(sock: socket.socket, seconds: float | None) -> None:
    """Let the system ask the peer of a TCP socket after this much silence; None: never.

    It does nothing for other sockets, such as those of UNIX.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        return
    # Some systems refuse it if the peer is gone.
    with suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, seconds is not None)
        if seconds is None:
            return
        for name, value in (
            # macOS has the first time under another name.
            ("TCP_KEEPALIVE" if sys.platform == "darwin" else "TCP_KEEPIDLE", seconds),
            ("TCP_KEEPINTVL", seconds / QUESTIONS),
            ("TCP_KEEPCNT", QUESTIONS),
        ):
            number = getattr(socket, name, None)
            if number is not None:
                sock.setsockopt(socket.IPPROTO_TCP, number, max(1, round(value)))


def keep_alive(transport: Any, seconds: float | None = KEEPALIVE) -> None:
    """Do what `set_keepalive` does for the socket under a transport of Twisted or asyncio, if it has one.

    There may be layers such as TLS above it: they take attributes that they lack from the transport below.
    """
    sock: Any = getattr(transport, "socket", None)
    if sock is None and hasattr(transport, "get_extra_info"):
        # TransportSocket, by which asyncio shows its sockets, has `family` and `setsockopt` too.
        sock = transport.get_extra_info("socket")
    if hasattr(sock, "setsockopt"):
        set_keepalive(sock, seconds)
