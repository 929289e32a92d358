"""A shipper of sealed segments, to an archive that has each segment whole, or not at all.

A segment that was put into the archive, read back and compared, gets a note beside its text. Then retention
may remove the text and leave the indexes. The saved place is only a hint: at the start, and again before
retention removes a text, the shipper asks the archive which segments it has whole. Retention waits for the
answer.
"""

from __future__ import annotations

import attrs
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from logsrv.kit.text.words import counted
from logsrv.linelog.ship.loop import ANSWER
from logsrv.linelog.ship.messages import ShipReport
from logsrv.linelog.ship.shipper import Shipper
from logsrv.linelog.ship.store_places import missing_after
from logsrv.linelog.ship.target import ArchiveSurvey, ForeignStoreError, SegmentTarget
from logsrv.linelog.store.archive.archive_notes import (
    local_manifest_or_none,
    save_archive_url,
    save_local_manifest,
)
from logsrv.linelog.store.archive.manifest import Manifest, segment_base_name
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Form, Position, Segment, away_segments
from logsrv.linelog.store.segment_notes import MissingText

LOOKED = 300.0
"""Seconds after which the archive is asked again for segments that it has released, but that another target
still keeps in the store."""
BELIEVED = 420.0
"""Seconds after which the last answer about these segments is too old: retention must keep them again."""
SLOWEST = 1 << 16
"""The bytes per second that an archive must store, and then return: a segment of 60 MB has half an hour."""


@attrs.define(eq=False, kw_only=True)
class SegmentShipper(Shipper[SegmentTarget]):
    """A shipper of sealed segments. ship_from: a place; its whole segment is the first that is sent.

    disk: the directory of the store, which is closed at the end.
    """

    _disk: Disk
    # due: the number of the last segment that retention would remove. _released: the number of the first
    # that it may not remove yet.
    due: int = attrs.field(init=False, default=0)
    _released: int = attrs.field(init=False, default=1)
    # The time of the last request about segments that retention wants to remove.
    _looked_at: float = attrs.field(init=False, default=float("-inf"))
    # The segments to look for in the archive before retention removes their texts.
    _looking_for: list[Segment] = attrs.field(init=False, factory=list)
    # The names of the segments that the archive had when it was asked for all; None until then.
    _archived_names: set[str] | None = attrs.field(init=False, default=None)
    # The names of the store's segments that the archive has whole.
    _whole_names: set[str] = attrs.field(init=False, factory=set)
    # The short name of the newest segment in the archive.
    _newest: str = attrs.field(init=False, default="")
    _next: Segment | None = attrs.field(init=False, default=None)
    # The state of the directory when its names were last listed; a change of it makes them listed again.
    _listing: object = attrs.field(init=False, default=None)

    @property
    def more_to_send(self) -> bool:
        """True if there may be more to send now."""
        return self._next is not None or bool(self._looking_for)

    def find_place(self) -> Deferred[None]:
        """Ask the archive for all segments at first, later for the newest, and for all if it lacks that."""
        if self.position is None:
            save_archive_url(self._kept.folder.disk, self._kept.name, self._target.url)
            self._load_or_choose_place()
        if self._released > 1 and self._clock.seconds() - self._looked_at >= BELIEVED:
            self._release_to_retention(1)
        if self._archived_names is not None and self._newest:
            return maybeDeferred(self._target.has_segment, self._newest).addCallback(
                lambda there: None if there else self._survey_archive()
            )
        return self._survey_archive()

    def _survey_archive(self) -> Deferred[None]:
        assert self.position is not None
        self._view.refresh()
        here = [one for one in self._view.segments if one.form is Form.PACKED]
        away = away_segments(self._disk.entries())
        asked = maybeDeferred(self._target.survey, [*away, *here], self._disk)
        return asked.addCallback(self._use_survey, here)

    def _use_survey(self, survey: ArchiveSurvey, here: list[Segment]) -> None:
        """Go on at the place, or at the first archived segment that the archive has lost."""
        self._require_same_store(survey.names)
        lacking = {segment_base_name(one.name) for one in survey.lacking}
        self._archived_names = set(survey.names) - lacking
        noted_ones = (
            segment_base_name(one.name) for one in here if self._disk.has_name(one.archived)
        )
        self._whole_names = self._archived_names.intersection(noted_ones)
        self._newest = survey.names[-1] if survey.names else ""
        for one in survey.lacking:
            if one.form is Form.AWAY:
                self._report_lost(one)
        assert self.position is not None
        before = self.position.segment
        self._go_back_to_lost(
            [one for one in here if one in survey.lacking and one.number < before]
        )

    def _report_lost(self, segment: Segment) -> None:
        """Report that neither the store nor the archive has the text of a segment."""
        note = local_manifest_or_none(segment, self._disk)
        lines = "an unknown number of" if note is None else note.lines
        why = (
            f"the archive has lost segment {segment_base_name(segment.name)}, whose text is not here"
            f" either: {lines} lines are lost, unless a copy of the archive has them"
        )
        self._report(ShipReport("lost", why))

    def _go_back_to_lost(self, lacking: list[Segment]) -> None:
        """Go back to the first of the segments that the archive has lost, if any."""
        if not lacking:
            return
        self._whole_names.difference_update(segment_base_name(one.name) for one in lacking)
        first = segment_base_name(lacking[0].name)
        why = f"the archive has lost {counted(len(lacking), 'segment')} from {first} on, or parts of them"
        self.position = Position(lacking[0].number, 0)
        self._report(ShipReport("resent", why, position=self.position, bytes=None))
        self._release_to_retention(min(self._released, lacking[0].number))

    def _require_same_store(self, names: list[str]) -> None:
        """Raise ForeignStoreError if the archive has segments that this store has not sealed yet."""
        self._view.refresh()
        end = self._view.segments[-1].number
        ahead = [name for name in names if int(name.partition("-")[0]) >= end]
        if ahead:
            raise ForeignStoreError(
                f"the archive has segment {ahead[0]} of this store, and here number {end} is being"
                " written: this store was restored or copied; nothing more is archived there until"
                " `logsrv ship --new-identity` has made it another store"
            )

    def prepare_send(self) -> bool:
        """Choose the segments that retention waits for, or the next one to send; False if there is none."""
        self._require_store()
        assert self.position is not None
        if self._choose_segments_due():
            return True
        self._next = self._find_next_segment()
        changed = self._view.change_stamp
        if self._next is not None and not self._disk.has_name(self._next.name):
            # Retention has removed the segment since the names were listed: list them again.
            self._next = self._listing = None
        if self._next is None and changed != self._listing:
            self._listing = changed
            self._view.refresh()
            self._next = self._find_next_segment()
        if self._next is None:
            return False
        missing = self.missing_after_place()
        if missing:
            # The place moves past the gap, which is counted.
            self.position = Position(self._next.number, 0)
            self._count_gap(missing)
        size = self._disk.stat(self._next.name).st_size
        self.patience = ANSWER + 2 * size / SLOWEST
        return True

    def _choose_segments_due(self) -> bool:
        """Choose the segments that retention will remove soon, to ask for them; False if there are none."""
        assert self.position is not None
        until = min(self.due + 1, self.position.segment)
        asked = until <= self._released
        if asked and self._clock.seconds() - self._looked_at < LOOKED:
            return False
        self._view.refresh()
        self._looking_for = [
            one for one in self._view.segments if one.number < until and one.form is Form.PACKED
        ]
        if not self._looking_for:
            self._looked_at = self._clock.seconds()
            if not asked:
                self._release_to_retention(until)
        self.patience = ANSWER
        return bool(self._looking_for)

    def _release_to_retention(self, until: int) -> None:
        """Let retention remove the segments before number `until`."""
        self._released = until
        self._report(ShipReport("released", position=Position(until, 0)))

    def _find_next_segment(self) -> Segment | None:
        """Return the next segment, if it is compressed; skip empty ones, and those that the archive has."""
        assert self.position is not None
        before = self.position
        found = None
        for one in self._view.segments:
            if one.number < before.segment or self._is_empty(one):
                continue
            if segment_base_name(one.name) not in self._whole_names:
                found = one if one.form is Form.PACKED else None
                break
            self.position = Position(one.number + 1, 0)
        if self.position != before:
            self._report(ShipReport("passed", position=self.position))
        return found

    def _is_empty(self, one: Segment) -> bool:
        """Return whether a segment has no lines, as after a crash: it is never compressed."""
        try:
            return one.form is Form.PLAIN and not self._disk.stat(one.name).st_size
        except FileNotFoundError:
            return False

    def missing_after_place(self) -> MissingText:
        assert self.position is not None
        there = {int(name.partition("-")[0]) for name in self._archived_names or ()}
        return missing_after(self._view, self.position, there)

    def send_prepared(self) -> Deferred[None]:
        """Look for the segments that retention waits for, or put the next one into the archive."""
        if self._looking_for:
            segments, self._looking_for = self._looking_for, []
            asked = maybeDeferred(self._target.survey, segments, self._disk, others=False)
            return asked.addCallback(self._release_archived, segments)
        segment = self._next
        assert segment is not None
        since = self._clock.seconds()
        sent = maybeDeferred(self._target.put_segment, segment, self._disk)
        return sent.addCallbacks(
            lambda manifest: self._record_archived(manifest, segment, since),
            lambda failure: self._skip_damaged(failure, segment),
        )

    def _release_archived(self, survey: ArchiveSurvey, segments: list[Segment]) -> None:
        """Let retention remove the segments before the first that the archive does not have whole."""
        lacking = survey.lacking
        self._looked_at = self._clock.seconds()
        self._release_to_retention(lacking[0].number if lacking else segments[-1].number + 1)
        self._go_back_to_lost(lacking)

    def _record_archived(self, manifest: Manifest, segment: Segment, since: float) -> None:
        save_local_manifest(self._disk, segment, manifest)
        self._newest = manifest.name
        self._move_to_acknowledged(
            Position(segment.number + 1, 0), manifest.text, manifest.lines, since
        )

    def _skip_damaged(self, failure: Failure, segment: Segment) -> None:
        """Skip a segment that is damaged in the store; retention treats it as not archived."""
        failure.trap(ValueError)
        self.position = Position(segment.number + 1, 0)
        why = (
            f"{self._disk.path(segment.name)} is damaged here and is not archived: {failure.value}"
        )
        self._report(ShipReport("refused", why, position=self.position))

    def close(self) -> Deferred[None]:
        return super().close().addCallback(lambda _: self._disk.close())
