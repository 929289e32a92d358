"""The health of a store: whether received lines are kept as promised. /healthz answers with this."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from logsrv.linelog.store.store import Store
from logsrv.timer import Timer

log = Logger()

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
        self.next = Timer(clock)

    def log_hangs_periodically(self) -> None:
        """Check the writes and syncs under way, now and every second."""
        self.next.start(1.0, self.log_hangs_periodically)
        seconds, kind = max((seconds, kind) for kind, seconds in self._store.under_way().items())
        hangs = seconds > PATIENCE
        if hangs and not self._lasted:
            log.error(HANGS, what=TAKES_LONG[kind], seconds=seconds)
        elif self._lasted and not hangs:
            log.info("the disk goes on, after {seconds:.0f} s", seconds=self._lasted)
        self._lasted = seconds if hangs else 0.0
