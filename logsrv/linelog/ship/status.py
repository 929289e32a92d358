"""The state of targets for other processes, in files beside the saved places; no daemon has to run.

    DIR/ship/targets.json    the names of the daemon's targets
    DIR/ship/NAME.json       whether a target takes lines, since when, and its last fault

These files are rewritten at a change, without a sync: a power cut may lose them, but never a place. Each
reader measures the lag itself.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

import attrs
from attrs.validators import instance_of

from logsrv.descriptor import Descriptor
from logsrv.kit.text.time import parse_rfc3339
from logsrv.linelog.read.texts import DamagedSegment, SegmentFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.address import NAME, PLUGINS
from logsrv.linelog.ship.ship_place import FOLDER, counted_gaps, counted_to
from logsrv.linelog.ship.store_positions import missing_after
from logsrv.linelog.store import place
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.place import LOCK_SUFFIX
from logsrv.linelog.store.segment import Form, Position
from logsrv.linelog.store.times import time_of

SUFFIX = ".json"
TARGETS = "targets" + SUFFIX
_LONGEST = 1 << 16


@attrs.frozen
class TargetState:
    """The state of a target. Times have the form of the store's TIME; "" if there is none.

    up: whether it takes lines; None if unknown. since: the time of the last change of `up`. error: a
    sentence about the last fault. failed: the time of that fault. missing: the lines that readers of the
    target have passed over.
    """

    up: bool | None = attrs.field(default=None, validator=instance_of(bool | None))
    since: str = attrs.field(default="", validator=instance_of(str))
    error: str = attrs.field(default="", validator=instance_of(str))
    failed: str = attrs.field(default="", validator=instance_of(str))
    missing: str = attrs.field(default="", validator=instance_of(str))


@attrs.frozen(kw_only=True)
class TargetStatus:
    """A target as `logsrv ship --status` shows it.

    wanted: whether the daemon had it among its targets when it last wrote their names. running: whether a
    process ships to it. position, lag, gone: None if no place is saved. saved: the time at which the place
    was saved. gone: the amount of text that was removed before it was sent.
    """

    name: str
    target: str = ""
    wanted: bool
    running: bool
    state: TargetState
    position: Position | None = None
    saved: str = ""
    lag: ShipLag | None = None
    gone: MissingText | None = None

    @property
    def up(self) -> bool:
        """True if the target takes lines now."""
        return self.running and bool(self.state.up)


def save_state(disk: Disk, name: str, state: TargetState) -> None:
    """Save the state of a target for other processes. Raises OSError."""
    disk.replace(name + SUFFIX, json.dumps(attrs.asdict(state)).encode() + b"\n", sync=False)


def save_target_names(disk: Disk, begins: Mapping[str, int]) -> None:
    """Save the names of the targets, and for a later server the first segment when each was added.

    Raises OSError.
    """
    found = {"targets": list(begins), "begins": dict(begins)}
    disk.replace(TARGETS, json.dumps(found).encode() + b"\n", sync=False)


def saved_first_segment(disk: Disk, name: str) -> int | None:
    """Return the number of the store's first segment when a target was added; None if none was saved."""
    begins = _read_json(disk, TARGETS).get("begins")
    begin = begins.get(name) if isinstance(begins, dict) else None
    return begin if isinstance(begin, int) else None


def target_statuses(directory: str, view: View, now: float) -> list[TargetStatus]:
    """Return the state of all targets of a store. now: seconds since 1970.

    Raises OSError and StoreError.
    """
    try:
        disk = Disk().open_directory(os.path.join(directory, FOLDER))
    except FileNotFoundError:
        return []
    with disk:
        meter = LagMeter(view)
        return [
            _target_status(disk, name, wanted, view, meter, now)
            for name, wanted in _names_and_wanted(disk)
        ]


def _names_and_wanted(disk: Disk) -> Iterator[tuple[str, bool]]:
    """Yield the name of each target, and whether it is wanted; unwanted targets come last."""
    try:
        wanted = list(dict.fromkeys(filter(_is_target_name, _read_json(disk, TARGETS)["targets"])))
    except (KeyError, TypeError):
        wanted = []
    kept = {name for name, plain in disk.entries().items() if plain and _is_target_name(name)}
    yield from ((name, True) for name in wanted)
    yield from ((name, False) for name in sorted(kept - set(wanted)))


def _is_target_name(name: object) -> bool:
    """Return whether a target may have this name; a name in a file must not lead to another file."""
    return isinstance(name, str) and NAME.fullmatch(name) is not None


def _target_status(
    disk: Disk, name: str, wanted: bool, view: View, meter: LagMeter, now: float
) -> TargetStatus:
    try:
        state = TargetState(**_read_json(disk, name + SUFFIX))
    except (TypeError, ValueError):
        state = TargetState()
    status = TargetStatus(name=name, wanted=wanted, running=_is_locked(disk, name), state=state)
    try:
        kept = place.load(disk, name)
        gone, gaps = (MissingText(), []) if kept is None else counted_gaps(kept)
    except (IndexError, OSError, TypeError, ValueError) as error:
        why = str(error) if isinstance(error, ValueError) else f"its place: {reason(error)}"
        return attrs.evolve(status, state=attrs.evolve(state, error=why))
    if kept is None:
        return status
    target = str(kept.note.get("target", ""))
    plugin = PLUGINS.with_scheme(target.partition(":")[0])
    return attrs.evolve(
        status,
        target=target,
        position=kept.position,
        saved=kept.saved,
        lag=meter.measure(
            kept.position, now, only_sealed=plugin is not None and plugin.takes == "segments"
        ),
        gone=gone.plus(missing_after(view, max(kept.position, counted_to(gaps)))),
    )


def _read_json(disk: Disk, name: str) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one if there is none, or it cannot be read."""
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(disk.read(name, _LONGEST))
        if isinstance(found, dict):
            return found
    return {}


def _is_locked(disk: Disk, name: str) -> bool:
    """Return whether a process has locked the place of a target. This takes the lock for a short time."""
    try:
        with Descriptor(disk.open(name + LOCK_SUFFIX, os.O_RDONLY)) as fd:
            fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        pass
    return False


COUNTED = 1 << 20
"""The bytes of a segment in which lines are counted if no index has their number; more is estimated."""


class ShipLag(NamedTuple):
    """The size of the text that a target does not have yet.

    seconds: the age of its first line; 0.0 without lines, or if the age is unknown.
    """

    bytes: int
    lines: int
    seconds: float


class SegmentRest(NamedTuple):
    """The text of a segment after a position: its size in bytes, and its number of lines."""

    size: int
    lines: int


@attrs.define(eq=False)
class LagMeter:
    """A meter of lags: the text that a target does not have yet, in bytes, in lines and in time.

    It keeps the figures of complete segments, so it can be used often.
    """

    _view: View
    _known: dict[Position, SegmentRest] = attrs.field(init=False, factory=dict)
    _first: tuple[Position, float | None] | None = attrs.field(init=False, default=None)

    def measure(self, position: Position, now: float, *, only_sealed: bool = False) -> ShipLag:
        """Return the lag of a target at a position. now: seconds since 1970.

        only_sealed: whether to leave out the active segment, because the target takes only sealed ones.
        Raises OSError and StoreError.
        """
        self._view.refresh_if_rotated()
        self._known = {start: rest for start, rest in self._known.items() if start >= position}
        size = lines = 0
        first: Position | None = None
        for segment in self._view.segments:
            if segment.number < position.segment or (only_sealed and segment.form is Form.ACTIVE):
                continue
            start = max(position, Position(segment.number, 0))
            rest = self._known.get(start)
            if rest is None:
                rest = self._measure_rest(start)
                if segment.form is not Form.ACTIVE:
                    self._known[start] = rest
            if rest.size and first is None:
                first = start
            size, lines = size + rest.size, lines + rest.lines
        return ShipLag(size, lines, 0.0 if first is None else self._line_age(first, now))

    def _measure_rest(self, start: Position) -> SegmentRest:
        head = self._view.index_head(start.segment) if start.offset == 0 else None
        if head is not None:
            return SegmentRest(head.text, head.lines)
        frames = self._view.open_segment(start.segment)
        if frames is None:
            return SegmentRest(0, 0)
        with frames:
            return _count_rest(frames, start.offset)

    def _line_age(self, position: Position, now: float) -> float:
        if self._first is None or self._first[0] != position:
            self._first = position, self._line_time(position)
        received = self._first[1]
        return 0.0 if received is None else max(0.0, now - received)

    def _line_time(self, position: Position) -> float | None:
        """Return the time of the line at a position in seconds since 1970; None if it is unknown."""
        frames = self._view.open_segment(position.segment)
        if frames is None:
            return None
        with frames, suppress(DamagedSegment):
            for _, text in frames.lines_between(position.offset, position.offset + 1):
                found = time_of(text)
                return None if found is None else parse_rfc3339(found)
        return None


def _count_rest(frames: SegmentFrames, offset: int) -> SegmentRest:
    """Return size and lines of the text after an offset; above COUNTED bytes the lines are estimated."""
    size = max(0, frames.size - offset)
    counted = lines = 0
    with suppress(DamagedSegment):
        for _, text in frames.lines_between(offset, min(offset + COUNTED, frames.size)):
            counted += len(text)
            lines += text.count(b"\n")
    return SegmentRest(size, round(lines * size / counted) if counted else 0)
