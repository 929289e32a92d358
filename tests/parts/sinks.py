"""A sink that keeps what inputs deliver."""

from collections.abc import Callable
from typing import Any, cast

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.batch import Batch, Buffer
from logsrv.linelog.intake.connections import Input
from logsrv.linelog.intake.filter_options import FilterOptions
from logsrv.linelog.intake.intake import Intake
from logsrv.linelog.intake.options import InputOptions
from logsrv.linelog.lines.rules import LineRules
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.store.blocks import BlockNote, PendingBlock
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.identity import Identity
from logsrv.linelog.store.notes.origins import Origins
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.valve import Producer, Valve
from tests.parts.workers import WorkersHere

HIGH_WATER = 8 << 20


def turn(clock: Any) -> None:
    """Do what one turn of the reactor does: what is due, and nothing that is asked for meanwhile."""
    for call in [call for call in clock.calls if call.getTime() <= clock.seconds()]:
        if call.active():
            clock.calls.remove(call)
            call.called = 1
            call.func(*call.args, **call.kw)


class Sink:
    """Takes batches and producers as the store does."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.producers: list[Producer] = []
        self.valve = self
        self.closed = False
        self.calls: list[Callable[[], object]] = []
        self.seconds_closed = 60.0
        self.waiting: list[Deferred[None]] = []
        self.since: int | None = None
        self.origins = Origins(Disk())
        self.pending_blocks: list[PendingBlock] = []
        self.identity: Identity | None = Identity(32 * "c", Position(1, 0))
        self.present_directory = "none"

    def deposit(self, pending: PendingBlock) -> Deferred[None]:
        """Fires when its `told` is fired."""
        self.pending_blocks.append(pending)
        self.origins.under_way.add_block(pending.origin, pending.end, len(pending.text))
        return pending.stored.addBoth(self._end_deposit, pending)

    def _end_deposit(self, result: Any, pending: PendingBlock) -> Any:
        self.origins.under_way.remove_first_block(pending.origin, len(pending.text))
        return result

    def store_blocks(self) -> None:
        """Store all pending blocks, with their notes."""
        pending_blocks, self.pending_blocks = self.pending_blocks, []
        for each in pending_blocks:
            note = BlockNote(
                Position(9, 9), each.origin, each.start, each.end, each.crc, each.sequence
            )
            self.origins.record_stored([note])
            each.stored.callback(None)

    def append(self, batch: Batch) -> int:
        self.batches.append(batch)
        return bytes(batch.block).count(b"\n")

    @property
    def appended(self) -> int:
        return len(self.text)

    def closed_for(self) -> float:
        return self.seconds_closed if self.closed else 0.0

    def durable(self, since: int | None = None) -> Deferred[None]:
        """Fires with the next `sync`."""
        self.since = since
        self.waiting.append(Deferred())
        return self.waiting[-1]

    def sync(self, why: str = "") -> None:
        """Let all be safe, or fail for a reason."""
        waiting, self.waiting = self.waiting, []
        for one in waiting:
            if why:
                one.errback(StoreError(why))
            else:
                one.callback(None)

    def add(self, producer: Producer) -> None:
        self.producers.append(producer)

    def holds(self, producer: Producer) -> bool:
        return self.closed

    def when_open(self, call: Callable[[], object]) -> None:
        if self.closed:
            self.calls.append(call)
        else:
            call()

    def open(self) -> None:
        """Have room again."""
        self.closed = False
        calls, self.calls = self.calls, []
        for call in calls:
            call()

    def served(self, producer: Producer) -> None:
        """Takes no part in who comes first."""

    def remove(self, producer: Producer) -> None:
        if producer in self.producers:
            self.producers.remove(producer)

    @property
    def text(self) -> bytes:
        return b"".join(bytes(batch.block) for batch in self.batches)


class SlowStore(Sink):
    """Has a real valve, closes it as the store does, and writes when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.valve = Valve(Clock())  # type: ignore[assignment]
        self.pending: list[Buffer] = []
        self.most_pending = 0
        self.stored = b""

    def append(self, batch: Batch) -> int:
        self.pending += batch.stored()
        size = sum(map(len, self.pending))
        self.most_pending = max(self.most_pending, size)
        if size > HIGH_WATER:
            self.valve.close()  # type: ignore[attr-defined]
        return bytes(batch.block).count(b"\n")

    def write(self) -> None:
        self.stored = b"".join([self.stored, *self.pending])
        self.pending = []
        self.valve.open()  # type: ignore[attr-defined]


@attrs.frozen
class InputSettings:
    """The settings of a listener."""

    line_rules: LineRules
    name: str | None = None
    log_connections: bool = False
    keepalive: float | None = None
    input_options: InputOptions = attrs.field(factory=InputOptions)
    filter_options: FilterOptions = attrs.field(factory=FilterOptions)


def intake(
    sink: Sink,
    rules: LineRules | None = None,
    name: str = "",
    options: InputOptions | None = None,
    workers: WorkersHere | None = None,
    cpu: Callable[[], float] = lambda: 0.0,
    filters: FilterOptions | None = None,
) -> Intake:
    """The way into a sink, by some rules; `options` are those of inputs of records.

    workers: those that parse large messages; by default at once. cpu: the CPU time; by default it
    stands still.
    """
    clock = Clock()
    clock.advance(1.5)
    settings = InputSettings(
        rules or LineRules(),
        name,
        input_options=options or InputOptions(),
        filter_options=filters or FilterOptions(),
    )
    return Intake(
        "tcp:1234",
        settings,
        store=sink,  # type: ignore[arg-type]
        clock=clock,
        metrics=Metrics(METRICS),
        workers=workers or WorkersHere(),  # type: ignore[arg-type]
        cpu=cpu,
    )


def connected(
    to: Input, way: Intake, transport: StringTransport | None = None
) -> tuple[Any, StringTransport]:
    """A connection to an input, and its transport."""
    receiver, transport = to.stream(way).buildProtocol(None), transport or StringTransport()
    receiver.makeConnection(transport)
    return receiver, transport


def counted(way: Intake, name: str, **labels: str) -> float:
    return cast(Metrics, way.metrics).value(name, **labels)


def refused(way: Intake, reason: str) -> float:
    """How many records were refused for a reason."""
    return counted(way, "records_refused_total", reason=reason)
