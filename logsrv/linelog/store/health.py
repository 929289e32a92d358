"""The state of the line logger, for whoever watches over it: /healthz and /readyz answer with this.

Healthy means that what is received is kept as promised: a restart or an operator is wanted otherwise.
Ready means that senders are let in.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from logsrv.linelog.store.store import Store

# Seconds: a disk under load lets a sync wait for some, and one that is broken for ever.
PATIENCE = 30.0

# Nobody has to log in for /healthz: no path of this machine stands in a sentence.
FAILS = {
    "write": "the store cannot write: {why}",
    "sync": "the store cannot be synced: {why}",
    "rotate": "current.log cannot be rotated; the log says why",
    "seal": "a segment cannot be compressed: {why}",
    "remove": "old segments cannot be removed: {why}",
}
TAKES_LONG = {"write": "a write to the disk", "sync": "a sync of the disk"}


class Verdict(NamedTuple):
    """An answer, and the reasons if it is no: sentences for an operator, who may be anybody."""

    good: bool
    reasons: list[str]


class StoreService(Protocol):
    """The service, as far as its state can be seen here."""

    store: Store

    def unready(self) -> list[str]: ...


def healthy(service: StoreService, patience: float = PATIENCE) -> Verdict:
    """Judge whether what is received is kept; cheap, and never blocks.

    patience: seconds that a write, a sync or the pausing of all senders may last.
    """
    store = service.store
    if not store.accepts:
        return _verdict(["the store is closed"])
    reasons = [FAILS[kind].format(why=why) for kind, why in store.troubles().items()]
    for kind, seconds in store.under_way().items():
        if seconds > patience:
            reasons.append(f"{TAKES_LONG[kind]} has not returned for {seconds:.0f} s")
    paused = store.valve.closed_for()
    if paused > patience:
        reasons.append(
            f"senders have been paused for {paused:.0f} s, {store.pending} bytes are waiting to be written"
        )
    return _verdict(reasons)


def ready(service: StoreService) -> Verdict:
    """Judge whether senders are let in: every listener is open, the store too, and nothing is stopping."""
    return _verdict(service.unready())


def _verdict(reasons: list[str]) -> Verdict:
    return Verdict(not reasons, reasons)
