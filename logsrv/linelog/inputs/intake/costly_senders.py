"""Connections that send what takes long to take in: one of them is read from in a turn of the reactor.

Most bytes pass in microseconds. Some take a hundred times as long, such as Telnet's commands without
end, and a line end becomes fifty bytes in the store. Fifty such senders, each read from in every turn,
would keep everybody else waiting for seconds; so they wait for each other instead.
"""

from __future__ import annotations

from functools import partial

from twisted.internet.interfaces import IReactorTime

from logsrv.kit.net.twisted.turns import NextTurn
from logsrv.linelog.store.valve import Producer, Valve

# A chunk is costly if it took so many seconds of the processor, or so many bytes in the store. 256 KiB of
# usual lines take 0.1 to 0.3 ms and 400 KiB. A clock on the wall would count what was spent waiting for the
# writer's thread, and 500 usual senders would wait for each other.
LONG = 0.002
MUCH = 1 << 20
# Bytes that never take long: hostile ones take 3 µs each. Most messages that come alone are shorter.
LITTLE = 512
# Chunks of so few bytes in the store do not matter: hundreds of them leave the valve open.
SMALL = 16 << 10


class CostlySenders:
    """The connections of a listener whose last chunk was costly, in the order in which they go on:
    none while the valve is closed.
    """

    def __init__(self, valve: Valve, clock: IReactorTime) -> None:
        self._waiting: dict[Producer, None] = {}
        self._next_turn = NextTurn(clock, partial(valve.when_open, self._go_on))

    def __contains__(self, producer: object) -> bool:
        return producer in self._waiting

    def put(self, producer: Producer) -> None:
        """Pause a producer, and resume it when those before it have had their turn."""
        self._waiting[producer] = None
        producer.pauseProducing()
        self._next_turn.ask()

    def remove(self, producer: Producer) -> None:
        """Forget one that has gone; whoever does not wait is ignored."""
        self._waiting.pop(producer, None)

    def _go_on(self) -> None:
        if self._waiting:
            producer = next(iter(self._waiting))
            del self._waiting[producer]
            producer.resumeProducing()
            self._next_turn.ask()
