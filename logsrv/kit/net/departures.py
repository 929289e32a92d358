"""Notices peers that leave while nothing is read from them, because their last line is still worked on.

The reactor hears of a connection's end only when it reads. Here the kernel is asked once a second about
connections from which nothing is read; a pause of less than a second costs nothing more.
"""

from __future__ import annotations

import select
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime

from logsrv.kit.net.drain import unread_bytes
from logsrv.kit.net.twisted.transports import descriptor
from logsrv.kit.net.twisted.twisted_tls import is_encrypted
from logsrv.timer import Timer

LOOK_SECONDS = 1.0
# Only Linux tells that the peer sends nothing more; elsewhere a read tells.
READ_HANGUP = getattr(select, "POLLRDHUP", 0)
# Bytes of TLS's goodbye at most: one encrypted record, with any cipher.
GOODBYE_BYTES = 100


class PausedConnection(Protocol):
    """A connection as this module needs it.

    author: the protocol object. It has the `transport`, and `half_close`: a peer that sends nothing more
    may still read. reading_paused: whether nothing is read from the peer now. busy_with_last_input: whether
    the protocol works on the last message of the peer.
    """

    author: Any

    @property
    def reading_paused(self) -> bool: ...

    @property
    def busy_with_last_input(self) -> bool: ...

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def abort(self) -> None: ...


class GonePeerWatch:
    """Checks the connections of a listener from which nothing is read, once a second."""

    def __init__(self, clock: IReactorTime) -> None:
        self._watched: set[PausedConnection] = set()
        self._timer = Timer(clock)

    def watch(self, connection: PausedConnection) -> None:
        """Check a connection until it is read again."""
        self._watched.add(connection)
        if not self._timer.running:
            self._timer.start(LOOK_SECONDS, self._check_for_gone_peers)

    def forget(self, connection: PausedConnection) -> None:
        """Drop a connection that is gone."""
        self._watched.discard(connection)

    def close(self) -> None:
        """Stop checking."""
        self._watched.clear()
        self._timer.stop()

    def _check_for_gone_peers(self) -> None:
        self._watched = {each for each in self._watched if each.reading_paused}
        if self._watched:
            self._timer.start(LOOK_SECONDS, self._check_for_gone_peers)
        poll = select.poll()
        busy = [each for each in self._watched if each.busy_with_last_input]
        by_number = {descriptor(each.author.transport): each for each in busy}
        by_number.pop(-1, None)
        for number in by_number:
            poll.register(number, READ_HANGUP)
        for number, poll_events in poll.poll(0):
            _end_if_peer_gone(by_number[number], poll_events)
        for each in busy:
            # A transport of tests, which has no descriptor.
            if getattr(each.author.transport, "peer_has_half_closed", False):
                _end_if_peer_gone(each, READ_HANGUP)


def _end_if_peer_gone(connection: PausedConnection, poll_events: int) -> None:
    """End a connection if its peer is gone, by the events of poll(2): reset, or left and all input read."""
    author = connection.author
    left = unread_bytes(author.transport)
    if poll_events & select.POLLERR:
        # After a reset no more comes, and nothing can be sent.
        connection.abort()
    elif is_encrypted(author.transport):
        # The bytes left may be TLS's own goodbye, which ends the connection once it is read.
        if left <= GOODBYE_BYTES:
            connection.resume_reading()
    elif not left and (poll_events & select.POLLHUP or not author.half_close):
        connection.abort()
