"""The idle time of one connection, which its protocol sets: MQTT's keep-alive, a longer one after a log-in.

The operator's `--idle-timeout` holds for all connections of a listener (`connections/_guarded_factory.py`);
this one is beside it, and the shorter one ends the connection.
"""

from __future__ import annotations

from typing import Protocol

from logsrv.kit.connections._guarded_connection import guarded_connection_of
from logsrv.kit.connections.transports import takes_nothing, unread_bytes
from logsrv.kit.protocols._context import AuthorProtocol
from logsrv.reactor import Timer

# Looks in one idle time: a connection is closed an eighth of it late at most. A look costs less than the
# time of each input.
LOOKS = 8


class WatchedConnection(Protocol):
    """The connection, as the watch sees it: a `PeerConnection`."""

    author: AuthorProtocol
    heard: bool

    def close(self) -> None: ...

    def end_now(self) -> None: ...


class IdleWatch:
    """Closes a connection whose peer has sent nothing for some seconds. seconds: the time."""

    def __init__(self, connection: WatchedConnection, seconds: float) -> None:
        self.seconds = seconds
        self._connection = connection
        self._timer = Timer(connection.author.factory.service.clock)
        self._quiet = 0
        self._is_closing = False
        self._taken: int | None = None
        connection.heard = False
        self._start()

    def stop(self) -> None:
        """Watch no longer."""
        self._timer.stop()

    def _start(self) -> None:
        self._timer.start(self.seconds / LOOKS, self._look)

    def _look(self) -> None:
        connection = self._connection
        author = connection.author
        guarded = guarded_connection_of(author)
        # Bytes that wait to be read are no silence, unless the peer itself reads nothing; nor are those of
        # a peer that sends too fast; and a peer that waits for its answer may be silent.
        is_stuck, self._taken = takes_nothing(author.transport, self._taken)
        waits = not is_stuck and bool(unread_bytes(author.transport))
        waits = waits or (guarded is not None and guarded.has_throttled_data)
        if (connection.heard or waits or author.working) and not self._is_closing:
            connection.heard, self._quiet = False, 0
        else:
            self._quiet += 1
        self._start()
        if self._quiet < LOOKS:
            return
        self._quiet = 0
        if self._is_closing:
            # The peer has not read the last words either.
            connection.end_now()
            return
        self._is_closing = True
        author.factory.count_cut("idle")
        if is_stuck:
            # It would not read them.
            connection.end_now()
            return
        if guarded is not None:
            guarded.close_as_idle()
        elif not author._close_as_idle():
            connection.close()
