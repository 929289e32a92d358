"""A long answer, written as fast as its sender reads it, and given up if the sender reads nothing."""

from __future__ import annotations

from collections.abc import Callable

import attrs
from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface import implementer

from logsrv.reactor import Timer

PIECE = 64 << 10
# A sender that reads no byte of the answer for this many seconds is given up.
STALLED_AFTER = 30.0


@implementer(IPushProducer)
@attrs.define(eq=False)
class LongAnswer:
    """A producer that writes one answer.

    left: the rest of its body. timer: measures how long the sender reads nothing. ended: called after the
    last piece. stalled: called when the sender has read nothing for STALLED_AFTER.
    """

    _consumer: IConsumer
    _left: memoryview
    _timer: Timer
    _ended: Callable[[], None]
    _stalled: Callable[[], None]
    _paused: bool = True

    def __attrs_post_init__(self) -> None:
        self._consumer.registerProducer(self, True)
        self.resumeProducing()

    def resumeProducing(self) -> None:
        self._timer.stop()
        self._paused = False
        while self._left and not self._paused:
            piece, self._left = self._left[:PIECE], self._left[PIECE:]
            self._consumer.write(bytes(piece))
        if not self._left:
            self._consumer.unregisterProducer()
            self._ended()

    def pauseProducing(self) -> None:
        self._paused = True
        self._timer.start(STALLED_AFTER, self._stalled)

    def stopProducing(self) -> None:
        """Do nothing: the request is notified of the connection's end itself."""
