"""The alert process: `python -m logsrv.linelog.alerts.alert_child`, started by the daemon."""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred

from logsrv.clock import Clock
from logsrv.linelog.alerts.alert_places import AlertPlaces
from logsrv.linelog.alerts.delivery import make_deliver
from logsrv.linelog.alerts.reports import AlertReport, encode_message, orders_from_line
from logsrv.linelog.alerts.watcher import Watcher
from logsrv.linelog.cursors.reader_child import DaemonConnection, run_reader_process
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import reason


class AlertWork:
    """The work of the alert process: it watches a store for all its alerts."""

    _kept: AlertPlaces | None = None
    _watcher: Watcher

    def __init__(self, daemon: DaemonConnection, reactor: Any, *, clock: Clock) -> None:
        self._daemon = daemon
        self._clock = clock
        self._reactor = reactor

    def lock(self, line: bytes) -> bool:
        if self._kept is None:
            orders = orders_from_line(line)
            self._kept = AlertPlaces(orders.directory, orders.store, self._clock)
        try:
            return self._kept.folder.lock()
        except OSError as error:
            self._report_trouble(f"the places of alerts cannot be saved: {reason(error)}")
            return True

    def start(self, line: bytes) -> None:
        orders = orders_from_line(line)
        assert self._kept is not None
        self._watcher = Watcher(
            view=View(orders.directory, self._report_trouble),
            kept=self._kept,
            deliver=make_deliver(self._reactor),
            clock=self._reactor,
            report=self._send_report,
            failed=self._daemon.end_after_failure,
        )
        self._watcher.start(orders.tasks)

    def change(self, line: bytes) -> None:
        self._watcher.replace_tasks(orders_from_line(line).tasks)

    def finish(self) -> Deferred[None]:
        return self._watcher.finish()

    def _report_trouble(self, why: str) -> None:
        self._send_report(AlertReport("trouble", why=why))

    def _send_report(self, report: AlertReport) -> None:
        self._daemon.report(encode_message(report))


if __name__ == "__main__":
    sys.exit(run_reader_process(partial(AlertWork, clock=Clock())))
