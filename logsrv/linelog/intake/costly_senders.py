"""Senders whose data takes long to take in: only one of them is read from in each turn of the reactor.

Most bytes take microseconds. Some take a hundred times as long, such as endless Telnet commands, and a line
end becomes fifty bytes in the store. If fifty such senders were read from in every turn, all other senders
would wait for seconds; so the costly senders wait for each other instead.
"""

from __future__ import annotations

from functools import partial

from twisted.internet.interfaces import IReactorTime

from logsrv.linelog.store.valve import Producer, Valve
from logsrv.reactor import NextTurnCall

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
