"""The daemon's side of a target: the counters and log messages of what the target's process reports.

The daemon logs when a target goes down, when it takes lines again, and when text is lost or sent again. It
logs each at most once a minute, because a target may repeat this for ever. Retries are only counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import attrs
from twisted.logger import Logger

from logsrv.kit.observe.metrics import Durations, Metrics, MetricsPart
from logsrv.kit.observe.rate_limited_log import RateLimitedLog
from logsrv.linelog.ship.reports import (
    AttemptFailed,
    GapFound,
    LagMeasured,
    LinesRefused,
    PlaceSaved,
    PositionReport,
    ReadersLack,
    RemovedInAll,
    SegmentLost,
    SegmentPassed,
    SegmentsReleased,
    ShipperStopped,
    ShipReport,
    StoreForgotten,
    TargetDown,
    TargetUp,
    TextAcknowledged,
    TextResent,
    Trouble,
    report_sentence,
)
from logsrv.linelog.ship.status import ShipLag
from logsrv.linelog.store.segment import Position

log = Logger()

LABELS = ("target", "rule")
"""The labels of the metrics of a target. rule: whose store is shipped; "" for the main store."""

ANSWERS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Buckets in seconds: a sync or a slow network takes 1 to 100 ms; a shipper waits for 30 s at most."""


_COUNTERS = (
    "ship_sent_bytes_total",
    "ship_sent_lines_total",
    "ship_refused_lines_total",
    "ship_resent_after_loss_total",
)
"""The counters that exist from the start: a rise can be seen only from an earlier value on.

The counters of gaps begin with the figures of the last process.
"""


@attrs.define(eq=False)
class TargetMonitor:
    """Counts and logs the reports about a target, between `register_metrics` and `remove_metrics`.

    rule: the name of the [[retention]] rule whose store is shipped; "" for the main store.
    position: the saved place, up to which the target has everything; None if unknown. released: the number
    of the first segment that the target, an archive, has not confirmed to have. up: whether it takes lines;
    None if unknown. clock: returns monotonic seconds.
    """

    name: str
    _metrics: Metrics
    _clock: Callable[[], float]
    rule: str = ""
    position: Position | None = attrs.field(init=False, default=None)
    released: int = attrs.field(init=False, default=0)
    up: bool | None = attrs.field(init=False, default=None)
    _lag: ShipLag = attrs.field(init=False, default=ShipLag(0, 0, 0.0))
    _since: float = attrs.field(init=False, default=0.0)
    # True if the log's last message says that the target is down.
    _down_logged: bool = attrs.field(init=False, default=False)
    # The bytes and lines that were removed before they were sent, in all. The lines of these that were gone
    # since the target took lines: 0 if their number is unknown, None if none were.
    _gone: tuple[int, int] = attrs.field(init=False, default=(0, 0))
    _missed: int | None = attrs.field(init=False, default=None)
    # The last promise in the log.
    _promise: str = attrs.field(init=False, default="")
    _answers: Durations = attrs.field(init=False, factory=lambda: Durations(ANSWERS))
    _part: MetricsPart | None = attrs.field(init=False, default=None)
    _limited_log: RateLimitedLog = attrs.Factory(
        lambda self: RateLimitedLog(self._clock), takes_self=True
    )

    def __attrs_post_init__(self) -> None:
        self._metrics.time("ship_acknowledged_seconds", self._answers, **self._labels)

    @property
    def _labels(self) -> dict[str, str]:
        return {"target": self.name, "rule": self.rule}

    @property
    def subject(self) -> str:
        """The target, and the store if it is not the main one, as the log names them."""
        return f"{self.name} (stores/{self.rule})" if self.rule else self.name

    def register_metrics(self) -> None:
        """Register its metrics."""
        if self._part is not None:
            return
        part = self._part = MetricsPart(self._metrics)
        part.watch("ship_up", lambda: bool(self.up), **self._labels)
        part.watch("ship_lag_bytes", lambda: self._lag.bytes, **self._labels)
        part.watch("ship_lag_lines", lambda: self._lag.lines, **self._labels)
        part.watch("ship_lag_seconds", lambda: self._lag.seconds, **self._labels)
        for name in _COUNTERS:
            part.count(name, 0, **self._labels)

    def remove_metrics(self) -> None:
        """Remove its metrics."""
        self.record_process_end()
        if self._part is not None:
            self._part.end()
            self._part = None

    def record_process_end(self) -> None:
        """Record that the target's process has ended, so that the target's state is unknown."""
        self.up = None
        self.released = 0
        self._down_logged = False

    def handle_report(self, report: ShipReport) -> None:
        """Count a report, and log it if an operator needs it."""
        if isinstance(report, PositionReport):
            self._follow_back(report.position)
        match report:
            case TextAcknowledged():
                self._count("ship_sent_bytes_total", report.bytes)
                self._count("ship_sent_lines_total", report.lines)
                self._answers.add(report.seconds)
                if self.up:
                    self._missed = None
            case SegmentPassed():
                pass
            case PlaceSaved():
                self.position = report.position
            case SegmentsReleased():
                self.released = report.until
            case LagMeasured():
                self._lag = ShipLag(report.bytes, report.lines, report.seconds)
            case AttemptFailed():
                self._count("ship_retries_total", reason=report.reason)
                if self.up is False:
                    self._log_down(report.why)
            case LinesRefused():
                self._count("ship_refused_lines_total", report.lines)
                self._log_rarely(log.warn, "refused" if report.lines else report.why, report.why)
            case GapFound():
                # Not left to `RemovedInAll`, which may come only after the target takes lines again.
                self._missed = max(self._missed or 0, report.lines)
                self._log_sentence(log.error, report_sentence(report))
            case RemovedInAll():
                self._count_removed(report)
            case TextResent():
                self._count("ship_resent_after_loss_total")
                self._log_rarely(log.error, "resent", report_sentence(report))
            case StoreForgotten():
                self._count("ship_resent_after_loss_total")
                self._log_rarely(log.error, "forgotten", report.why)
            case SegmentLost():
                self._log_sentence(log.error, report.why)
            case ReadersLack():
                self._log_lacking(report.lines)
            case TargetUp():
                self._record_up(report.promise)
            case TargetDown():
                self._record_down(report.why)
            case ShipperStopped():
                self.up = False
                self._log_sentence(log.error, report.why)
            case Trouble():
                self._log_rarely(log.warn, report.why, report.why)
            case _:
                assert_never(report)

    def _follow_back(self, position: Position) -> None:
        """Go back with the shipper: after a kill it sends from there again, so retention must keep that."""
        if self.position is not None and position < self.position:
            self.position = position

    def _count(self, name: str, amount: float = 1, **labels: str) -> None:
        self._metrics.count(name, amount, **self._labels, **labels)

    def _count_removed(self, report: RemovedInAll) -> None:
        # A counter must not fall, but the reported total may, for a short time: it includes lines that the
        # target has got, if only the target's answer was lost.
        before = self._gone
        self._gone = max(before[0], report.bytes), max(before[1], report.lines)
        self._count("ship_gap_bytes_total", self._gone[0] - before[0])
        self._count("ship_gap_lines_total", self._gone[1] - before[1])
        if report.missed is not None:
            self._missed = report.missed

    def _log_lacking(self, lines: str) -> None:
        if lines:
            why = f"a centre lacks lines of this store, which the stream had lost: {lines}"
            self._log_sentence(log.error, why)

    def _record_down(self, why: str) -> None:
        if self.up is not False:
            self._since = self._clock()
        self.up = False
        self._log_down(why)

    def _log_down(self, why: str) -> None:
        """Log once that the target takes nothing; at most once a minute if it goes up and down."""
        if not self._down_logged and self._limited_log.count_event("down") is not None:
            self._down_logged = True
            self._log_sentence(log.warn, f"it takes nothing, and lines wait in the store: {why}")

    def _record_up(self, promise: str) -> None:
        if self._down_logged:
            missed = f"{self._missed or 'some'} were removed before they were sent"
            if self._missed is None:
                missed = "none is lost"
            self._log_sentence(
                log.info,
                f"it takes lines again, after {self._clock() - self._since:.0f} s; {self._lag.lines} lines"
                f" wait for it, and {missed}",
            )
        # Log the promise: it may be known only now, or have changed because a stream was made again.
        if self.up is None or (
            promise != self._promise and self._limited_log.count_event("promise") is not None
        ):
            self._log_sentence(log.info, promise)
            self._promise = promise
        self.up, self._down_logged, self._missed = True, False, None

    def _log_rarely(self, how: Callable[..., object], subject: str, what: str) -> None:
        """Log a sentence, at most once a minute for each subject."""
        noted = self._limited_log.count_event(subject)
        if noted is not None:
            times = f" ({noted.number} times)" if noted.number > 1 else ""
            self._log_sentence(how, f"{what}{times}")

    def _log_sentence(self, how: Callable[..., object], what: str) -> None:
        how("ship {target}: {what}", target=self.subject, what=what)
