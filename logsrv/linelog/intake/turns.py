"""Turns at the reactor: costly senders wait for each other, and others come first.

Most bytes take microseconds. Some take a hundred times as long, such as endless Telnet commands, or events
with a million keys; and a line end becomes fifty bytes in the store. If fifty such senders were read from
in every turn of the reactor, all other senders would wait for seconds. So only one costly sender is read
from in each turn.

What a sender has brought is taken in at once, piece by piece, until it has used its share of the turn. Then
the sender is paused, and waits here with the rest for another turn.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from logsrv.linelog.store.valve import Valve
from logsrv.reactor import NextTurnCall

log = Logger()

# A chunk is costly if it takes more than LONG seconds of CPU time, or more than MUCH bytes in the store.
# 256 KiB of usual lines take 0.1 to 0.3 ms and 400 KiB. Elapsed time would include the wait for the
# writer's thread, and 500 usual senders would wait for each other.
LONG = 0.002
MUCH = 1 << 20
# A chunk of at most this many bytes never takes long: hostile bytes take 3 µs each. Most single messages
# are shorter.
LITTLE = 512
# After a chunk of at most this many bytes in the store no other sender comes first: hundreds of such chunks
# leave the valve open.
SMALL = 16 << 10
# After this many seconds of CPU time for chunks in a turn, further chunks wait for the next one: a thousand
# connections may have data.
MOST_IN_A_TURN = 0.02
# Seconds for which a closed listener still takes in what it has read.
LAST_SECONDS = 1.0


class TurnTaker(Protocol):
    """A connection, or the datagrams of a listener; it reads nothing while it waits for a turn."""

    def take_turn(self) -> None:
        """Go on with what is left, or read again; wait once more if that takes long."""


class _Turn:
    """A turn that a coroutine waits for."""

    def __init__(self) -> None:
        self.begun: Deferred[None] = Deferred()

    def take_turn(self) -> None:
        self.begun.callback(None)


class Turns:
    """The senders of a listener that wait for a turn; none gets one while the valve is closed."""

    def __init__(self, valve: Valve, clock: IReactorTime, cpu: Callable[[], float]) -> None:
        """cpu: returns this thread's CPU time in seconds."""
        self._clock = clock
        self._cpu = cpu
        self._valve = valve
        # Those that came when a turn was spent, before those whose last chunk was costly.
        self._early: dict[TurnTaker, None] = {}
        self._costly: dict[TurnTaker, None] = {}
        self._used = 0.0
        self._next_turn = NextTurnCall(clock, partial(valve.when_open, self._begin_turn))

    def __contains__(self, sender: object) -> bool:
        return sender in self._early or sender in self._costly

    @property
    def is_spent(self) -> bool:
        """Return whether other senders should be served before any more work is begun in this turn."""
        return self._used >= MOST_IN_A_TURN

    def run(
        self,
        sender: TurnTaker,
        step: Callable[[], bool | Deferred[None]],
        *,
        while_closed: bool = False,
    ) -> bool:
        """Take steps until `step` returns false, and return true; or until others have a turn.

        Then the sender waits behind the costly ones before it, and the result is false: it reads nothing
        until `take_turn` is called. If a step returns a Deferred, such as that of a message with a worker,
        the sender waits for that first. while_closed: whether a closed valve ends no turn.
        """
        began = self._cpu()
        try:
            while more := step():
                if isinstance(more, Deferred) and not more.called:
                    self.wait_after(more, sender)
                    return False
                if self.is_over(began) or (self._valve.closed and not while_closed):
                    self.wait_as_costly(sender)
                    return False
            return True
        finally:
            self.count(self._cpu() - began)

    def is_over(self, began: float) -> bool:
        """Return whether a sender has used its share of the turn. began: the CPU time when it began."""
        return self._cpu() - began > LONG

    def count(self, seconds: float) -> None:
        """Count CPU time that a sender has used in this turn."""
        self._used += seconds
        if self.is_spent:
            self._next_turn.schedule()

    def wait(self, sender: TurnTaker) -> None:
        """Give a sender one of the next turns, before those that are costly."""
        self._queue(self._early, sender)

    def wait_as_costly(self, sender: TurnTaker) -> None:
        """Give a sender a turn after the costly ones before it."""
        self._queue(self._costly, sender)

    def wait_after(self, work: Deferred[None], sender: TurnTaker) -> None:
        """Give a sender one of the next turns after some work."""
        work.addBoth(lambda _: self.wait(sender))

    def next_turn(self) -> Deferred[None]:
        """Return a Deferred that fires in a turn, after those of the senders that wait now."""
        turn = _Turn()
        self.wait_as_costly(turn)
        return turn.begun

    def remove(self, sender: TurnTaker) -> None:
        """Remove a sender that has gone, if it waits here."""
        self._early.pop(sender, None)
        self._costly.pop(sender, None)

    def finish(self) -> int:
        """Give turns for at most LAST_SECONDS, before the store closes; return how many still wait."""
        until = self._clock.seconds() + LAST_SECONDS
        while (self._early or self._costly) and self._clock.seconds() < until:
            self._serve_first(self._early or self._costly)
        return len(self._early) + len(self._costly)

    def _queue(self, waiting: dict[TurnTaker, None], sender: TurnTaker) -> None:
        waiting[sender] = None
        self._next_turn.schedule()

    def _begin_turn(self) -> None:
        self._used = 0.0
        for _ in range(len(self._early)):
            if self.is_spent or self._valve.closed or not self._early:
                break
            self._serve_first(self._early)
        if self._costly and not self._valve.closed:
            self._serve_first(self._costly)
        if self._early or self._costly:
            self._next_turn.schedule()

    def _serve_first(self, waiting: dict[TurnTaker, None]) -> None:
        sender = next(iter(waiting))
        del waiting[sender]
        try:
            sender.take_turn()
        except (Exception, SystemExit):
            # The others must still get their turns.
            log.failure("a sender cannot go on")
