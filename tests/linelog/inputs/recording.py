"""A sink that keeps what inputs deliver."""

from __future__ import annotations

import attrs
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
        self.closed = False

    def append(self, batch: Batch) -> None:
        self.batches.append(batch)

    def add(self, producer: Producer) -> None:
        self.producers.append(producer)

    def remove(self, producer: Producer) -> None:
        if producer in self.producers:
            self.producers.remove(producer)

    @property
    def text(self) -> bytes:
        return b"".join(bytes(batch.block) for batch in self.batches)


@attrs.frozen
class Rules:
    """The settings of a listener."""

    line_rules: LineRules
    name: str | None = None
    log_connections: bool = False


def intake(sink: Sink, rules: LineRules | None = None, name: str = "") -> Intake:
    clock = Clock()
    clock.advance(1.5)
    settings = Rules(rules or LineRules(), name)
    return Intake("tcp:1234", settings, sink=sink, clock=clock, metrics=Metrics())  # type: ignore[arg-type]
