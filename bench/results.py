"""The results of runs, and their medians and ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import median

import attrs

from bench.watch import Delays

Value = Callable[["Run"], float]


@attrs.define(frozen=True, slots=True)
class Run:
    """One server under one load. Round 0 is the warm-up, which no figure uses.

    sent, stored: lines. seconds: from the first send to the last growth of the file.
    sending: seconds until the last send. user, system: CPU seconds of the server.
    peak: memory in bytes. target: wanted datagrams per second, 0 for streams.
    dropped: datagrams that the kernel dropped at the server's socket, by its count.
    """

    case: str
    server: str
    round: int
    sent: int
    stored: int
    seconds: float
    sending: float
    user: float
    system: float
    peak: int
    target: int = 0
    dropped: int = 0
    delays: Delays = attrs.field(factory=Delays)

    @property
    def lost(self) -> int:
        """Return the number of lost lines; negative if the file has lines that were not sent."""
        return self.sent - self.stored

    @property
    def rate(self) -> float:
        """Return the lines stored per second."""
        return self.stored / self.seconds if self.seconds > 0 else 0.0

    @property
    def offered(self) -> float:
        """Return the lines actually sent per second."""
        return self.sent / self.sending if self.sending > 0 else 0.0

    @property
    def cpu_per_million(self) -> float:
        """Return the CPU seconds, user and system, per million lines stored."""
        return self.per_million(self.user + self.system)

    def per_million(self, seconds: float) -> float:
        return seconds / self.stored * 1e6 if self.stored else 0.0


@attrs.define(frozen=True, slots=True)
class IdleRun:
    """The memory of idle connections in one server: resident bytes before and with them."""

    case: str
    server: str
    round: int
    connections: int
    before: int
    after: int

    @property
    def each(self) -> float:
        """Return the bytes per connection."""
        return (self.after - self.before) / self.connections


@attrs.define(frozen=True, slots=True)
class Failure:
    """A run without a figure, and the reason."""

    case: str
    server: str
    round: int
    reason: str


Result = Run | IdleRun | Failure


class Figures:
    """Medians over all runs except the warm-up; None if there was no run."""

    def __init__(self, results: Iterable[Result]) -> None:
        self.results = [result for result in results if result.round > 0]

    def runs(self, case: str, server: str, target: int = 0) -> list[Run]:
        return [
            run
            for run in self.results
            if isinstance(run, Run) and (run.case, run.server, run.target) == (case, server, target)
        ]

    def median(self, case: str, server: str, value: Value, target: int = 0) -> float | None:
        values = [value(run) for run in self.runs(case, server, target)]
        return median(values) if values else None

    def ratio(self, case: str, server: str, other: str, value: Value) -> float | None:
        """Return the median of the ratios within each round."""
        others = {run.round: value(run) for run in self.runs(case, other)}
        ratios = [
            value(run) / others[run.round]
            for run in self.runs(case, server)
            if others.get(run.round)
        ]
        return median(ratios) if ratios else None

    def lost(self, case: str, server: str) -> int:
        """Return the number of lines lost or doubled, over all runs of all targets."""
        return sum(
            abs(run.lost)
            for run in self.results
            if isinstance(run, Run) and (run.case, run.server) == (case, server)
        )

    def delays(self, case: str, server: str) -> Delays:
        """Return the delays of all runs together."""
        found = [delay for run in self.runs(case, server) for delay in run.delays.seconds]
        return Delays(tuple(sorted(found)))

    def loss_free(self, case: str, server: str) -> float | None:
        """Return the highest rate without loss at it or at any lower rate, in datagrams per second.

        It is the rate actually sent, the median over the rounds.
        """
        rounds: dict[int, list[Run]] = {}
        for run in self.results:
            if isinstance(run, Run) and (run.case, run.server) == (case, server):
                rounds.setdefault(run.round, []).append(run)
        best = []
        for runs in rounds.values():
            highest = 0.0
            for run in sorted(runs, key=lambda run: run.target):
                if run.lost != 0:
                    break
                highest = run.offered
            best.append(highest)
        return median(best) if best else None

    def idle(self, case: str, server: str) -> float | None:
        """Return the bytes per idle connection."""
        values = [
            run.each
            for run in self.results
            if isinstance(run, IdleRun) and (run.case, run.server) == (case, server)
        ]
        return median(values) if values else None
