"""The state of targets as others see it: files beside the kept places, for a daemon that runs or not.

    DIR/ship/targets.json    the names of the targets there are, as the daemon has them
    DIR/ship/NAME.json       whether a target takes lines, since when, and what went wrong last

They are written over when something changes, and not synced: a power cut takes them, and no place. The
lag is measured anew by whoever asks.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import attrs
from attrs.validators import instance_of

from logsrv.descriptor import Descriptor
from logsrv.linelog.cursors import place
from logsrv.linelog.cursors.folder import LOCK_SUFFIX
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.address import NAME, SCHEMES
from logsrv.linelog.ship.cutting.store_places import gone_from
from logsrv.linelog.ship.shipping.lag import LagMeter, ShipLag
from logsrv.linelog.ship.shipping.ship_place import FOLDER, gone_before
from logsrv.linelog.store.segments.disk import Disk, reason
from logsrv.linelog.store.segments.removed import Missing
from logsrv.linelog.store.segments.segment import Position

SUFFIX = ".json"
TARGETS = "targets" + SUFFIX
_LONGEST = 1 << 16


@attrs.frozen
class TargetState:
    """The state of a target. Times are TIMEs of the store.

    up: it takes lines; None: nobody knows yet. since: when that began. error: the last sentence about what
    went wrong. failed: when that was.
    """

    up: bool | None = attrs.field(default=None, validator=instance_of(bool | None))
    since: str = attrs.field(default="", validator=instance_of(str))
    error: str = attrs.field(default="", validator=instance_of(str))
    failed: str = attrs.field(default="", validator=instance_of(str))


@attrs.frozen(kw_only=True)
class TargetStatus:
    """A target as `logsrv ship --status` shows it.

    wanted: the daemon had it among its targets when it looked last. running: a process ships to it.
    position, lag, gone: None if no place is kept. saved: when the place was. gone: what was removed before
    it was sent.
    """

    name: str
    target: str = ""
    wanted: bool
    running: bool
    state: TargetState
    position: Position | None = None
    saved: str = ""
    lag: ShipLag | None = None
    gone: Missing | None = None

    @property
    def up(self) -> bool:
        """True if the target takes lines now."""
        return self.running and bool(self.state.up)


def save_state(disk: Disk, name: str, state: TargetState) -> None:
    """Let others see the state of a target. Raises OSError."""
    disk.replace(name + SUFFIX, json.dumps(attrs.asdict(state)).encode() + b"\n", sync=False)


def save_targets(disk: Disk, begins: Mapping[str, int]) -> None:
    """Let others see which targets there are, and a later server at which segment each began.

    Raises OSError.
    """
    found = {"targets": list(begins), "begins": dict(begins)}
    disk.replace(TARGETS, json.dumps(found).encode() + b"\n", sync=False)


def saved_begin(disk: Disk, name: str) -> int | None:
    """Return the segment at which a target began; None if no server has saved it."""
    begins = _read(disk, TARGETS).get("begins")
    begin = begins.get(name) if isinstance(begins, dict) else None
    return begin if isinstance(begin, int) else None


def statuses(directory: str, view: View, now: float) -> list[TargetStatus]:
    """Return the state of all targets of a store; `now` is the time of day.

    Raises OSError and StoreError.
    """
    try:
        disk = Disk().enter(os.path.join(directory, FOLDER))
    except FileNotFoundError:
        return []
    with disk:
        meter = LagMeter(view)
        return [_status(disk, name, wanted, view, meter, now) for name, wanted in _names(disk)]


def _names(disk: Disk) -> Iterator[tuple[str, bool]]:
    """Yield the names of the targets, and whether they are wanted; those that are not come last."""
    try:
        wanted = list(dict.fromkeys(filter(_is_name, _read(disk, TARGETS)["targets"])))
    except (KeyError, TypeError):
        wanted = []
    kept = {name for name, plain in disk.entries().items() if plain and _is_name(name)}
    yield from ((name, True) for name in wanted)
    yield from ((name, False) for name in sorted(kept - set(wanted)))


def _is_name(name: object) -> bool:
    """Return whether a target may have it: what a file says is not to lead to others."""
    return isinstance(name, str) and NAME.fullmatch(name) is not None


def _status(
    disk: Disk, name: str, wanted: bool, view: View, meter: LagMeter, now: float
) -> TargetStatus:
    try:
        state = TargetState(**_read(disk, name + SUFFIX))
    except (TypeError, ValueError):
        state = TargetState()
    status = TargetStatus(name=name, wanted=wanted, running=_is_locked(disk, name), state=state)
    try:
        kept = place.load(disk, name)
        before = Missing() if kept is None else gone_before(kept)
    except (IndexError, OSError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, ValueError) else f"its place: {reason(error)}"
        return attrs.evolve(status, state=attrs.evolve(state, error=why))
    if kept is None:
        return status
    target = str(kept.note.get("target", ""))
    scheme = SCHEMES.get(target.partition(":")[0])
    return attrs.evolve(
        status,
        target=target,
        position=kept.position,
        saved=kept.saved,
        lag=meter.measure(
            kept.position, now, sealed=scheme is not None and scheme.takes == "segments"
        ),
        gone=before.and_(gone_from(view, kept.position)),
    )


def _read(disk: Disk, name: str) -> dict[str, Any]:
    """Return an object of a file; an empty one if there is none that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(disk.read(name, _LONGEST))
        if isinstance(found, dict):
            return found
    return {}


def _is_locked(disk: Disk, name: str) -> bool:
    """Return whether a process has the place of a target. Asking holds the lock for a moment."""
    try:
        with Descriptor(disk.open(name + LOCK_SUFFIX, os.O_RDONLY)) as fd:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False
