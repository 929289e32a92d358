"""The process of a target: `python -m logsrv.linelog.ship.ship_child`, started by the daemon."""

from __future__ import annotations

import random
import sys
from contextlib import suppress
from functools import partial
from typing import Any

import attrs
from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from logsrv.errors import LogsrvError, StoreError
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.parts.reader_child import DaemonConnection, run_reader_process
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.address import BEGINNING
from logsrv.linelog.ship.block_sender import BlockSender
from logsrv.linelog.ship.line_sender import LineSender
from logsrv.linelog.ship.orders import ShipOrders, decode_orders
from logsrv.linelog.ship.progress import Progress
from logsrv.linelog.ship.reports import (
    FaultReport,
    LagMeasured,
    ReadersLack,
    RemovedInAll,
    ShipperStopped,
    ShipReport,
    TargetDown,
    TargetUp,
    Trouble,
    encode_report,
    report_sentence,
)
from logsrv.linelog.ship.segment_sender import SegmentSender
from logsrv.linelog.ship.send_loop import SendLoop, SendSteps
from logsrv.linelog.ship.ship_place import ShipPlace
from logsrv.linelog.ship.status import LagMeter, TargetState, save_state
from logsrv.linelog.ship.targets.target_plugin import make_target
from logsrv.linelog.store import identity
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.segment import Position
from logsrv.memory import keep_freed_memory
from logsrv.reactor import time_of_day

LOOK = 1.0
"""Seconds between two measurements of the target's lag."""


class ShipperProcess:
    """The work of a target's process: a target and a loop that sends to it, as the daemon orders."""

    _send_loop: SendLoop

    def __init__(self, daemon: DaemonConnection, reactor: Any) -> None:
        self._daemon = daemon
        self._reactor = reactor
        self._state = self._noted = TargetState()
        self._looking = LoopingCall(self._report_lag)
        self._looking.clock = reactor

    def lock(self, line: bytes) -> bool:
        # The send loop itself locks its place, and waits for that lock.
        return True

    def start(self, line: bytes) -> None:
        orders = decode_orders(line)
        url = orders.target.url.loggable_url
        self._kept = ShipPlace(
            orders.directory, orders.name, target=url, clock=partial(time_of_day, self._reactor)
        )
        try:
            self._view = View(orders.directory, self._report_trouble)
            self._send_loop = self._make_send_loop(orders)
        except LogsrvError as error:
            self._update_state(ShipperStopped(str(error)))
            raise
        self._meter = LagMeter(self._view)
        self.change(line)
        self._send_loop.start().addErrback(self._daemon.end_after_failure)
        self._looking.start(LOOK, now=False).addErrback(self._daemon.end_after_failure)

    def _make_send_loop(self, orders: ShipOrders) -> SendLoop:
        settings = orders.target
        self._only_sealed = settings.url.takes == "segments"
        progress = Progress(
            view=self._view,
            kept=self._kept,
            store=orders.store,
            ship_from=_start_for_new_target(orders),
            clock=self._reactor,
            report=self._report,
        )
        target: Any = make_target(settings, self._reactor)
        sender: SendSteps
        if settings.url.takes == "blocks":
            sender = BlockSender(target, progress)
        elif settings.url.takes == "segments":
            disk = Disk().open_directory(orders.directory)
            lake = settings.url.text if settings.url.plugin.rewrite else ""
            sender = SegmentSender(target, progress, disk, lake)
        else:
            sender = LineSender(target, progress, orders.query)
        return SendLoop(sender, progress, random.random)

    def change(self, line: bytes) -> None:
        # A target with other settings gets another process.
        if isinstance(self._send_loop.sender, SegmentSender):
            self._send_loop.sender.due = decode_orders(line).due

    def finish(self) -> Deferred[None]:
        if self._looking.running:
            self._looking.stop()
        return self._send_loop.stop().addCallback(lambda _: self._save_end())

    def _report_trouble(self, why: str) -> None:
        self._report(Trouble(why))

    def _report(self, report: ShipReport) -> None:
        self._daemon.report(encode_report(report))
        self._update_state(report)

    def _update_state(self, report: ShipReport) -> None:
        """Save the target's state for other processes, if a report has changed it."""
        if isinstance(report, FaultReport):
            why = report_sentence(report)
            self._state = attrs.evolve(self._state, error=why, failed=self._now())
        match report:
            case TargetUp():
                self._state = attrs.evolve(self._state, up=True, since=self._now())
            case TargetDown() | ShipperStopped():
                self._state = attrs.evolve(self._state, up=False, since=self._now())
            case ReadersLack():
                self._state = attrs.evolve(self._state, missing=report.lines)
        self._save_state()

    def _save_end(self) -> None:
        """Save that it is unknown from now on whether the target takes lines."""
        self._state = attrs.evolve(self._state, up=None, since=self._now())
        self._save_state()

    def _now(self) -> str:
        return rfc3339(time_of_day(self._reactor))

    def _save_state(self) -> None:
        if self._state != self._noted:
            try:
                save_state(self._kept.folder.disk, self._kept.name, self._state)
                self._noted = self._state
            except OSError as error:
                trouble = Trouble(f"its state cannot be written: {reason(error)}")
                self._daemon.report(encode_report(trouble))

    def _report_lag(self) -> None:
        progress = self._send_loop.progress
        if not progress.is_known:
            return
        position = progress.position
        try:
            lag = self._meter.measure(
                position, time_of_day(self._reactor), only_sealed=self._only_sealed
            )
            missing = self._send_loop.sender.missing_after_place()
        except (OSError, StoreError) as error:
            self._report_trouble(f"the lag cannot be measured: {reason(error)}")
            return
        gone = self._kept.gone.plus(missing)
        self._report(RemovedInAll(gone.bytes, gone.lines, missing.lines if missing else None))
        self._report(LagMeasured(position, *lag))


def _start_for_new_target(orders: ShipOrders) -> str:
    """Return the position at which a new target begins. `beginning` is the first segment when it was added.

    So text that was removed after that counts as a gap. But text from before the store got a new identity
    is not sent.
    """
    if orders.ship_from != BEGINNING:
        return orders.ship_from
    first = Position(orders.begin, 0)
    with Disk().open_directory(orders.directory) as disk, suppress(ValueError):
        found = identity.load(disk)
        if found is not None:
            first = max(first, found.began)
    return str(first)


if __name__ == "__main__":
    keep_freed_memory(together=True)
    sys.exit(run_reader_process(ShipperProcess))
