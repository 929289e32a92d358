"""The active segment while lines are written to it, and its replacement by a new one.

Belongs to the writer's thread. Rotation gives current.log its sealed name as a second name, and then
renames a new file to current.log. So there is a current.log at any time. A rotation happens between two
groups of whole batches, so a segment ends with a whole line.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import NamedTuple

from twisted.logger import Logger

from logsrv.clock import Clock
from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.linelog.batch import Buffer
from logsrv.linelog.store import segment
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.fault_state import FaultState, InReactor
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.policy import StorePolicy, Sync
from logsrv.linelog.store.segment import Form, Position, Segment
from logsrv.linelog.store.starting.recover import StartState, open_and_repair_active
from logsrv.linelog.store.times import first_moment

log = Logger()
RETRY_AFTER = 1.0
# Bytes. A segment with less is not rotated before it is a day old: 8,760 tiny segments a year would make
# each search slow. But archives, lakes and --keep-days wait until lines are sealed.
LEAST_BY_AGE, DAY = 16 << 20, 86400.0
# Figures read the whole text of the active segment: 64 MiB take half a second. So one of this size is
# sealed after SOON seconds; a fast sender's segment is larger by then.
LEAST_SOON, SOON = 64 << 20, 600.0
# Seconds between two checks of the file while lines arrive. A check before each write cost a third of the
# throughput, because fstat releases the interpreter's lock and has to wait for it again.
LOOK_EVERY = 0.02


class LeftSegment(NamedTuple):
    """A segment that is no longer active, with its two descriptors.

    The syncing thread syncs it and closes the descriptors. sealed: the sealed segment; None if its name is
    unknown because somebody has moved the file. size: the bytes of its text.
    """

    fd: int
    beside: int
    sealed: Segment | None
    size: int


class ActiveSegment:
    """current.log: its descriptors, its position, and the time of its next rotation.

    fd: the writer's descriptor. beside: the number of the segment, and the descriptor for the thread that
        syncs, of another open file description. They are one value, so that they always belong together.
    synced: a position up to which all text is on the medium; set by the writer under Sync.ALWAYS, else by
        the thread that syncs.
    owed: the position up to which that thread has to sync under Sync.ALWAYS: lines of an earlier policy.
    started: the time of the first line by the monotonic clock, so that a wall clock that is set back
        does not delay a rotation.
    left: a queue of segments that are no longer active; None at the end.
    leaving: the sealed ones of these until the syncing thread, which removes them here, has passed them on.
    replacing: the fault state of replacing the file by a new one.

    Other threads read `beside`, `position`, `owed`, `policy` and `replacing`, and set none of them.
    """

    def __init__(
        self,
        begun: StartState,
        policy: StorePolicy,
        *,
        started: float,
        clock: Clock,
        disk: Disk,
        lock: DirectoryLock,
        tell: InReactor,
    ) -> None:
        opened = begun.opened
        self.fd, self.beside = opened.fd, (begun.number, opened.beside)
        self.position = Position(begun.number, opened.size)
        self.synced = self.owed = segment.NOWHERE
        self.policy = policy
        self.left: SimpleQueue[LeftSegment | None] = clock.queue()
        self.leaving: deque[Segment] = deque()
        self._unended = opened.torn
        self._segments_to_skip, self._named = begun.segments_to_skip, begun.named
        self._started = started
        self._path = disk.path(segment.ACTIVE)
        self._disk = disk
        self._monotonic = clock.monotonic
        self._lock = lock
        self._tell = tell
        self._new_name = False
        # True after somebody removed or shortened the file, and with it bytes that were not synced.
        self._lost = False
        self._look_again = 0.0
        # The number of a segment whose sync failed. The kernel drops data that it could not write, so even
        # if a later sync succeeds, that data is not on the medium.
        self.doubtful = 0
        self._not_before = 0.0
        self.replacing = FaultState(
            tell,
            "{why}; still writing to the old file",
            "lines go on in a new file now",
            seconds=clock.monotonic,
        )

    def write(self, buffers: Sequence[Buffer]) -> int:
        """Call `prepare_for_line`, and write; return how many bytes were written.

        Raises OSError, and StoreError if another process owns the directory now.
        """
        self.prepare_for_line()
        return self.write_prepared(buffers) if buffers else 0

    def prepare_for_line(self) -> None:
        """Make `position` that of a new line: end a torn line, or begin a new segment if necessary.

        Raises as `write` does.
        """
        if not self._lock.claimed:
            self._lock.ensure_locked()
        if self._monotonic() >= self._look_again:
            self._leave_changed_file()
        self.skip_segments()
        self._end_torn_line()

    def write_prepared(self, buffers: Sequence[Buffer]) -> int:
        """Write at `position`, after `prepare_for_line`; return the number of bytes. Raises OSError."""
        count = self._disk.writev(self.fd, buffers)
        self._advance_position(count)
        return count

    def rewrite_at(self, offset: int, data: bytes) -> None:
        """Write the same bytes again after a failed sync, because the kernel drops data it could not write.

        Raises OSError.
        """
        left = memoryview(data)
        while left:
            count = os.pwrite(self.beside[1], left, offset)
            left, offset = left[count:], offset + count

    def skip_segments(self) -> None:
        """Begin a new segment if no line may be written to this one any more. Raises as `write` does.

        An empty segment is replaced as well: it cannot get another number, as a follower may have it open.
        """
        while self._segments_to_skip:
            self._end_torn_line()
            self._lock.ensure_locked()
            self._switch_to_file(*self._seal_and_replace())
            self._segments_to_skip -= 1

    def _end_torn_line(self) -> None:
        if self._unended:
            self._advance_position(self._disk.writev(self.fd, [b"\n"]))
            self._unended = False

    def _leave_changed_file(self) -> None:
        """Go on in a new segment if somebody has removed or shortened the file. Raises as `write` does."""
        held = os.fstat(self.fd)
        self._look_again = self._monotonic() + LOOK_EVERY
        if not held.st_nlink or held.st_size < self.position.offset:
            self._lost = self._lost or self.position not in (
                self.synced,
                (self.position.segment, 0),
            )
        if not held.st_nlink:
            self._go_on_in_new_file()
        elif held.st_size != self.position.offset:
            self._take_new_size(held.st_size)

    def _take_new_size(self, size: int) -> None:
        # The read may fail, so do it before anything is changed.
        unended = os.pread(self.fd, 1, max(0, size - 1)) not in (b"", b"\n")
        if size < self.position.offset:
            self._segments_to_skip = max(self._segments_to_skip, 1)
            self._tell(
                log.warn,
                "somebody cut {path} down to {size} bytes; lines go on in a new segment",
                path=self._path,
                size=size,
            )
        self.position = Position(self.position.segment, size)
        self._unended = unended

    def _advance_position(self, count: int) -> None:
        number, offset = self.position
        if not offset:
            self._started = self._monotonic()
        self.position = Position(number, offset + count)

    def sync(self) -> None:
        """Sync all written lines, and the name of the file if it is new. Raises as `write` does."""
        position = self.position
        try:
            self._disk.fdatasync(self.fd)
        except OSError:
            self.doubtful = position.segment
            raise
        if self._new_name:
            self._disk.sync_directory()
            self._new_name = False
        self._leave_changed_file()
        if self._lost:
            self._lost = False
            raise OSError(errno.ENOENT, f"somebody has removed or cut {self._path}")
        if self.doubtful != position.segment:
            self.synced = position

    def apply(self, policy: StorePolicy) -> None:
        """Use another policy from now on."""
        if policy.sync is not self.policy.sync:
            self.owed = self.position if policy.sync is Sync.ALWAYS else segment.NOWHERE
        self.policy = policy

    def rotation_time(self) -> float | None:
        """Return when to rotate, in seconds of the monotonic clock; None while it need not be done.

        A segment with less than LEAST_BY_AGE is a DAY old then; one with LEAST_SOON is at most SOON old.
        """
        offset = self.position.offset
        if not offset:
            return None
        if offset >= self.policy.rotate_size:
            return self._not_before
        age = self.policy.rotate_every
        if offset < LEAST_BY_AGE:
            age = max(age, DAY)
        elif offset >= LEAST_SOON:
            age = min(age, SOON)
        return max(self._started + age, self._not_before)

    def rotate(self) -> None:
        """Begin a new segment, unless this one is empty; if that fails, go on with the old one."""
        if not self.position.offset:
            return
        if not self._disk.leads_to(segment.ACTIVE, self.fd):
            self.reopen_if_moved()
            return
        try:
            self._leave_changed_file()
            if self._segments_to_skip:
                return
            self._lock.ensure_locked()
            fresh = self._seal_and_replace()
        except (OSError, StoreError) as error:
            self._postpone_replacement(f"{self._path} cannot be rotated: {reason(error)}")
            return
        self._switch_to_file(*fresh)

    def _seal_and_replace(self) -> tuple[int, int, int, Segment]:
        """Give this file its sealed name, and make a new file current.log.

        Returns the two new descriptors, the bytes in the new file, and the sealed segment.
        """
        number = self.position.segment
        named = self._named or segment.sealed_name(number, first_moment(self.fd))
        fresh = segment.tmp(segment.ACTIVE)
        with contextlib.ExitStack() as undo:
            # The new file is made first: if no descriptor is free, nothing has changed.
            fd = undo.enter_context(Descriptor(self._disk.create_anew(fresh)))
            beside = undo.enter_context(Descriptor(self._disk.open(fresh, os.O_RDWR)))
            undo.callback(self._give_sealed_name(named))
            # Sync the sealed name first: if a power cut kept only the rename, the segment would have no
            # name.
            self._disk.sync_directory()
            self._disk.rename(fresh, segment.ACTIVE)
            undo.pop_all()
        self._named = ""
        return fd, beside, 0, Segment(number, named, Form.PLAIN)

    def _give_sealed_name(self, sealed: str) -> Callable[[], None]:
        """Give current.log its sealed name; return a function that undoes it."""
        try:
            self._disk.link(segment.ACTIVE, sealed)
        except FileExistsError:
            # A failed rotation that could not be undone has given the file this name already.
            if not self._disk.leads_to(sealed, self.fd):
                raise
        except OSError:
            # The file system has no hard links: for an instant there is no current.log.
            self._disk.rename(segment.ACTIVE, sealed)
            return lambda: self._disk.rename(sealed, segment.ACTIVE)
        return lambda: self._disk.unlink(sealed)

    def reopen_if_moved(self) -> None:
        """Go on in a new file if current.log is no longer the open file."""
        try:
            if self._disk.leads_to(segment.ACTIVE, self.fd):
                self._leave_changed_file()
            else:
                self._go_on_in_new_file()
        except (OSError, StoreError) as error:
            self._postpone_replacement(reason(error))

    def _go_on_in_new_file(self) -> None:
        held = os.fstat(self.fd)
        self._lock.ensure_locked()
        opened = open_and_repair_active(self._disk)
        try:
            segment.save_number(self.position.segment + 1, self._disk)
        except OSError:
            os.close(opened.fd)
            os.close(opened.beside)
            raise
        if held.st_nlink:
            happened = "was moved away"
        else:
            happened = f"was removed, and with it the {held.st_size} bytes written to it"
        self._tell(
            log.warn, "{path} {happened}; going on in a new one", path=self._path, happened=happened
        )
        self._switch_to_file(opened.fd, opened.beside, opened.size)
        self._unended, self._segments_to_skip, self._named = opened.torn, int(opened.unread), ""
        self._started = self._monotonic()

    def _postpone_replacement(self, why: str) -> None:
        """Log a failed replacement, and allow the next attempt after RETRY_AFTER seconds."""
        self._not_before = self._monotonic() + RETRY_AFTER
        self.replacing.record_failure(why)

    def _switch_to_file(
        self, fd: int, beside: int, size: int, sealed: Segment | None = None
    ) -> None:
        """Write to another file from now on: the next segment, which has `size` bytes already."""
        old = LeftSegment(self.fd, self.beside[1], sealed, self.position.offset)
        number = self.position.segment + 1
        self.fd, self.beside = fd, (number, beside)
        self.replacing.record_success()
        self._new_name = True
        if sealed is not None:
            # Before the position is in the next one, because a reader counts the segments before that.
            self.leaving.append(sealed)
        self.position = Position(number, size)
        try:
            segment.save_number(number, self._disk, sync=False)
        except OSError as error:
            self._tell(
                log.warn,
                "the number of the active segment cannot be saved; old ones are kept until it is: {why}",
                why=reason(error),
            )
        # Only after the number is saved, because retention removes segments below that number.
        self.left.put(old)

    def sync_and_close(self) -> None:
        """Sync and close the file, when no other thread uses it any more. Raises OSError."""
        try:
            self._disk.fdatasync(self.fd)
            self._disk.sync_directory()
        finally:
            os.close(self.fd)
            os.close(self.beside[1])
