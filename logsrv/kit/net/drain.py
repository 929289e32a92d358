"""Ending connections without losing what has arrived: what the kernel holds is taken in first."""

from __future__ import annotations

import termios
from collections.abc import Set
from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from logsrv.kit.net.twisted.transports import asked, unacknowledged

# Long enough to let other descriptors have their turn between two looks at thousands of sockets.
LOOK_SECONDS = 0.01
# A peer of TLS that has got all, and our goodbye, gets as long to say its own. Many never do.
GOODBYE_SECONDS = 0.2


class Drainable(Protocol):
    """A connection as this module needs it. working: whether an answer is in preparation for it."""

    closing: bool

    @property
    def working(self) -> bool: ...

    @property
    def transport(self) -> object: ...

    def close(self) -> None: ...

    def leave(self) -> None:
        """Wait for no goodbye of the peer any more, after `close`."""

    def abort(self) -> None: ...


def unread(transport: object) -> int:
    """Return how many bytes the kernel holds for a transport (FIONREAD); 0 when it cannot tell.

    A layer over it holds back no more than a record of TLS that isn't complete. A transport that has no
    kernel under it may have an `unread` of its own.
    """
    own = getattr(transport, "unread", None)
    if own is not None:
        return int(own())
    return asked(transport, termios.FIONREAD)


async def drain(connections: Set[Drainable], seconds: float, clock: IReactorTime) -> int:
    """Close connections as each falls silent, and cut off the rest after `seconds`.

    Returns, when no connection is left, how many were cut off. A connection that the store holds back
    is not silent while bytes wait for it: it is taken in as soon as the store goes on. Nor is one whose
    answer is in preparation. What was written to one that is closed is still sent; who has not got all
    of it by then is cut off.
    """
    deadline = clock.seconds() + seconds
    silent: set[Drainable] = set()
    # Those that are closing, by the time from which nothing more is waited for if they have got all.
    leaving: dict[Drainable, float] = {}
    while connections and (now := clock.seconds()) < deadline:
        before, silent = silent, set()
        for connection in list(connections):
            if connection.closing:
                if now >= leaving.setdefault(connection, now + GOODBYE_SECONDS):
                    leaving[connection] = now + GOODBYE_SECONDS
                    if not _has_more(connection):
                        connection.leave()
                continue
            if connection.working or unread(connection.transport):
                continue
            # Twice in a row: in between, the reactor had a turn to deliver what was under way.
            if connection in before:
                connection.close()
            else:
                silent.add(connection)
        if connections:
            await deferLater(clock, LOOK_SECONDS)
    cut = 0
    for connection in list(connections):
        cut += _has_more(connection)
        connection.abort()
    while connections:
        await deferLater(clock, LOOK_SECONDS)
    return cut


def _has_more(connection: Drainable) -> bool:
    """Return whether something of a connection is lost if it ends now."""
    if connection.working or not connection.closing:
        return True
    # It may have got all, and just not have said goodbye.
    return bool(unread(connection.transport) or unacknowledged(connection.transport))
