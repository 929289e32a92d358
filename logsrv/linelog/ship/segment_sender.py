"""Sealed segments for an archive, which has each segment whole, or not at all.

A segment that was put into the archive, read back and compared, gets a note beside its text. Then retention
may remove the text and leave the indexes. The saved place is only a hint: at the start, and again before
retention removes a text, the archive is asked which segments it has whole. Retention waits for the answer.
"""

from __future__ import annotations

from twisted.internet.task import deferLater

from logsrv.kit.text.words import counted
from logsrv.linelog.ship.progress import Progress
from logsrv.linelog.ship.reports import SegmentLost, SegmentsReleased, TextResent
from logsrv.linelog.ship.store_positions import missing_after
from logsrv.linelog.ship.targets.target import ANSWER, ForeignStoreError, SegmentTarget, Unavailable
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import (
    LAKE_SUFFIX,
    local_manifest_or_none,
    save_archive_url,
    save_local_manifest,
)
from logsrv.linelog.store.notes.erased import state_of_erasing
from logsrv.linelog.store.notes.manifest import Manifest, segment_base_name
from logsrv.linelog.store.notes.putting_turn import PuttingTurn
from logsrv.linelog.store.notes.segment_notes import MissingText
from logsrv.linelog.store.segment import ERASING, Form, Listing, Position, Segment

LOOKED = 300.0
"""Seconds after which the archive is asked again for segments that it has released, but that another target
still keeps in the store."""
BELIEVED = 420.0
"""Seconds after which the last answer about these segments is too old: retention must keep them again."""
WAIT_FOR_TURN = 0.1
"""Seconds between two looks whether an erase still replaces a segment in the archive."""
SLOWEST = 1 << 16
"""The bytes per second that an archive must store, and then return: a segment of 60 MB has half an hour."""


class SegmentSender:
    """The sealed segments of a store for an archive. disk: the directory of the store.

    due: the number of the last segment that retention would remove. lake: the URL of a lake, which is
    noted for `logsrv erase --everywhere`; "" for other targets.
    """

    def __init__(
        self, target: SegmentTarget, progress: Progress, disk: Disk, lake: str = ""
    ) -> None:
        self.target = target
        self.patience = ANSWER
        self.due = 0
        self._progress = progress
        self._view = progress.view
        self._disk = disk
        self._lake = lake
        # The number of the first segment that retention may not remove yet.
        self._released = 1
        # The time of the last request about segments that retention wants to remove.
        self._looked_at = float("-inf")
        # The segments to look for in the archive before retention removes their texts.
        self._looking_for: list[Segment] = []
        # The names of the segments that the archive had when it was asked for all; None until then.
        self._archived_names: set[str] | None = None
        # The names of the store's segments that the archive has whole.
        self._whole_names: set[str] = set()
        # The short name of the newest segment in the archive.
        self._newest = ""
        self._next: Segment | None = None
        # Made with the first segment: the folder may be missing before.
        self._turn: PuttingTurn | None = None
        # The state of the directory at the last listing of its names; after a change they are listed again.
        self._listing: object = None

    @property
    def more_to_send(self) -> bool:
        """True if there may be more to send now."""
        return self._next is not None or bool(self._looking_for)

    async def find_place(self) -> None:
        """Ask the archive for all segments at first, later for the newest, and for all if it lacks that."""
        progress = self._progress
        if not progress.is_known:
            disk, name = progress.kept.folder.disk, progress.kept.name
            if self.target.url:
                save_archive_url(disk, name, self.target.url)
            elif self._lake:
                save_archive_url(disk, name, self._lake, LAKE_SUFFIX)
            progress.find_start()
        if self._released > 1 and progress.clock.seconds() - self._looked_at >= BELIEVED:
            self._release_to_retention(1)
        asked_for_all = self._archived_names is not None and self._newest
        if not (asked_for_all and await self.target.has_segment(self._newest)):
            await self._survey_archive()

    async def _survey_archive(self) -> None:
        """Go on at the saved place, or at the first archived segment that the archive has lost."""
        self._view.refresh()
        here = [one for one in self._view.segments if one.form is Form.PACKED]
        away = Listing(self._disk).away if self.target.url else []
        survey = await self.target.survey([*away, *here], self._disk)
        self._require_same_store(survey.names)
        lacking = {segment_base_name(one.name) for one in survey.lacking}
        self._archived_names = set(survey.names) - lacking
        before = self._progress.position.segment
        noted_ones = (
            segment_base_name(one.name)
            for one in here
            if (self._disk.has_name(one.archived) if self.target.url else one.number < before)
        )
        self._whole_names = self._archived_names.intersection(noted_ones)
        self._newest = survey.names[-1] if survey.names else ""
        for one in survey.lacking:
            if one.form is Form.AWAY:
                self._report_lost(one)
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
        self._progress.report(SegmentLost(why))

    def _go_back_to_lost(self, lacking: list[Segment]) -> None:
        """Go back to the first of the segments that the archive has lost, if any."""
        if not lacking:
            return
        self._whole_names.difference_update(segment_base_name(one.name) for one in lacking)
        first = segment_base_name(lacking[0].name)
        lost = counted(len(lacking), "segment")
        why = f"the {self.target.noun} has lost {lost} from {first} on, or parts of them"
        position = Position(lacking[0].number, 0)
        self._progress.go_back(position)
        self._progress.report(TextResent(why, position, None))
        self._release_to_retention(min(self._released, lacking[0].number))

    def _require_same_store(self, names: list[str]) -> None:
        """Raise ForeignStoreError if the archive has segments that this store has not sealed yet."""
        self._view.refresh()
        end = self._view.segments[-1].number
        ahead = [name for name in names if int(name.partition("-")[0]) >= end]
        if ahead:
            raise ForeignStoreError(
                f"the {self.target.noun} has segment {ahead[0]} of this store, and here number {end} is"
                " being written: this store was restored or copied; nothing more is sent there until"
                " `logsrv ship --new-identity` has made it another store"
            )

    def prepare(self) -> bool:
        """Choose the segments that retention waits for, or the next one to send; False if there is none."""
        self._progress.require_store()
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
            before, after = self._progress.position, Position(self._next.number, 0)
            self._progress.skip_to(after)
            self._progress.count_gap(missing, before, after)
        size = self._disk.stat(self._next.name).st_size
        self.patience = ANSWER + 2 * size / SLOWEST
        return True

    def _choose_segments_due(self) -> bool:
        """Choose the segments that retention will remove soon, to ask for them; False if there are none."""
        until = min(self.due + 1, self._progress.position.segment)
        asked = until <= self._released
        if asked and self._progress.clock.seconds() - self._looked_at < LOOKED:
            return False
        self._view.refresh()
        self._looking_for = [
            one for one in self._view.segments if one.number < until and one.form is Form.PACKED
        ]
        if not self._looking_for:
            self._looked_at = self._progress.clock.seconds()
            if not asked:
                self._release_to_retention(until)
        self.patience = ANSWER
        return bool(self._looking_for)

    def _release_to_retention(self, until: int) -> None:
        """Let retention remove the segments before number `until`."""
        self._released = until
        self._progress.report(SegmentsReleased(until))

    def _find_next_segment(self) -> Segment | None:
        """Return the next segment, if it is compressed; skip empty ones, and those that the archive has."""
        position = self._progress.position
        found = None
        for one in self._view.segments:
            if one.number < position.segment or self._is_empty(one):
                continue
            if segment_base_name(one.name) not in self._whole_names:
                found = one if one.form is Form.PACKED else None
                break
            position = Position(one.number + 1, 0)
        if position != self._progress.position:
            self._progress.pass_over(position)
        return found

    def _is_empty(self, one: Segment) -> bool:
        """Return whether a segment has no lines, as after a crash: it is never compressed."""
        try:
            return one.form is Form.PLAIN and not self._disk.stat(one.name).st_size
        except FileNotFoundError:
            return False

    def missing_after_place(self) -> MissingText:
        there = {int(name.partition("-")[0]) for name in self._archived_names or ()}
        return missing_after(self._view, self._progress.position, there)

    async def send(self) -> None:
        """Look for the segments that retention waits for, or put the next one into the archive."""
        if self._looking_for:
            await self._release_archived()
            return
        segment = self._next
        assert segment is not None
        if self._turn is None:
            self._turn = PuttingTurn(self._progress.kept.folder.disk, self._progress.kept.name)
        try:
            # `logsrv erase --everywhere` has it while it replaces a segment there.
            while not self._turn.take():
                await deferLater(self._progress.clock, WAIT_FOR_TURN)
            await self._put(segment)
        finally:
            self._turn.give_back()

    async def _put(self, segment: Segment) -> None:
        """Put a segment there, and save the place: an erase takes from it which segments are there."""
        since = self._progress.clock.seconds()
        after = Position(segment.number + 1, 0)
        before = state_of_erasing(self._disk)
        try:
            sent = await self.target.put_segment(segment, self._disk)
        except ValueError as error:
            if self._disk.has_name(ERASING) or state_of_erasing(self._disk) != before:
                # For a moment, a text and its index do not belong together.
                raise Unavailable(f"lines of {segment.name} are being erased") from error
            # Retention treats it as not archived.
            self._progress.skip_to(after)
            why = f"{self._disk.path(segment.name)} is damaged here and is not sent: {error}"
            self._progress.report_trouble(why)
            return
        if isinstance(sent, Manifest):
            save_local_manifest(self._disk, segment, sent)
        self._newest = sent.name
        self._progress.move_to_acknowledged(after, sent.text, sent.lines, since)
        self._progress.save()

    async def _release_archived(self) -> None:
        """Let retention remove the segments before the first that the archive does not have whole."""
        segments, self._looking_for = self._looking_for, []
        _, lacking = await self.target.survey(segments, self._disk, others=False)
        self._looked_at = self._progress.clock.seconds()
        self._release_to_retention(lacking[0].number if lacking else segments[-1].number + 1)
        self._go_back_to_lost(lacking)

    async def finish(self) -> None:
        """Wait for nothing: one segment is sent at a time."""

    def close(self) -> None:
        """Give the turn back. A segment is open only while it is put."""
        if self._turn is not None:
            self._turn.give_back()
