"""A shipper of sealed segments: to an archive that has each of them whole, or not at all.

A segment that was put there, read back and compared is noted beside its text; so retention may remove the
text and leave the indexes. The kept place is a hint: which segments the archive has is asked at the start.
"""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from logsrv.linelog.ship.report import ShipReport
from logsrv.linelog.ship.shipping.loop import ANSWER
from logsrv.linelog.ship.shipping.shipper import Shipper
from logsrv.linelog.ship.target import ForeignStoreError, SegmentTarget
from logsrv.linelog.store.archive.kept import archived, note_archived, note_url
from logsrv.linelog.store.archive.manifest import Manifest, short_name
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.segments.segment import Form, Position, Segment

SLOWEST = 1 << 16
"""Bytes in a second that an archive has to take: a segment of 60 MB has a quarter of an hour."""


@attrs.define(eq=False, kw_only=True)
class SegmentShipper(Shipper[SegmentTarget]):
    """A shipper of sealed segments; the whole segment goes that `ship_from` is in.

    disk: the directory of the store, which is left at the end.
    """

    _disk: Disk
    asks: bool = attrs.field(init=False, default=True)
    # The archive was asked for all that it has.
    _listed: bool = attrs.field(init=False, default=False)
    # The newest segment that it had then, by its short name.
    _newest: str = attrs.field(init=False, default="")
    _next: Segment | None = attrs.field(init=False, default=None)
    # The directory when its names were listed last.
    _listing: object = attrs.field(init=False, default=None)

    @property
    def more(self) -> bool:
        """True if there may be more to send at once."""
        return self._next is not None

    def ask(self) -> Deferred[None]:
        """Ask the archive what it has: all at first, and later whether it has the newest still."""
        if self.position is None:
            note_url(self._kept.folder.disk, self._kept.name, self._target.url)
            self._begin()
        if self._listed and self._newest:
            return maybeDeferred(self._target.has, self._newest).addCallback(self._looked)
        return maybeDeferred(self._target.names).addCallback(self._go)

    def _looked(self, there: bool) -> Deferred[None] | None:
        if there:
            return None
        return maybeDeferred(self._target.names).addCallback(self._go)

    def _go(self, names: list[str]) -> None:
        """Go back to the first segment that was acknowledged, is here, and is not there any more."""
        assert self.position is not None
        there = set(names)
        self._require_ours(names)
        lost = [
            one
            for one in self._view.segments
            if one.number < self.position.segment
            and one.form is Form.PACKED
            and short_name(one.name) not in there
            and self._was_archived(one)
        ]
        self._listed, self._newest = True, names[-1] if names else ""
        if lost:
            why = f"the archive has lost {len(lost)} segments from {lost[0].name} on"
            self.position = Position(lost[0].number, 0)
            self._report(ShipReport("resent", why, position=self.position, bytes=None))

    def _was_archived(self, segment: Segment) -> bool:
        """Return whether an archive has it under the identity that the store has now."""
        try:
            return archived(self._disk, segment).store == self._store
        except (OSError, ValueError):
            return False

    def _require_ours(self, names: list[str]) -> None:
        """Raise ForeignStoreError if the archive has segments of this store that it has not sealed."""
        self._view.refresh()
        end = self._view.segments[-1].number
        ahead = [name for name in names if int(name.partition("-")[0]) >= end]
        if ahead:
            raise ForeignStoreError(
                f"the archive has segment {ahead[0]} of this store, and here number {end} is being"
                " written: this store was restored or copied; nothing more is archived there until"
                " `logsrv ship --new-identity` has made it another store"
            )

    def read(self) -> bool:
        """Choose the next segment that is sealed."""
        self._require_store()
        assert self.position is not None
        wanted = self.position.segment
        self._next = self._found(wanted)
        changed = self._view.changed
        if self._next is not None and not self._disk.holds(self._next.name):
            # Retention has removed it since the names were listed, and may do so again.
            self._next = self._listing = None
        if self._next is None and changed != self._listing:
            self._listing = changed
            self._view.refresh()
            self._next = self._found(wanted)
        if self._next is None:
            return False
        if self._misses(range(wanted, self._next.number)):
            self._report(ShipReport("gap", position=Position(self._next.number, 0), bytes=None))
        size = self._disk.stat(self._next.name).st_size
        self.patience = ANSWER + 2 * size / SLOWEST
        return True

    def _found(self, wanted: int) -> Segment | None:
        """Return the next segment if it is compressed."""
        for one in self._view.segments:
            if one.number >= wanted and not self._is_empty(one):
                return one if one.form is Form.PACKED else None
        return None

    def _is_empty(self, one: Segment) -> bool:
        """Return whether it is sealed without lines, as starts after a crash leave some: it stays plain."""
        try:
            return one.form is Form.PLAIN and not self._disk.stat(one.name).st_size
        except FileNotFoundError:
            return False

    def _misses(self, numbers: range) -> bool:
        """Return whether one of these segments is not here, and had lines."""
        here = {one.number for one in self._view.segments}
        return any(
            number not in here and not self._view.were_empty(range(number, number + 1))
            for number in numbers
        )

    def send(self) -> Deferred[None]:
        """Put the segment into the archive."""
        segment = self._next
        assert segment is not None
        since = self._clock.seconds()
        sent = maybeDeferred(self._target.put, segment, self._disk)
        return sent.addCallbacks(
            lambda manifest: self._taken(manifest, segment, since),
            lambda failure: self._left_out(failure, segment),
        )

    def _taken(self, manifest: Manifest, segment: Segment, since: float) -> None:
        note_archived(self._disk, segment, manifest)
        self._newest = manifest.name
        self._acknowledge(Position(segment.number + 1, 0), manifest.text, manifest.lines, since)

    def _left_out(self, failure: Failure, segment: Segment) -> None:
        """Go on behind a segment that is damaged here; retention treats it as one that was not archived."""
        failure.trap(ValueError)
        self.position = Position(segment.number + 1, 0)
        why = (
            f"{self._disk.path(segment.name)} is damaged here and is not archived: {failure.value}"
        )
        self._report(ShipReport("refused", why, position=self.position))

    def close(self) -> Deferred[None]:
        return super().close().addCallback(lambda _: self._disk.leave())
