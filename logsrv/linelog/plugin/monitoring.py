"""The metrics of the line logger, besides those of the kit, and its health, as monitoring asks for them.

/metrics answers with the first, /healthz with the second: whether received lines are kept as promised. The
parts of the line logger have metrics of their own, see `logsrv.linelog.parts`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from twisted.logger import Logger

import logsrv
from logsrv.kit.observe.metrics import Metric, make_metrics
from logsrv.kit.text.words import listed, shown
from logsrv.linelog.store.store import Store
from logsrv.reactor import Timer

log = Logger()

# The help text of each metric, by its name.
OF_LISTENERS = {
    "received_lines_total": (
        "Lines received and not dropped; a line that is split because of --max-line counts as several"
        " lines."
    ),
    "records_as_text_total": (
        "Records stored as text, because they are too long, or not in the expected format."
    ),
    "masked_total": "Texts in lines that --mask has replaced by (masked).",
    "requests_deferred_total": "Requests answered with 503, which the senders have to send again.",
    "blocks_received_total": "Blocks of other stores that this server has stored on the disk.",
    "blocks_after_gap_total": (
        "Blocks after a gap: earlier lines of the same store will never arrive at this server."
    ),
    "blocks_forgotten_total": "Blocks received again after their lines were stored.",
}
GAUGES = {
    "origins": "Other stores from which this server has stored blocks.",
    "pending_bytes": "Bytes received, but not yet written to the store.",
    "store_stalled": "1 while the store cannot write, else 0.",
    "store_segments": "Segments of the store, with the active segment.",
    "store_bytes": "Bytes of all segments and their indexes on the disk.",
    "store_waiting_segments": "Segments that wait to be compressed, or are being compressed.",
    "store_waiting_bytes": "Bytes of the segments that wait to be compressed, or are being compressed.",
    "columns_waiting_segments": "Sealed segments that wait for their columns.",
    "bodies_waiting": "Bodies of requests that wait for a worker process.",
    "senders_paused": "1 while senders wait for the store, else 0.",
}
COUNTERS = {
    "stored_lines_total": "Lines written to the store.",
    "stored_bytes_total": "Bytes written to the store, with TIME and SOURCE of each line.",
    "store_lost_bytes_total": "Bytes that could not be written before the service stopped.",
    "store_lost_lines_total": "Lines that could not be written before the service stopped.",
    "store_errors_total": "Writes and syncs that failed.",
    "store_syncs_total": "Times that the active segment was synced to the disk.",
    "segments_sealed_total": "Segments compressed.",
    "segments_removed_total": "Segments removed by retention.",
}
DURATIONS = {
    "write_seconds": "Time that writing a group of lines took.",
    "sync_seconds": "Time that syncing lines to the disk took.",
    "seal_seconds": "Time that compressing a segment took.",
    "columns_seconds": "Time that making the columns of a segment took.",
}

METRICS = (
    *make_metrics("counter", OF_LISTENERS, "listener"),
    Metric(
        "dropped_lines_total",
        "counter",
        "Lines that are not stored, because --drop says so.",
        ("listener", "reason"),
    ),
    Metric(
        "records_refused_total",
        "counter",
        "Records that are not stored, and invalid data that a peer sent instead of a record.",
        ("listener", "reason"),
    ),
    *make_metrics("gauge", GAUGES),
    *make_metrics("counter", COUNTERS),
    Metric(
        "store_trouble",
        "gauge",
        "1 while the store fails to do this: write, sync, rotate, seal, or remove; else 0.",
        ("kind",),
    ),
    Metric(
        "rule_store_bytes",
        "gauge",
        "Bytes of the store of a [[retention]] rule on the disk; store_bytes is the sum of all stores.",
        ("rule",),
    ),
    *make_metrics("histogram", DURATIONS),
)

# A store is unhealthy if a write, a sync or the pausing of all senders lasts for more seconds. A sync takes
# some seconds on a loaded disk, and never ends on a broken one.
PATIENCE = 30.0

# /healthz needs no login, so no sentence names a path of this machine.
FAILS = {
    "write": "the store cannot write: {why}",
    "sync": "the store cannot be synced: {why}",
    "rotate": "current.log cannot be rotated; the log says why",
    "seal": "a segment cannot be compressed: {why}",
    "remove": "old segments cannot be removed: {why}",
}
TAKES_LONG = {"write": "a write to the disk", "sync": "a sync of the disk"}
HANGS = "{what} has not returned for {seconds:.0f} s; lines are kept, and wait: look at the disk (dmesg)"


def unhealthy_reasons(store: Store, patience: float = PATIENCE) -> list[str]:
    """Return why received lines are not kept, in sentences that anybody may read; [] if all is well.

    Cheap, and never blocks. patience: seconds that a write, a sync or the pausing of all senders may last.
    """
    if not store.accepts:
        return ["the store is closed"]
    reasons = [FAILS[kind].format(why=why) for kind, why in store.troubles().items()]
    for kind, seconds in store.under_way().items():
        if seconds > patience:
            reasons.append(f"{TAKES_LONG[kind]} has not returned for {seconds:.0f} s")
    paused = store.valve.closed_for()
    if paused > patience:
        reasons.append(
            f"senders have been paused for {paused:.0f} s, {store.pending} bytes are waiting to be written"
        )
    return reasons


class HangLog:
    """Logs the hangs of a disk: a line when one lasts longer than PATIENCE, and one when it is over."""

    def __init__(self, store: Store, clock: Any) -> None:
        self._store, self._lasted = store, 0.0
        # A name of a store has no braces, so it may stand in a format.
        self._begin = f"{store.name}: " if store.name else ""
        self.next = Timer(clock)

    def log_hangs_periodically(self) -> None:
        """Check the writes and syncs under way, now and every second."""
        self.next.start(1.0, self.log_hangs_periodically)
        seconds, kind = max((seconds, kind) for kind, seconds in self._store.under_way().items())
        hangs = seconds > PATIENCE
        if hangs and not self._lasted:
            log.error(self._begin + HANGS, what=TAKES_LONG[kind], seconds=seconds)
        elif self._lasted and not hangs:
            log.info(
                self._begin + "the disk works again, after {seconds:.0f} s", seconds=self._lasted
            )
        self._lasted = seconds if hangs else 0.0


def log_interpreter_fault(needed_by: Sequence[str]) -> None:
    """Log an error if the user of this process may not run this Python or read logsrv.

    The service itself was started before it became that user. needed_by: the features that start
    processes; empty if there are none.
    """
    if not needed_by:
        return
    for path, mode, what in (
        (sys.executable, os.X_OK, "execute"),
        (logsrv.__file__, os.R_OK, "read"),
    ):
        if not os.access(path, mode, effective_ids=True):
            log.error(
                "user {user} may not {what} {path}, so no process of this service can start: lines are "
                "stored, but there are no {needed}; install Python and logsrv where that user may",
                user=os.geteuid(),
                what=what,
                path=shown(path),
                needed=listed(needed_by),
            )
            return
