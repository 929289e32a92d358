"""Shipping as a part of the line logger: what the service asks of it.

Each store of a `[[retention]]` rule is shipped as the main store is: by processes of its own, with its own
identity and places. So to a target it is a further store of this machine.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from twisted.internet.defer import Deferred, gatherResults

from logsrv.kit.observe.metrics import Metric, make_metrics
from logsrv.linelog.parts.work import PartContext, PartWork, StoreContext
from logsrv.linelog.ship.findings import findings_of_targets
from logsrv.linelog.ship.ship_settings import ShipOptions
from logsrv.linelog.ship.target_monitor import LABELS
from logsrv.linelog.ship.target_processes import (
    TargetOrders,
    TargetProcesses,
    saved_holds,
    targets_of_rule_store,
)
from logsrv.linelog.store.policy import Hold

if TYPE_CHECKING:
    from logsrv.kit.service.findings import CheckRequest, Finding

# The help text of each metric, by its name.
_GAUGES = {
    "ship_up": "1 while a target accepts lines, else 0.",
    "ship_lag_bytes": "Bytes of the lines that a target does not have yet.",
    "ship_lag_lines": "Lines that a target does not have yet; a large number is estimated.",
    "ship_lag_seconds": "Age of the oldest line that a target does not have yet.",
}
_COUNTERS = {
    "ship_sent_bytes_total": (
        "Bytes of lines that a target has acknowledged, counted before compression."
    ),
    "ship_sent_lines_total": "Lines that a target has acknowledged.",
    "ship_refused_lines_total": (
        "Lines that a target refused for good; DIR/ship/NAME.refused has these lines."
    ),
    "ship_gap_bytes_total": (
        "Bytes of lines that were removed from the store before they were sent; 1 if unknown."
    ),
    "ship_gap_lines_total": "Lines that were removed from the store before they were sent.",
    "ship_resent_after_loss_total": (
        "Times that lines were sent again, because a target had acknowledged and then lost them."
    ),
}


class ShipPart(PartWork[ShipOptions]):
    """The shipping of a service."""

    metrics = (
        *make_metrics("gauge", _GAUGES, *LABELS),
        *make_metrics("counter", _COUNTERS, *LABELS),
        Metric(
            "ship_acknowledged_seconds",
            "histogram",
            "Time from sending a block, or a batch of lines, to its acknowledgement.",
            LABELS,
        ),
        Metric(
            "ship_retries_total",
            "counter",
            "Times that a target did not accept lines, which are then sent again.",
            (*LABELS, "reason"),
        ),
    )
    reads_rule_stores = True

    def __init__(self, context: PartContext, options: ShipOptions) -> None:
        super().__init__(context, options)
        self._orders = TargetOrders()
        # Those of each store, by the name of its rule; "" for the main store.
        self._processes = {"": self._make_processes(context)}

    def _make_processes(self, store: StoreContext) -> TargetProcesses:
        return TargetProcesses(
            directory=store.directory,
            identity=store.identity,
            hold=store.hold,
            clock=self.context.clock,
            reactor=self.context.reactor,
            metrics=self.context.metrics,
            orders=self._orders,
            rule=store.rule,
            main_identity=self.context.identity,
        )

    def prepare(self, options: ShipOptions) -> None:
        self._orders.prepare(options.targets)

    def before_store_opens(self, options: ShipOptions, directory: str) -> None:
        if options.targets:
            # Lines that a target lacks must not be removed before the targets report their places.
            self.context.hold(saved_holds(directory, options.targets))

    def holds_of_rule_store(self, options: ShipOptions, directory: str) -> Sequence[Hold]:
        return saved_holds(directory, targets_of_rule_store(options.targets))

    def apply(self, options: ShipOptions) -> None:
        self._processes[""].set_targets(options.targets)
        for store in self.context.rule_stores():
            # The store of a removed rule stays open, and goes on being shipped.
            if store.rule not in self._processes:
                self._processes[store.rule] = self._make_processes(store)
            self._processes[store.rule].set_targets(targets_of_rule_store(options.targets))

    def left_out(self, options: ShipOptions) -> Sequence[str]:
        return [one.subject for one in options.targets if one.is_left_out]

    def processes(self, options: ShipOptions) -> Sequence[str]:
        return ["shippers"] if options.targets else []

    def findings(
        self, options: ShipOptions, asked: CheckRequest, now: datetime.datetime
    ) -> Iterable[Finding]:
        return findings_of_targets(options, asked, now)

    def stop(self) -> Deferred[None]:
        stopping = [one.stop() for one in self._processes.values()]
        return gatherResults(stopping).addCallback(lambda _: None)
