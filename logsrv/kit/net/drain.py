"""Ends connections without losing bytes that have arrived: those in the kernel are taken in first."""

from __future__ import annotations

import termios
from collections.abc import Set
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from logsrv.kit.net.twisted.transports import ioctl_byte_count, unacknowledged_bytes

# Seconds between two looks at all connections; in between other descriptors get their turn.
LOOK_SECONDS = 0.01
# Seconds to wait for the TLS goodbye of a peer that has got everything, our goodbye too. Many never send
# one.
GOODBYE_SECONDS = 0.2


class Drainable(Protocol):
    """A connection as this module needs it. working: whether an answer to its peer is in preparation."""

    closing: bool

    @property
    def working(self) -> bool: ...

    @property
    def transport(self) -> object: ...

    def close(self) -> None: ...

    def stop_awaiting_goodbye(self) -> None:
        """After `close`: end without waiting for the peer's goodbye."""

    def abort(self) -> None: ...


def unread_bytes(transport: object) -> int:
    """Return how many received bytes the kernel holds for a transport (FIONREAD); 0 if it cannot tell.

    Bytes in TLS do not count: it holds back an incomplete record at most. A transport without a socket may
    have a method `unread_bytes`.
    """
    own = getattr(transport, "unread", None)
    if own is not None:
        return int(own())
    return ioctl_byte_count(transport, termios.FIONREAD)


async def drain(connections: Set[Drainable], seconds: float, clock: IReactorTime) -> int:
    """Close each connection when it falls silent, and cut off the rest after `seconds`.

    Returns, when no connection is left, how many were cut off with a loss. A connection is not silent while
    received bytes wait for it, as when the store has paused it, or while its answer is in preparation.
    Bytes that were written before the close are still sent; a peer that has not got all of them after
    `seconds` is cut off.
    """
    deadline = clock.seconds() + seconds
    silent: set[Drainable] = set()
    # Closing connections, each with the time at which we stop waiting for its peer's goodbye.
    leaving: dict[Drainable, float] = {}
    while connections and (now := clock.seconds()) < deadline:
        before, silent = silent, set()
        for connection in list(connections):
            if connection.closing:
                if now >= leaving.setdefault(connection, now + GOODBYE_SECONDS):
                    leaving[connection] = now + GOODBYE_SECONDS
                    if not _would_lose_bytes(connection):
                        connection.stop_awaiting_goodbye()
                continue
            if connection.working or unread_bytes(connection.transport):
                continue
            # Only one that is silent twice in a row: in between the reactor could deliver received bytes.
            if connection in before:
                connection.close()
            else:
                silent.add(connection)
        if connections:
            await deferLater(clock, LOOK_SECONDS)
    cut = 0
    for connection in list(connections):
        cut += _would_lose_bytes(connection)
        connection.abort()
    while connections:
        await deferLater(clock, LOOK_SECONDS)
    return cut


def _would_lose_bytes(connection: Drainable) -> bool:
    """Return whether bytes, or an answer in preparation, would be lost if a connection ended now."""
    if connection.working or not connection.closing:
        return True
    # The peer may have got everything, and only its goodbye be missing.
    return bool(unread_bytes(connection.transport) or unacknowledged_bytes(connection.transport))
