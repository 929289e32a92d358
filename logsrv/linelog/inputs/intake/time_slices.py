"""Work that may take long, such as a message of a million records, done in slices of a few milliseconds.

Work is an iterator of which each step is short; between two steps it may be interrupted. Its first slice
is done at once, which is all that usual messages take, unless many come together. The rest is done in
slices, one in each turn of the reactor, so that all connections are served between two of them. While the
valve of the store is closed nothing is done.

A step that may be long by itself is given as `LongWork`: another thread does it. Python changes between it
and the reactor every 5 ms, so others are served.

Work keeps what it has made: a compressed body of 300 KB becomes 100 MiB. So only a few long jobs go on in
turn, beside all the short ones; other long jobs wait until one of those has ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from queue import SimpleQueue
from threading import Event, Thread

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.kit.net.twisted.turns import NextTurn
from logsrv.linelog.framing.lines.long_work import LongWork
from logsrv.linelog.store.valve import Producer, Valve

log = Logger()

# Seconds. A step that takes longer is not interrupted.
SLICE = 0.005
# Seconds for which a listener goes on, once it is closed, with what nobody will send again.
LAST_SECONDS = 1.0
# Seconds for first slices in one turn of the reactor: a thousand connections may have something in it.
MOST_AT_ONCE = 0.02
# Slices after which work is long. One is not enough to tell: a busy machine takes its time away.
FEW = 12
# At most four long jobs run in turn. While four jobs wait, senders of much unfinished work are paused.
MANY = 4


@attrs.define(eq=False)
class _Work:
    steps: Iterator[object]
    ended: Callable[[Failure | None], None]
    again: bool
    slices: int = 0
    # Is set when the other thread has done the long work that this waits for.
    done: Event | None = None

    @property
    def ready(self) -> bool:
        """Return true unless the other thread has to go on first."""
        return self.done is None or self.done.is_set()


class ComputingThread:
    """The thread, which begins when it is first needed; it does one piece of work after the other.

    All listeners of a service share one: with each further one the reactor would get less of the processor.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[tuple[LongWork, Event] | None] = SimpleQueue()
        self._thread: Thread | None = None

    def begin(self, work: LongWork) -> Event:
        """Have work done behind all that came before; return what is set when it is."""
        done = Event()
        self._waiting.put((work, done))
        if self._thread is None or not self._thread.is_alive():
            # The end of the process is not to wait for it.
            self._thread = Thread(target=self._run, name="computing", daemon=True)
            self._thread.start()
        return done

    def end(self) -> None:
        """Let the thread end behind all that came before."""
        if self._thread is not None:
            self._waiting.put(None)

    def _run(self) -> None:
        while (wanted := self._waiting.get()) is not None:
            work, done = wanted
            work.do()
            done.set()
            # Lets go of the result before the next work comes.
            del work, done, wanted


class TimeSlices:
    """The work of a listener's connections. The valve holds it up. computing: does what is long."""

    def __init__(
        self, valve: Valve, clock: IReactorTime, computing: ComputingThread | None = None
    ) -> None:
        self._valve = valve
        self._clock = clock
        self._computing = computing or ComputingThread()
        self._short: deque[_Work] = deque()
        self._long: deque[_Work] = deque()
        self._next_turn = NextTurn(clock, partial(valve.when_open, self._go_on))
        self._held_up: dict[Producer, None] = {}
        # Seconds that first slices took since the last turn in which others waited.
        self._at_once = 0.0

    @property
    def full(self) -> bool:
        """Return true while so much work waits that no more of it should be received."""
        return self._waiting >= MANY

    @property
    def _waiting(self) -> int:
        return len(self._short) + len(self._long)

    @property
    def spent(self) -> bool:
        """Return true if nothing more that may take long should be done before others were served."""
        return self._at_once >= MOST_AT_ONCE

    def spend(self, seconds: float) -> None:
        """Note for how long a listener's connection has computed in this turn of the reactor."""
        self._at_once += seconds
        if self.spent:
            self._next_turn.ask()

    def wait_for_room(self, producer: Producer) -> None:
        """Resume a producer, once, as soon as there is not so much work any more."""
        self._held_up[producer] = None

    def begin(
        self,
        steps: Iterator[object],
        ended: Callable[[Failure | None], None],
        *,
        again: bool = False,
    ) -> None:
        """Do the work, in part at once; call `ended` behind its last step, with what it raised if it did.

        That may be before this returns. again: whether its sender waits for an acknowledgement, and sends
        it again without one.
        """
        work = _Work(steps, ended, again)
        if (not self.spent or self._valve.closed) and self._first_slice(work):
            return
        self._short.append(work)
        self._next_turn.ask()

    def finish(self) -> int:
        """Do what nobody sends again, for a second at most; return how many pieces were given up."""
        until = self._clock.seconds() + LAST_SECONDS
        came = self._waiting
        self._short = deque(work for work in self._short if not work.again)
        self._long = deque(work for work in self._long if not work.again)
        given_up = came - self._waiting
        while self._waiting and self._clock.seconds() < until:
            self._turn()
        given_up += self._waiting
        self._short.clear()
        self._long.clear()
        return given_up

    def _first_slice(self, work: _Work) -> bool:
        began = self._clock.seconds()
        ended = self._slice(work)
        self._at_once += max(0.0, self._clock.seconds() - began)
        return ended

    def _go_on(self) -> None:
        self._at_once = 0.0
        self._turn()
        if self._waiting:
            self._next_turn.ask()

    def _turn(self) -> None:
        # Short work does not stand behind what waits for the other thread.
        short = next((work for work in self._short if work.ready), None)
        waits = 0.0 if short else SLICE
        if self._long and not self._slice(work := self._long.popleft(), waits):
            self._long.insert(MANY - 1, work)
        if self._short:
            short = short or self._short[0]
            self._short.remove(short)
            if not self._slice(short, SLICE):
                (self._short if short.slices < FEW else self._long).append(short)
        if self._held_up and not self.full:
            held_up, self._held_up = self._held_up, {}
            for producer in held_up:
                producer.resumeProducing()

    def _slice(self, work: _Work, waits: float = 0.0) -> bool:
        """Do some of the work; return true when it has ended.

        waits: seconds for the other thread, if it has to go on first.
        """
        began = self._clock.seconds()
        work.slices += 1
        failure = None
        if work.done is not None and not work.done.wait(waits):
            return False
        work.done = None
        try:
            for step in work.steps:
                if isinstance(step, LongWork):
                    work.done = self._computing.begin(step)
                    return False
                # The clock is the wall's, which may be set back.
                if not 0 <= self._clock.seconds() - began < SLICE:
                    return False
        except Exception:
            failure = Failure()
        try:
            work.ended(failure)
        except Exception:
            # The others that wait are to go on.
            log.failure("ending what takes turns failed")
        # Its traceback knows this frame, and those of the work with all that it has made.
        failure = None
        return True
