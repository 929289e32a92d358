"""Connections that a guard let in: it is told when the connection of a protocol begins and ends.

Nothing stands between a transport and the protocol of the input: a protocol gets a `connectionLost`
of its own connection for the time of that connection, and (only when there is an idle time-out) a
`dataReceived` that notes one integer. So a chunk costs what it costs without a guard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.python.failure import Failure

from logsrv.kit.net.twisted_private import AcceptedTCP


class Keeper(Protocol):
    """The keeper of connections: a `logsrv.kit.net.guarded_factory.GuardedFactory`."""

    @property
    def idle_timeout(self) -> float | None: ...

    def begin(self, connection: Admitted) -> bool:
        """Note that a connection has its transport. Return whether it may go on."""

    def identify(self, connection: Admitted, host: str | None) -> bool:
        """Note the real peer of a proxied connection. Return whether it may go on."""

    def drop_misled(self, connection: Admitted, sentence: str) -> None:
        """Abort a connection whose PROXY header is none; `sentence` says why."""

    def note_misled(self, connection: Admitted, sentence: str) -> None:
        """Count a connection that ended within its PROXY header."""

    def end(self, connection: Admitted, reason: Failure) -> None:
        """Note that a connection is over."""


class Admitted:
    """An admitted connection; it lasts until its protocol hears `connectionLost`."""

    __slots__ = (
        "_deliver",
        "_keeper",
        "active",
        "closing",
        "host",
        "protocol",
        "quiet",
        "transport",
    )

    def __init__(self, keeper: Keeper, protocol: Any, host: str | None) -> None:
        self._keeper = keeper
        self._deliver: Callable[[bytes], None] | None = None
        self.protocol = protocol
        self.host = host
        self.transport: Any = None
        # Whether a chunk came since the last sweep, and for how many sweeps none did.
        self.active = 1
        self.quiet = 0
        self.closing = False
        protocol.makeConnection = self.connect
        protocol.connectionLost = self.lost

    def connect(self, transport: Any) -> None:
        protocol = self.protocol
        del protocol.makeConnection
        self.transport = transport
        if self._keeper.begin(self):
            self.watch_activity()
            try:
                protocol.makeConnection(transport)
            finally:
                if isinstance(transport, AcceptedTCP):
                    transport.protocol_connected()

    def watch_activity(self) -> None:
        if self._keeper.idle_timeout is not None and self._deliver is None:
            self._deliver = self.protocol.dataReceived
            self.protocol.dataReceived = self.received

    def received(self, data: bytes) -> None:
        self.active = 1
        assert self._deliver is not None
        self._deliver(data)

    def lost(self, reason: Failure) -> None:
        protocol = self.protocol
        if self._deliver is not None:
            del protocol.dataReceived
            self._deliver = None
        del protocol.connectionLost
        self._keeper.end(self, reason)
        protocol.connectionLost(reason)

    def forget(self, reason: Failure) -> None:
        """End a connection that the input never heard of."""
        vars(self.protocol).clear()
        self._keeper.end(self, reason)

    def close(self) -> None:
        """Ask for the end of it: what was written to it is still sent."""
        self.closing = True
        self.transport.loseConnection()

    def abort(self) -> None:
        self.closing = True
        self.transport.abortConnection()
