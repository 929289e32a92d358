"""Back-pressure: senders are paused while too much waits to be written."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Any, Protocol

from twisted.logger import Logger

from logsrv.reactor import NextTurnCall

log = Logger()
# The number of senders that are resumed first when the valve opens. About twenty, with 256 KiB each, close
# it again.
FIRST = 32


class Producer(Protocol):
    """A sender that can be paused; every stream transport of Twisted is one."""

    def pauseProducing(self) -> None: ...

    def resumeProducing(self) -> None: ...


class Valve:
    """The senders of a server, which run or are paused together. Belongs to the reactor's thread.

    It is closed while at least one of its stores keeps it closed.

    About twenty fast senders are enough to close the valve again. So it opens step by step, and first
    resumes the senders that have not delivered for the longest time. Resuming five hundred each time, and
    pausing most of them before they delivered, took a twelfth of the processor's time.

    reactor: for the time, and for calls in its next turn.
    """

    def __init__(self, reactor: Any) -> None:
        self.closed = False
        self.closed_by: set[object] = set()
        self._seconds: Callable[[], float] = reactor.seconds
        self._closed_at = 0.0
        # By id. The first sender in each is the one that has not delivered for the longest time.
        self._running: dict[int, Producer] = {}
        self._paused: dict[int, Producer] = {}
        self._waiting: dict[Callable[[], object], None] = {}
        self._at_once = FIRST
        self._next_turn = NextTurnCall(reactor, self._resume_some)

    def add(self, producer: Producer) -> None:
        """Add a sender; pause it at once if the valve is closed."""
        if self.closed:
            self._pause(producer)
        elif id(producer) not in self._paused:
            self._running[id(producer)] = producer

    def remove(self, producer: Producer) -> None:
        """Remove a sender; an unknown one is ignored."""
        self._running.pop(id(producer), None)
        self._paused.pop(id(producer), None)

    def served(self, producer: Producer) -> None:
        """Note that a sender has just delivered: next time it is resumed after all others."""
        for producers in (self._running, self._paused):
            if producers.pop(id(producer), None) is not None:
                producers[id(producer)] = producer

    def holds(self, producer: Producer) -> bool:
        """Return whether a sender has to wait: the valve is closed, or has not resumed the sender yet."""
        return self.closed or id(producer) in self._paused

    def when_open(self, call: Callable[[], object]) -> None:
        """Make a call now if the valve is open, else when it opens, before it resumes any sender."""
        if self.closed:
            self._waiting[call] = None
        else:
            call()

    def closed_for(self) -> float:
        """Return for how many seconds the valve has been closed; 0 if it is open."""
        return self._seconds() - self._closed_at if self.closed else 0.0

    def close(self, by: object = None) -> None:
        """Pause all senders. by: the store that keeps the valve closed until it opens it."""
        self.closed_by.add(by)
        if self.closed:
            return
        self.closed = True
        self._closed_at = self._seconds()
        for key, producer in list(self._running.items()):
            if not self.closed:
                return
            if key in self._running:
                self._pause(producer)

    def open(self, by: object = None) -> None:
        """Make the calls of `when_open`, then resume all senders step by step, the first ones at once.

        by: the store that has closed it; while another one keeps it closed, nothing happens.
        """
        self.closed_by.discard(by)
        if not self.closed or self.closed_by:
            return
        self.closed = False
        self._at_once = FIRST
        for call in list(self._waiting):
            del self._waiting[call]
            try:
                call()
            except Exception:
                log.failure("a call that waited for the store failed")
            # The call may store so much that the valve closes again.
            if self.closed:
                return
        self._resume_some()

    def _resume_some(self) -> None:
        """Resume some senders, and twice as many in the next turn."""
        for key, producer in list(islice(self._paused.items(), self._at_once)):
            # A resumed sender may deliver so much at once that the valve closes again.
            if self.closed:
                return
            if self._paused.pop(key, None) is not None:
                self._running[key] = producer
                self._call_or_remove(producer, producer.resumeProducing)
        self._at_once *= 2
        if self._paused and not self.closed:
            self._next_turn.schedule()

    def _pause(self, producer: Producer) -> None:
        self._running.pop(id(producer), None)
        self._paused[id(producer)] = producer
        self._call_or_remove(producer, producer.pauseProducing)

    def _call_or_remove(self, producer: Producer, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            self.remove(producer)
            log.failure("a sender cannot be paused or resumed and is left alone from now on")
