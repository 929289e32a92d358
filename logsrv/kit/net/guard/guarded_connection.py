"""Connections that a guard let in: it is told when the connection of a protocol begins and ends.

Nothing stands between a transport and the protocol of the input: a protocol gets a `connectionLost`
of its own connection for the time of that connection, and (only when there is an idle time-out) a
`dataReceived` that notes one integer. So a chunk costs what it costs without a guard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.python.failure import Failure

from logsrv.kit.net.guard.guard import Refusal
from logsrv.kit.net.guard.throttle import Throttle
from logsrv.kit.net.twisted_private import gives_more, release_own
from logsrv.kit.net.twisted_streams import AcceptedTCP


class Keeper(Protocol):
    """The keeper of connections: a `logsrv.kit.net.guard.guarded_factory.GuardedFactory`."""

    @property
    def idle_timeout(self) -> float | None: ...

    def begin(self, connection: Admitted) -> bool:
        """Note that a connection has its transport. Return whether it may go on."""

    def identify(self, connection: Admitted, host: str | None) -> bool:
        """Note the real peer of a proxied connection. Return whether it may go on."""

    def drop(self, connection: Admitted, refusal: Refusal, host: str | None) -> None:
        """Abort a connection that has begun, and count it as refused."""

    def refuse(self, refusal: Refusal, host: str | None) -> None:
        """Count a refusal, and log it once per peer and minute."""

    @property
    def limited(self) -> bool:
        """Return true if peers may send only so much in a second."""

    def throttle(self, connection: Admitted, deliver: Callable[[bytes], None]) -> Throttle:
        """Return what slows a connection down."""

    def end(self, connection: Admitted, reason: Failure) -> None:
        """Note that a connection is over."""


class Foreign:
    """A mark of protocols that know nothing of a stop: the producer tells whether there is more to write.

    It adds no name to what others have written.
    """

    __slots__ = ()


class Admitted:
    """An admitted connection; it lasts until its protocol hears `connectionLost`.

    quiet: for how many looks at it nothing has come.
    """

    __slots__ = (
        "_deliver", "_keeper", "_throttle", "closing", "host", "protocol", "quiet", "transport",
    )  # fmt: skip

    def __init__(self, keeper: Keeper, protocol: Any, host: str | None) -> None:
        self._keeper = keeper
        self._deliver: Callable[[bytes], None] | None = None
        self._throttle: Throttle | None = None
        self.protocol = protocol
        self.host = host
        self.transport: Any = None
        self.quiet = 0
        self.closing = False
        protocol.makeConnection = self.connect
        protocol.connectionLost = self.lost

    @property
    def working(self) -> bool:
        """Return true if the protocol prepares an answer, or writes more."""
        protocol = self.protocol
        if isinstance(protocol, Foreign):
            return gives_more(self.transport, protocol)
        return bool(getattr(protocol, "working", False))

    def connect(self, transport: Any) -> None:
        if self.begin(transport):
            try:
                self.connect_protocol()
            finally:
                if isinstance(transport, AcceptedTCP):
                    transport.protocol_connected()

    def begin(self, transport: Any) -> bool:
        """Take the transport. Return whether the protocol may have it."""
        del self.protocol.makeConnection
        self.transport = transport
        return self._keeper.begin(self)

    def connect_protocol(self) -> None:
        self.watch_activity()
        self.protocol.makeConnection(self.transport)

    def watch_activity(self) -> None:
        """Go by the keeper's idle time-out and rates, as they are now."""
        keeper = self._keeper
        if self._throttle is not None:
            self.let_go()
        if self._deliver is None and (keeper.limited or keeper.idle_timeout is not None):
            self._deliver = self.protocol.dataReceived
            self.protocol.dataReceived = self.received
        if keeper.limited and self._deliver is not None:
            self._throttle = keeper.throttle(self, self._deliver)

    def let_go(self) -> None:
        """Slow it down no longer."""
        if self._throttle is not None:
            throttle, self._throttle = self._throttle, None
            throttle.end()

    def received(self, data: bytes) -> None:
        self.quiet = 0
        assert self._deliver is not None
        if self._throttle is None:
            self._deliver(data)
        else:
            self._throttle.received(data)

    def lost(self, reason: Failure) -> None:
        protocol = self.protocol
        if self._throttle is not None:
            self.let_go()
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

    def refuse(self, refusal: Refusal) -> None:
        """Count a refusal of who was let in, and log it."""
        self._keeper.refuse(refusal, self.host)

    def close(self) -> None:
        """Ask for the end of it: what was written to it is still sent."""
        self.closing = True
        if isinstance(self.protocol, Foreign):
            release_own(self.transport, self.protocol)
        self.transport.loseConnection()

    def abort(self) -> None:
        self.closing = True
        self.transport.abortConnection()


def admitted_of(protocol: Any) -> Admitted | None:
    """Return the admitted connection of a protocol; None if it was not let in by a guard."""
    # The protocol's `connectionLost` is that of its connection, see above: one thing less to keep.
    admitted = getattr(protocol.connectionLost, "__self__", None)
    return admitted if isinstance(admitted, Admitted) else None
