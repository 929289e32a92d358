"""A sink that keeps what inputs deliver."""

from __future__ import annotations

from twisted.internet.task import Clock

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.batch import Batch
from logsrv.linelog.framing.rules import LineRules
from logsrv.linelog.inputs.intake import Intake
from logsrv.linelog.store.valve import Producer


class Sink:
    """Takes batches and producers as the store does."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.producers: list[Producer] = []
        self.valve = self

    def append(self, batch: Batch) -> None:
        self.batches.append(batch)

    def add(self, producer: Producer) -> None:
        self.producers.append(producer)

    def remove(self, producer: Producer) -> None:
        self.producers.remove(producer)

    @property
    def text(self) -> bytes:
        return b"".join(bytes(batch.block) for batch in self.batches)


def intake(sink: Sink, rules: LineRules | None = None, name: str = "") -> Intake:
    clock = Clock()
    clock.advance(1.5)
    return Intake(
        label="tcp:1234",
        name=name,
        rules=rules or LineRules(),
        sink=sink,  # type: ignore[arg-type]
        clock=clock,
        metrics=Metrics(),
    )
