"""Back-pressure: senders are paused while the store has enough to do."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

from twisted.logger import Logger

from logsrv.kit.net.twisted.turns import NextTurn

log = Logger()
# Senders that are resumed at once when the valve opens. Some twenty, with 256 KiB each, close it again.
FIRST = 32


class Producer(Protocol):
    """A sender that can be told to wait; every stream transport of Twisted is one."""

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...


class Valve:
    """The senders of one store, running or paused together. Belongs to the reactor's thread.

    Some twenty senders in full flow are enough to close it again. So it opens step by step, for those first
    that have delivered least recently: to resume five hundred each time, and to pause most of them before
    they were heard, took a twelfth of the processor's time.

    reactor: calls in its next turn, and has the time.
    """

    def __init__(self, reactor: Any) -> None:
        self.closed = False
        self._seconds: Callable[[], float] = reactor.seconds
        self._closed_at = 0.0
        # By id. In each, those that have delivered least recently come first.
        self._running: dict[int, Producer] = {}
        self._paused: dict[int, Producer] = {}
        self._waiting: dict[Callable[[], object], None] = {}
        self._at_once = FIRST
        self._next_turn = NextTurn(reactor, self._resume)

    def add(self, producer: Producer) -> None:
        """Take part from now on; paused at once if the valve is closed."""
        if self.closed:
            self._pause(producer)
        elif id(producer) not in self._paused:
            self._running[id(producer)] = producer

    def remove(self, producer: Producer) -> None:
        """Remove a producer; an unknown one is ignored."""
        self._running.pop(id(producer), None)
        self._paused.pop(id(producer), None)

    def served(self, producer: Producer) -> None:
        """Resume a producer behind all others next time, as it has delivered just now."""
        for producers in (self._running, self._paused):
            if producers.pop(id(producer), None) is not None:
                producers[id(producer)] = producer

    def holds(self, producer: Producer) -> bool:
        """Return true if a producer is to wait: the valve is closed, or its turn has not come since."""
        return self.closed or id(producer) in self._paused

    def when_open(self, call: Callable[[], object]) -> None:
        """Make a call, once: at once, or before any sender is resumed when the valve opens."""
        if self.closed:
            self._waiting[call] = None
        else:
            call()

    def closed_for(self) -> float:
        """Return for how many seconds all have been paused; 0 if they are not."""
        return self._seconds() - self._closed_at if self.closed else 0.0

    def close(self) -> None:
        """Pause all."""
        if self.closed:
            return
        self.closed = True
        self._closed_at = self._seconds()
        for key, producer in list(self._running.items()):
            if not self.closed:
                return
            if key in self._running:
                self._pause(producer)

    def open(self) -> None:
        """Make the calls that wait for it, then resume all, the first of them at once."""
        if not self.closed:
            return
        self.closed = False
        self._at_once = FIRST
        for call in list(self._waiting):
            del self._waiting[call]
            try:
                call()
            except Exception:
                log.failure("what waited for the store failed")
            # It may store so much that the valve closes again.
            if self.closed:
                return
        self._resume()

    def _resume(self) -> None:
        """Resume some, and twice as many in the next turn."""
        for key, producer in list(islice(self._paused.items(), self._at_once)):
            # A resumed sender may deliver so much at once that the valve closes again.
            if self.closed:
                return
            if self._paused.pop(key, None) is not None:
                self._running[key] = producer
                self._tell(producer, producer.resumeProducing)
        self._at_once *= 2
        if self._paused and not self.closed:
            self._next_turn.ask()

    def _pause(self, producer: Producer) -> None:
        self._running.pop(id(producer), None)
        self._paused[id(producer)] = producer
        self._tell(producer, producer.pauseProducing)

    def _tell(self, producer: Producer, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            self.remove(producer)
            log.failure("a sender cannot be paused or resumed and is left alone from now on")
