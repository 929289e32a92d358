"""Ending connections without losing what has arrived: what the kernel holds is taken in first."""

from __future__ import annotations

import array
import fcntl
import termios
from collections.abc import Set
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

# Long enough to let other descriptors have their turn between two looks at thousands of sockets.
LOOK_SECONDS = 0.01


class Drainable(Protocol):
    """A connection as this module needs it."""

    closing: bool

    @property
    def transport(self) -> object: ...

    def close(self) -> None: ...

    def abort(self) -> None: ...


def descriptor(transport: object) -> int:
    """The file descriptor under a transport, through layers such as TLS; -1 when it has none."""
    try:
        # The layers of Twisted pass on what they don't have to the transport under them.
        number = transport.fileno()  # type: ignore[attr-defined]
    except AttributeError:
        return -1
    return number if isinstance(number, int) else -1


def unread(transport: object) -> int:
    """Return how many bytes the kernel holds for a transport (FIONREAD); 0 when it cannot tell.

    A layer over it holds back no more than a record of TLS that isn't complete.
    """
    count = array.array("i", [0])
    try:
        fcntl.ioctl(descriptor(transport), termios.FIONREAD, count)
    except (OSError, ValueError):
        return 0
    return count[0]


class Drain:
    """Closes connections as each falls silent, and after `seconds` cuts off the rest.

    A connection that the store holds back is not silent while bytes wait for it: it is taken in as
    soon as the store goes on.
    """

    def __init__(self, connections: Set[Drainable], seconds: float, clock: IReactorTime) -> None:
        self._connections = connections
        self._clock = clock
        self._deadline = clock.seconds() + seconds
        self._silent: set[Drainable] = set()
        self._cut = 0
        self._late = False
        self.done: Deferred[int] = Deferred()
        """Fires when no connection is left, with the number of those that were cut off."""
        self._look()

    def _look(self) -> None:
        if not self._late and self._clock.seconds() >= self._deadline:
            self._late = True
            self._cut_off()
        elif not self._late:
            self._close_silent()
        if self._connections:
            self._clock.callLater(LOOK_SECONDS, self._look)
        else:
            self.done.callback(self._cut)

    def _close_silent(self) -> None:
        silent: set[Drainable] = set()
        for connection in list(self._connections):
            if connection.closing or unread(connection.transport):
                continue
            # Twice in a row: in between, the reactor had a turn to deliver what was under way.
            if connection in self._silent:
                connection.close()
            else:
                silent.add(connection)
        self._silent = silent

    def _cut_off(self) -> None:
        for connection in list(self._connections):
            # One that was asked to close has nothing left for us; it has just not gone yet.
            self._cut += not connection.closing or bool(unread(connection.transport))
            connection.abort()
