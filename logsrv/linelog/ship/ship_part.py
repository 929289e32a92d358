"""Shipping as a part of the line logger: what the service asks of it."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred

from logsrv.kit.observe.metrics import Metric, make_metrics
from logsrv.linelog.parts.work import PartContext, PartWork
from logsrv.linelog.ship.findings import findings_of_targets
from logsrv.linelog.ship.ship_settings import ShipOptions
from logsrv.linelog.ship.target_processes import TargetProcesses, saved_holds

if TYPE_CHECKING:
    from logsrv.kit.service.findings import CheckRequest, Finding

# The help text of each metric, by its name.
_GAUGES = {
    "ship_up": "1 while a target takes lines, else 0.",
    "ship_lag_bytes": "Bytes of lines that a target does not have.",
    "ship_lag_lines": "Lines that a target does not have; many are estimated from the first ones.",
    "ship_lag_seconds": "Age of the first line that a target does not have.",
}
_COUNTERS = {
    "ship_sent_bytes_total": (
        "Bytes of lines that a target has acknowledged, before they are compressed."
    ),
    "ship_sent_lines_total": "Lines that a target has acknowledged.",
    "ship_refused_lines_total": (
        "Lines that a target will never take; they are kept in DIR/ship/NAME.refused."
    ),
    "ship_gap_bytes_total": (
        "Bytes of lines that were removed from the store before they were sent; 1 if unknown."
    ),
    "ship_gap_lines_total": "Lines that were removed from the store before they were sent.",
    "ship_resent_after_loss_total": (
        "Times that a target had lost what it had acknowledged, and it was sent again."
    ),
}


class ShipPart(PartWork[ShipOptions]):
    """The shipping of a service."""

    metrics = (
        *make_metrics("gauge", _GAUGES, "target"),
        *make_metrics("counter", _COUNTERS, "target"),
        Metric(
            "ship_acknowledged_seconds",
            "histogram",
            "Time from sending a block, or a batch of lines, to its acknowledgement.",
            ("target",),
        ),
        Metric(
            "ship_retries_total",
            "counter",
            "Times that something was not taken and is tried again.",
            ("target", "reason"),
        ),
    )

    without_rule_stores = (
        "only the lines of the main store are shipped: those of [[retention]] rules stay here"
    )

    def __init__(self, context: PartContext, options: ShipOptions) -> None:
        super().__init__(context, options)
        self._processes = TargetProcesses(
            directory=context.directory,
            identity=context.identity,
            hold=context.hold,
            clock=context.clock,
            reactor=context.reactor,
            metrics=context.metrics,
        )

    def prepare(self, options: ShipOptions) -> None:
        self._processes.prepare_orders(options.targets)

    def before_store_opens(self, options: ShipOptions, directory: str) -> None:
        if options.targets:
            # Lines that a target lacks must not be removed before the targets report their places.
            self.context.hold(saved_holds(directory, options.targets))

    def apply(self, options: ShipOptions) -> None:
        self._processes.set_targets(options.targets)

    def left_out(self, options: ShipOptions) -> Sequence[str]:
        return [one.subject for one in options.targets if one.is_left_out]

    def processes(self, options: ShipOptions) -> Sequence[str]:
        return ["shippers"] if options.targets else []

    def findings(
        self, options: ShipOptions, asked: CheckRequest, now: datetime.datetime
    ) -> Iterable[Finding]:
        return findings_of_targets(options, asked, now)

    def stop(self) -> Deferred[None]:
        return self._processes.stop()
