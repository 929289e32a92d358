"""Back-pressure: senders are paused while the store has enough to do."""

from __future__ import annotations

from time import monotonic
from typing import Protocol

from twisted.logger import Logger

log = Logger()


class Producer(Protocol):
    """A sender that can be told to wait; every stream transport of Twisted is one."""

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...


class Valve:
    """The senders of one store, running or paused together. Belongs to the reactor's thread.

    When it opens, those that have delivered least recently are resumed first: what the reactor is asked to
    watch first, it hears of first, and a few large senders are enough to close the valve again.
    """

    def __init__(self) -> None:
        self.closed = False
        self._closed_at = 0.0
        self._producers: dict[int, Producer] = {}

    def add(self, producer: Producer) -> None:
        """Take part from now on; paused at once if the valve is closed."""
        self._producers[id(producer)] = producer
        if self.closed:
            self._tell(producer)

    def remove(self, producer: Producer) -> None:
        """Take part no more; whoever did not is ignored."""
        self._producers.pop(id(producer), None)

    def served(self, producer: Producer) -> None:
        """Resume a producer behind all others next time, as it has delivered just now."""
        if self._producers.pop(id(producer), None) is not None:
            self._producers[id(producer)] = producer

    def closed_for(self) -> float:
        """Return for how many seconds all have been paused; 0 if they are not."""
        return monotonic() - self._closed_at if self.closed else 0.0

    def close(self) -> None:
        """Pause all."""
        self._set(True)

    def open(self) -> None:
        """Resume all."""
        self._set(False)

    def _set(self, closed: bool) -> None:
        if self.closed is closed:
            return
        self.closed = closed
        if closed:
            self._closed_at = monotonic()
        for key, producer in list(self._producers.items()):
            # A resumed sender may deliver so much at once that the valve closes again.
            if self.closed is not closed:
                return
            if key in self._producers:
                self._tell(producer)

    def _tell(self, producer: Producer) -> None:
        try:
            if self.closed:
                producer.pauseProducing()
            else:
                producer.resumeProducing()
        except Exception:
            self.remove(producer)
            log.failure("a sender cannot be paused or resumed and is left alone from now on")
