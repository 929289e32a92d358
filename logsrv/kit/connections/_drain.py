"""The end of connections: closed without losing bytes that have arrived, or noticed when a peer leaves.

A drain first takes in the bytes that the kernel has.

The reactor hears of a connection's end only when it reads. So the kernel is asked once a second about
connections from which nothing is read, because their last line is still worked on; a pause of less than a
second costs nothing more.
"""

from __future__ import annotations

import select
from collections.abc import Set
from functools import partial
from typing import Any, Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from logsrv.kit.connections._guarded_connection import GuardedConnection
from logsrv.kit.connections._tls import is_encrypted
from logsrv.kit.connections.linger import is_lingering
from logsrv.kit.connections.transports import descriptor, unacknowledged_bytes, unread_bytes
from logsrv.reactor import Timer

# Seconds between two looks at all connections; in between other descriptors get their turn.
LOOK_SECONDS = 0.01
# Seconds to wait for the end, or the TLS goodbye, of a peer that has got everything, our goodbye too. Many
# never send one.
GOODBYE_SECONDS = 0.2
# Seconds between two looks at paused connections.
PAUSED_LOOK_SECONDS = 1.0
# Only Linux tells that the peer sends nothing more; elsewhere a read tells.
READ_HANGUP = getattr(select, "POLLRDHUP", 0)
# Bytes of TLS's goodbye at most: one encrypted record, with any cipher.
GOODBYE_BYTES = 100


async def drain(connections: Set[GuardedConnection], seconds: float, clock: IReactorTime) -> int:
    """Close each connection when it falls silent, and cut off the rest after `seconds`.

    Returns, when no connection is left, how many were cut off with a loss. A connection is not silent while
    received bytes wait for it, as when the store has paused it, or while its answer is in preparation. One
    that gets an answer is closed right behind it, or its peer could ask again and again between two looks.
    Bytes that were written before the close are still sent; a peer that has not got all of them after
    `seconds` is cut off.
    """
    deadline = clock.seconds() + seconds
    silent: set[GuardedConnection] = set()
    # Closing connections, each with the time at which we stop waiting for its peer's goodbye.
    leaving: dict[GuardedConnection, float] = {}
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
                # The protocols of the kit have it: they know when they are between two requests.
                if call_when_answered := getattr(connection, "_call_when_answered", None):
                    call_when_answered(partial(_close_if_answered, connection))
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


def _close_if_answered(connection: GuardedConnection) -> None:
    """Close a connection whose answer is still on its way, so that its peer cannot have asked again."""
    transport, is_kept = connection.transport, connection.closing or connection.working
    if unacknowledged_bytes(transport) and not (is_kept or unread_bytes(transport)):
        connection.close()


def _would_lose_bytes(connection: GuardedConnection) -> bool:
    """Return whether bytes, or an answer in preparation, would be lost if a connection ended now."""
    if connection.working or not connection.closing:
        return True
    if is_lingering(connection.transport):
        # The bytes that it still sends are dropped anyway.
        return bool(unacknowledged_bytes(connection.transport))
    # The peer may have got everything, and only its goodbye be missing.
    return bool(unread_bytes(connection.transport) or unacknowledged_bytes(connection.transport))


class PausedConnection(Protocol):
    """A connection as this module needs it.

    author: the protocol object. It has the `transport`, and `half_close`: a peer that sends nothing more
    may still read. reading_paused: whether nothing is read from the peer now. busy_with_last_input: whether
    the protocol works on the last message of the peer, or its output waits for a peer that may not half
    close.
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
            self._timer.start(PAUSED_LOOK_SECONDS, self._check_for_gone_peers)

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
            self._timer.start(PAUSED_LOOK_SECONDS, self._check_for_gone_peers)
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
