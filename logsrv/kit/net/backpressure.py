"""Back-pressure from a transport, which says when it has enough to send and when it has room again."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IPushProducer
from zope.interface import implementer


@implementer(IPushProducer)
class Backpressure:
    """A streaming producer to register with a transport; its user waits here before writing more.

    full: the transport has enough to send.
    """

    __slots__ = ("_waiting", "full")

    def __init__(self) -> None:
        self.full = False
        self._waiting: list[Deferred[None]] = []

    def wait_for_room(self) -> Deferred[None]:
        """Return a Deferred that fires when there is room: at once if there is now."""
        return self.wait_until_resumed() if self.full else succeed(None)

    def wait_until_resumed(self) -> Deferred[None]:
        """Return a Deferred that fires when there is room again, or fails by `fail_waits`."""
        self._waiting.append(Deferred())
        return self._waiting[-1]

    def fail_waits(self, reason: Exception) -> None:
        """Fail all waits with a reason: there will be no room any more."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.errback(reason)

    def pauseProducing(self) -> None:
        self.full = True

    def resumeProducing(self) -> None:
        self.full = False
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            each.callback(None)

    def stopProducing(self) -> None:
        """Do nothing: the protocol hears of the connection's end, and calls `fail_waits`."""
