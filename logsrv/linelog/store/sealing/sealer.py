"""The thread that seals and removes segments; the writer never waits for it."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable, Container, Iterator, Sequence
from itertools import islice

from twisted.logger import Logger

from logsrv.clock import Clock
from logsrv.kit.observe.metrics import LONG, Durations
from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.fault_state import FaultState, InReactor
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.notes.segment_notes import remove_empty_segment, waiting_sizes
from logsrv.linelog.store.policy import DAY, Hold, Indexing, StorePolicy
from logsrv.linelog.store.sealing.erase_watch import EraseWatch
from logsrv.linelog.store.sealing.packer import PackerPool
from logsrv.linelog.store.sealing.retain import (
    MOST_AT_ONCE,
    BelievedTime,
    Retention,
    SegmentSizes,
    holds_on,
    remove_archived_indexes,
)
from logsrv.linelog.store.sealing.seal import Interrupted, seal
from logsrv.linelog.store.segment import Form, Listing, Segment, sealed_segments
from logsrv.linelog.store.starting.tidy import (
    TidyReport,
    check_or_rebuild_index,
    remove_second_files,
)
from logsrv.linelog.store.words.build import LEAST_TEXT

log = Logger()
LOOK_EVERY = 60.0
# After a start, the indexes are checked in groups of this number, with a pause of SOON seconds after each
# group: 10 s for 20,000 indexes.
INDEXES_AT_ONCE, SOON = 100, 0.05
# Starts after a crash leave empty segments. The last EMPTY_KEPT are kept, because followers pass through
# them. Older ones are removed, and their numbers are noted in the file `empty`: without the note, a missing
# number means lost lines.
EMPTY_KEPT = 16
# Errors of the whole disk: after them, no other segment can be sealed either.
_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


class Sealer:
    """Compresses full segments, and removes the oldest by the policy.

    It changes nothing while another process owns the directory's lock.

    tidy_report: the result of `tidy.tidy` at the start. segment_sizes: the sealed segments. compressing,
    removing: the fault states of these two tasks. after_sealing: called after each sealing, in this thread.
    """

    def __init__(
        self,
        active: ActiveSegment,
        policy: StorePolicy,
        *,
        disk: Disk,
        lock: DirectoryLock,
        clock: Clock,
        tell: InReactor,
        tidy_report: TidyReport,
    ) -> None:
        self.policy = policy
        self.holds: tuple[Hold, ...] = ()
        self.sealed = 0
        self.removed = 0
        self.after_sealing: Callable[[], object] = lambda: None
        self.segment_sizes = SegmentSizes(disk)
        self.seconds = Durations(LONG)
        self._active = active
        self._disk = disk
        self._lock = lock
        self._clock = clock
        self._tell = tell
        believed = clock.time_of_day() if lock.believed is None else lock.believed
        self._time = BelievedTime(believed, clock.monotonic())
        self._moved: str | None = None
        self._looking = self._make_fault_state("looking after old segments")
        self._settling = self._make_fault_state("looking at segments of the same number")
        self._erasing = self._make_fault_state("erasing lines")
        self.removing = self._make_fault_state("removing old segments")
        self.compressing = self._make_fault_state("compressing a segment")
        self._conflicting_names = set(tidy_report.conflicting_names)
        self._left_segments: deque[Segment] = deque()
        self._grown_segments: deque[Segment] = deque()
        self._packers = PackerPool(
            disk, self._count_unpacked, self._add_left_segments, clock.monotonic
        )
        self._erases = EraseWatch(disk, tell)
        self._listed: tuple[float, object] | None = None
        self._away: list[Segment] = []
        self._unchecked = deque(tidy_report.unseen)
        self._wake = clock.event()
        self._going = True

    def _make_fault_state(self, what: str) -> FaultState:
        starts = "{what} failed, trying again later: {why}"
        over = "{what} works again"
        return FaultState(self._tell, starts, over, seconds=self._clock.monotonic, what=what)

    def seal_soon(self, left: Segment | None) -> None:
        """Seal, soon, a segment that the writer has left; for None, an unknown file, only wake the thread.

        May be called in any thread.
        """
        if left is not None:
            self._left_segments.append(left)
        self._wake.set()

    def measure_again(self, segment: Segment) -> None:
        """Measure the files of a segment in the next turn; may be called in any thread."""
        self._grown_segments.append(segment)

    def sealed_segments(self) -> list[Segment]:
        """Return the sealed segments; may be called in any thread. Raises OSError."""
        if not self.segment_sizes.listed:
            return sealed_segments(self._disk)
        # In this order, which is their way: none is missed that goes on meanwhile.
        coming = [*self._active.leaving.copy(), *self._left_segments.copy()]
        found = {one.number: one for one in (*coming, *self.segment_sizes.segments())}
        return [found[number] for number in sorted(found)]

    def set_holds(self, holds: Sequence[Hold]) -> None:
        """Replace the requests of readers to keep segments; may be called in any thread."""
        before, self.holds = self.holds, tuple(holds)
        if [hold.first_kept for hold in before if hold.looks] != [
            hold.first_kept for hold in holds if hold.looks
        ]:
            # Removals may have waited for one of these archives.
            self._wake.set()

    def look_soon(self) -> None:
        """List the directory again soon, as others may have changed it, and do the work that is due."""
        self._listed = None
        self._wake.set()

    def stop(self) -> None:
        """End the thread soon; a sealing under way is stopped, and begins again at the next start."""
        self._going = False
        self._wake.set()

    def run(self) -> None:
        """Run the thread: one turn whenever it is woken, and at least once a minute.

        It has the priority of the process. A thread of low priority may hold the interpreter's lock and get
        no processor: it stopped all other threads for seconds, beside two busy programs on two cores.
        """
        try:
            while self._going:
                self._retain_and_seal()
                self._packers.end_idle()
                self._wait_for_turn()
        finally:
            self._packers.end_processes()

    def _wait_for_turn(self) -> None:
        """Wait for the next turn, checking indexes meanwhile; an early turn would repeat failed steps."""
        due = self._clock.monotonic() + LOOK_EVERY
        while (left := due - self._clock.monotonic()) > 0:
            unseen = self._unchecked and self._looking.why is None
            if self._wake.wait(min(SOON, left) if unseen else left):
                break
            if unseen:
                self._looking.attempt(self._check_old_indexes)
        self._wake.clear()

    def _retain_and_seal(self) -> None:
        """Seal waiting segments, the oldest first.

        Retention is applied before that, after each segment, and if the sealing fails.
        """
        now = self._looking.attempt(self._check_lock_and_time)
        if now is None:
            return
        if self._erasing.attempt(self._erases.look, self._still_going, given_up=Interrupted):
            self._listed = None
            self.after_sealing()
        self._settling.attempt(self._list_if_changed)
        self._remove_expired(now)
        self._remove_archived_indexes(now)
        self.compressing.attempt(self._seal_all, now, given_up=Interrupted)
        if self._going and self.compressing.why is not None:
            self._remove_expired(now, packing_fails=True)
        self._looking.attempt(self._check_old_indexes)

    def _check_lock_and_time(self) -> float:
        """Return the trusted time of day in Unix seconds; check that the directory is still ours."""
        before, clock = self._time.doubted, self._clock.time_of_day()
        believed = self._time.trusted_time(clock, self._clock.monotonic())
        if self._time.doubted is None:
            self._lock.save_trusted_time(believed)
        elif (
            self._time.doubted != before and clock > believed and self.policy.keep_days is not None
        ):
            self._tell(
                log.warn,
                "the clock is {days:.1f} days ahead of the expected time; until that has lasted for a day,"
                " --keep-days uses the expected time",
                days=(clock - believed) / DAY,
            )
        moved = self._disk.moved_to()
        if moved and moved != self._moved:
            self._tell(
                log.warn,
                "the store {directory} was moved to {moved}, where this server continues to use it until"
                " it is started again",
                directory=str(self._disk.directory),
                moved=moved,
            )
        self._moved = moved
        self._lock.ensure_locked()
        return believed

    def _list_if_changed(self) -> None:
        """List the directory if somebody else may have changed it since the last listing.

        The changes of this server change the time of the directory as well. So with a busy writer this
        happens once a minute: 0.1 s of processor time with 20,000 segments.
        """
        while self._grown_segments:
            if (grown := self._grown_segments.popleft()) in self.segment_sizes:
                self.segment_sizes.add(grown)
        listed, moment = self._listed, self._clock.monotonic()
        # Read before the listing, so that a change during the listing is noticed the next time.
        changed = self._disk.change_token(self._clock.time_of_day())
        if listed is not None and (moment - listed[0] < LOOK_EVERY or listed[1] == changed):
            return
        self._listed = moment, changed
        found = Listing(self._disk)
        if remove_second_files(
            self._disk,
            found.files,
            self._conflicting_names,
            self._active.position.segment,
            self._tell,
        ):
            found = Listing(self._disk)
        self.segment_sizes.replace_known(found.sealed)
        self._away = found.away

    def _check_old_indexes(self) -> None:
        """Check some of the indexes that were there at the start; nothing waits for this."""
        self._lock.ensure_locked()
        for _ in range(min(INDEXES_AT_ONCE, len(self._unchecked))):
            packed = self._unchecked.popleft()
            if packed in self.segment_sizes and self._going:
                check_or_rebuild_index(packed, self._disk, self._tell)

    def _seal_all(self, now: float) -> None:
        """Seal all plain segments, the oldest first; at the end raise the error of the first failed one.

        Later segments are still sealed, unless the error is one of the whole disk. If several segments were
        sealed at once when it came, they are tried once more, one at a time.
        """
        number = self.policy.most_sealed_at_once
        try:
            self._seal_side_by_side(number, now)
        except OSError as error:
            if number == 1 or error.errno not in _OF_THE_DISK:
                raise
            # One segment after another needs less room: each sealing ends with the removal of a text.
            self._seal_side_by_side(1, now)

    def _seal_side_by_side(self, number: int, now: float) -> None:
        failed: dict[Segment, OSError] = {}
        with self._packers.side_by_side(number) as begin:
            while waiting := list(islice(self._segments_to_seal(failed), number)):
                begin(waiting, self._still_going, self._wants_words)
                try:
                    self._seal(waiting[0])
                except OSError as error:
                    failed[waiting[0]] = error
                    if error.errno in _OF_THE_DISK:
                        raise
                else:
                    self._remove_expired(now)
        for first in failed.values():
            raise first

    def _still_going(self) -> bool:
        return self._going

    def _wants_words(self, size: int) -> bool:
        # The index of a smaller segment would be too large to be useful.
        return self.policy.index is Indexing.WORDS and size >= LEAST_TEXT

    def _add_left_segments(self) -> None:
        while self._left_segments:
            self.segment_sizes.add(self._left_segments[0])
            self._left_segments.popleft()

    def _count_unpacked(self) -> int:
        """Return how many segments are not packed yet; may be called in any thread."""
        return self.segment_sizes.waiting[0] + len(self._left_segments)

    def _segments_to_seal(self, but: Container[Segment]) -> Iterator[Segment]:
        """Yield the segments to seal, the oldest first; there may be thousands."""
        self._add_left_segments()
        # A file with the active number may be renamed back to current.log, if a rotation fails.
        active = self._active.position.segment
        for one in self.segment_sizes.plain_segments():
            if not self._going:
                return
            if one.number >= active or one in but:
                continue
            if one.number < active - EMPTY_KEPT or self._disk.size_or_zero(one.name):
                yield one

    def _seal(self, plain: Segment) -> None:
        size = self._disk.size_or_zero(plain.name)
        complete = waiting_sizes(self._disk).get(plain.number, 0)
        if not size:
            if complete:
                self._log_lost_text(plain, 0, complete)
            remove_empty_segment(plain, self._active.position.segment, self._disk)
            self.segment_sizes.forget(plain.number)
            return
        made = self.seconds.timed_longer(
            self._packers.seconds_under_way(plain),
            seal,
            plain,
            self._disk,
            self._still_going,
            with_words=self._wants_words(size),
            pack=self._packers.await_or_pack,
        )
        if made.text < complete:
            self._log_lost_text(plain, made.text, complete)
        packed = Segment(plain.number, plain.packed, Form.PACKED)
        self.segment_sizes.add(packed)
        self.sealed += 1
        self.after_sealing()

    def _log_lost_text(self, plain: Segment, text: int, complete: int) -> None:
        self._tell(
            log.error,
            "{path} had {complete} bytes of text, but only {text} when it was compressed: somebody has cut"
            " it, and the rest is lost",
            path=self._disk.path(plain.name),
            complete=complete,
            text=text,
        )

    def _remove_expired(self, now: float, *, packing_fails: bool = False) -> None:
        more, holds = True, self.holds
        while more and self._going:
            # Made anew each time: the policy may have changed meanwhile.
            retention = self._retention(now, packing_fails)
            removed = self.removing.attempt(retention.remove, holds)
            self._count_and_log_removed(removed or [], holds)
            more = removed is not None and len(removed) == MOST_AT_ONCE
        asked = [hold for hold in holds if hold.looks is not None]
        if asked and self._going:
            self.removing.attempt(self._ask_archives, self._retention(now, packing_fails), asked)

    def _retention(self, now: float, packing_fails: bool) -> Retention:
        return Retention(self._disk, self.segment_sizes, self.policy, now, packing_fails)

    def _ask_archives(self, retention: Retention, asked: list[Hold]) -> None:
        """Make archives check that they have the segments due for removal; the removal waits for that."""
        number = retention.last_number_due()
        for hold in asked:
            if hold.looks is not None and hold.released <= number:
                self._tell(hold.looks, number)

    def _remove_archived_indexes(self, now: float) -> None:
        if not self._away:
            return
        gone = self.removing.attempt(
            remove_archived_indexes, self._disk, self._away, self.policy, now
        )
        for segment in gone or []:
            self._away.remove(segment)
            path = self._disk.path(segment.index)
            self._tell(log.info, "removed {path}, by the policy; its lines are archived", path=path)

    def _count_and_log_removed(self, removed: list[Segment], holds: tuple[Hold, ...]) -> None:
        self.removed += len(removed)
        for segment in removed:
            stays = holds_on(segment, holds)
            missed = [hold for hold in stays if hold.segment <= segment.number]
            say, but = log.info, ""
            if missed:
                say, but = log.error, ", before all of its lines were shipped to {targets}"
            elif stays:
                say, but = log.warn, ", without making sure that {targets} still has it"
            targets = ", ".join(hold.name for hold in missed or stays)
            path = self._disk.path(segment.name)
            self._tell(say, f"removed {{path}}, by the policy{but}", path=path, targets=targets)
        if len(removed) == MOST_AT_ONCE:
            # The next removals wait until the reactor has logged these.
            said = self._clock.event()
            self._tell(said.set)
            said.wait(1)
