"""A long answer, written only as fast as its sender reads: none lies in memory twice, nor for ever."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface import implementer

from logsrv.timer import Timer

PIECE = 64 << 10
# Seconds in which a sender has to take something.
STALLED_AFTER = 30.0


@implementer(IPushProducer)
class LongAnswer:
    """The body of an answer on its way out.

    timer: for whoever reads nothing. ended: called behind the last piece. stalled: called when nothing was
    taken for too long.
    """

    def __init__(
        self,
        consumer: IConsumer,
        body: bytes,
        timer: Timer,
        ended: Callable[[], None],
        stalled: Callable[[], None],
    ) -> None:
        self._consumer = consumer
        self._left = memoryview(body)
        self._timer = timer
        self._ended = ended
        self._stalled = stalled
        self._paused = True
        consumer.registerProducer(self, True)
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
        """Do nothing: the request hears of the end of the connection itself."""
