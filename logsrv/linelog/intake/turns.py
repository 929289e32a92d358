"""Turns: long work is done in slices, and costly senders wait for each other.

Work, such as on a message of a million records, is an iterator with short steps; it may be interrupted
after each step. The first slice is done at once, and finishes most messages, unless many come together.
Each turn of the reactor then does one more slice of a short job and one of a long job, so that all
connections are served in between. While the valve of the store is closed, no slice is done.

A step that takes long by itself is yielded as `LongWork`, and done in another thread. Python switches
between this thread and the reactor every 5 ms, so other connections are served.

Work keeps its results in memory: a compressed body of 300 KB may become 100 MiB. So at most four long jobs
take turns, in addition to all short ones; other long jobs wait until one of those four has ended.

Most bytes of lines take microseconds. Some take a hundred times as long, such as endless Telnet commands,
and a line end becomes fifty bytes in the store. If fifty such senders were read from in every turn, all
other senders would wait for seconds. So only one costly sender is read from in each turn of the reactor.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from functools import partial
from queue import SimpleQueue
from threading import Thread

import attrs
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.linelog.lines.long_work import LongWork
from logsrv.linelog.store.valve import Producer, Valve
from logsrv.reactor import NextTurnCall

log = Logger()

# Seconds of a slice; a longer step is not interrupted.
SLICE = 0.005
# Seconds for which a closed listener goes on with work that its sender will not send again.
LAST_SECONDS = 1.0
# After this many seconds of first slices in a turn of the reactor, new work waits for the next turn: a
# thousand connections may have data.
MOST_AT_ONCE = 0.02
# Work counts as long after this many slices; on a busy machine even short work may take several.
FEW = 12
# At most four long jobs run in turn. While four jobs wait, senders of much unfinished work are paused.
MANY = 4


@attrs.define(eq=False)
class _SlicedWork:
    steps: Iterator[object]
    ended: Callable[[Failure | None], None]
    again: bool
    slices: int = 0
    # The work of the other thread that this work waits for, if any.
    awaited: LongWork | None = None

    @property
    def ready(self) -> bool:
        """Return true unless the work waits for the other thread."""
        return self.awaited is None or self.awaited.done()


class ComputingThread:
    """The thread for LongWork, started when first needed; it does one piece after the other.

    All listeners of a service share it: each further thread would take CPU time from the reactor.
    """

    def __init__(self) -> None:
        self._waiting: SimpleQueue[LongWork | None] = SimpleQueue()
        self._thread: Thread | None = None

    def begin(self, work: LongWork) -> None:
        """Queue work for the thread."""
        self._waiting.put(work)
        if self._thread is None or not self._thread.is_alive():
            # A daemon thread, so that the process can exit without waiting for it.
            self._thread = Thread(target=self._run_queued_work, name="computing", daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Let the thread end after all queued work."""
        if self._thread is not None:
            self._waiting.put(None)

    def _run_queued_work(self) -> None:
        while (work := self._waiting.get()) is not None:
            work.call_function()
            # Free the result before waiting for the next work.
            del work


class TimeSlices:
    """The work of a listener's connections. valve: pauses it. computing: the thread for LongWork."""

    def __init__(
        self, valve: Valve, clock: IReactorTime, computing: ComputingThread | None = None
    ) -> None:
        self._valve = valve
        self._clock = clock
        self._computing = computing or ComputingThread()
        self._short: deque[_SlicedWork] = deque()
        self._long: deque[_SlicedWork] = deque()
        self._next_turn = NextTurnCall(clock, partial(valve.when_open, self._on_next_turn))
        self._held_up: dict[Producer, None] = {}
        # Seconds of first slices since the last `_on_next_turn`.
        self._at_once = 0.0

    @property
    def is_full(self) -> bool:
        """Return true while so many jobs wait that no more data should be received."""
        return self._waiting_jobs >= MANY

    @property
    def _waiting_jobs(self) -> int:
        return len(self._short) + len(self._long)

    @property
    def turn_is_spent(self) -> bool:
        """Return true if other connections should be served before any more long work."""
        return self._at_once >= MOST_AT_ONCE

    def count_seconds(self, seconds: float) -> None:
        """Add CPU seconds that a connection has used in this turn of the reactor."""
        self._at_once += seconds
        if self.turn_is_spent:
            self._next_turn.schedule()

    def resume_when_room(self, producer: Producer) -> None:
        """Resume a paused producer, once, when `is_full` has become false."""
        self._held_up[producer] = None

    def begin(
        self,
        steps: Iterator[object],
        ended: Callable[[Failure | None], None],
        *,
        again: bool = False,
    ) -> None:
        """Do work, the first slice now if possible; after the last, call `ended` with a Failure or None.

        `ended` may be called before this returns. again: whether the sender waits for an acknowledgement,
        and sends the data again without one.
        """
        work = _SlicedWork(steps, ended, again)
        if (not self.turn_is_spent or self._valve.closed) and self._do_first_slice(work):
            return
        self._short.append(work)
        self._next_turn.schedule()

    def finish(self) -> int:
        """Finish the work whose data is not sent again, for at most a second, and give up the rest.

        Return how many jobs were given up.
        """
        until = self._clock.seconds() + LAST_SECONDS
        came = self._waiting_jobs
        self._short = deque(work for work in self._short if not work.again)
        self._long = deque(work for work in self._long if not work.again)
        given_up = came - self._waiting_jobs
        while self._waiting_jobs and self._clock.seconds() < until:
            self._do_turn_slices()
        given_up += self._waiting_jobs
        self._short.clear()
        self._long.clear()
        return given_up

    def _do_first_slice(self, work: _SlicedWork) -> bool:
        began = self._clock.seconds()
        ended = self._do_slice(work)
        self._at_once += self._clock.seconds() - began
        return ended

    def _on_next_turn(self) -> None:
        self._at_once = 0.0
        self._do_turn_slices()
        if self._waiting_jobs:
            self._next_turn.schedule()

    def _do_turn_slices(self) -> None:
        # Short work goes before work that waits for the other thread.
        short = next((work for work in self._short if work.ready), None)
        waits = 0.0 if short else SLICE
        if self._long and not self._do_slice(work := self._long.popleft(), waits):
            self._long.insert(MANY - 1, work)
        if self._short:
            short = short or self._short[0]
            self._short.remove(short)
            if not self._do_slice(short, SLICE):
                (self._short if short.slices < FEW else self._long).append(short)
        if self._held_up and not self.is_full:
            held_up, self._held_up = self._held_up, {}
            for producer in held_up:
                producer.resumeProducing()

    def _do_slice(self, work: _SlicedWork, waits: float = 0.0) -> bool:
        """Do one slice of the work; return true if it has ended.

        waits: seconds to wait for the other thread, if the work depends on it.
        """
        began = self._clock.seconds()
        work.slices += 1
        failure = None
        if work.awaited is not None and not wait([work.awaited], waits).done:
            return False
        work.awaited = None
        try:
            for step in work.steps:
                if isinstance(step, LongWork):
                    self._computing.begin(step)
                    work.awaited = step
                    return False
                if self._clock.seconds() - began >= SLICE:
                    return False
        except Exception:
            failure = Failure()
        try:
            work.ended(failure)
        except Exception:
            # The other jobs must still be done.
            log.failure("the end of work in slices failed")
        # Break a cycle: the traceback refers to this frame, and to those of the work with all its results.
        failure = None
        return True


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


class CostlySenders:
    """A queue of the listener's producers whose last chunk was costly.

    Each turn of the reactor resumes the first one; none while the valve is closed.
    """

    def __init__(self, valve: Valve, clock: IReactorTime) -> None:
        self._waiting: dict[Producer, None] = {}
        self._next_turn = NextTurnCall(clock, partial(valve.when_open, self._resume_first))

    def __contains__(self, producer: object) -> bool:
        return producer in self._waiting

    def pause_and_queue(self, producer: Producer) -> None:
        """Pause a producer, and resume it after those before it in the queue."""
        self._waiting[producer] = None
        producer.pauseProducing()
        self._next_turn.schedule()

    def remove(self, producer: Producer) -> None:
        """Remove a producer that has gone, if it waits here."""
        self._waiting.pop(producer, None)

    def _resume_first(self) -> None:
        if self._waiting:
            producer = next(iter(self._waiting))
            del self._waiting[producer]
            producer.resumeProducing()
            self._next_turn.schedule()
