"""The thread that writes to the active segment; no other thread does.

It takes the pending lines, writes them with one call, syncs them if the policy says so, and wakes the
reactor only if somebody waits for these lines. The reactor's thread pauses and resumes the senders.

There is no lock: each number below is set by one of the two threads only, and each thread reads the other's
number after it has set its own. With the GIL all threads see these events in the same order, so no wake-up
is lost.
"""

from __future__ import annotations

import contextlib
import errno
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import TypeAlias

from twisted.logger import Logger
from twisted.python.failure import Failure

from logsrv.clock import Clock
from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Durations
from logsrv.linelog.batch import Buffer
from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.blocks import Deposit, PendingBlock
from logsrv.linelog.store.disk import IOV_MAX, reason
from logsrv.linelog.store.durable import SyncFailure
from logsrv.linelog.store.fault_state import SYNCING, FaultState, InReactor
from logsrv.linelog.store.notes.origins import Origins
from logsrv.linelog.store.policy import Sync

log = Logger()
GROUP = 1 << 20
RETRY_AFTER = 1.0
FLOW = 1 << 14
"""Bytes. After a group of this size the writer sleeps for NAP, so that the next chunks become one group."""
NAP = 0.001
DEPOSIT = 32 << 20
"""Bytes. Pending blocks of about this size are stored together; the others follow."""

Item: TypeAlias = tuple[int, int, list[Buffer]] | Callable[[], None]


def without_first_bytes(buffers: list[Buffer], count: int) -> list[Buffer]:
    """Return `buffers` without their first `count` bytes."""
    for number, buffer in enumerate(buffers):
        if count < len(buffer):
            return [memoryview(buffer)[count:], *buffers[number + 1 :]]
        count -= len(buffer)
    return []


def _fire_stored(pending_blocks: Sequence[PendingBlock]) -> None:
    for pending in pending_blocks:
        # The block may have failed already because the store was closed.
        if not pending.stored.called:
            pending.stored.callback(None)


class Writer:
    """Writes the items of `queue`: (bytes, lines, buffers of whole lines), or a function to call.

    The reactor's thread sets `appended`, `wanted` (a total that somebody waits for) and `tell_below`: the
    writer wakes the reactor when fewer bytes are pending; 0 means never. This thread sets all others, and
    `tell_below` back to 0 when it wakes the reactor. Totals are bytes since the start, or lines if the name
    says so. writing: its `why` is the reason why nothing can be written at present, or None. look: called
    in the reactor's thread when something has changed.

    pending_blocks: blocks of origins that wait for `take_pending_blocks` in the queue; of the totals
    they count in `deposited` only. deposit: the blocks that are being stored; until they are on the medium,
    nothing else is written.
    """

    def __init__(
        self,
        active: ActiveSegment,
        origins: Origins,
        *,
        clock: Clock,
        tell: InReactor,
        look: Callable[[], None],
    ) -> None:
        self.pending_blocks: deque[PendingBlock] = deque()
        self.deposit: Deposit | None = None
        self.deposited = 0
        self.deposited_lines = 0
        self._origins = origins
        self._monotonic, self._sleep = clock.monotonic, clock.sleep
        self.queue: SimpleQueue[Item] = clock.queue()
        self.appended = 0
        self.wanted = 0
        self.tell_below = 0
        self.written = 0
        self.written_lines = 0
        self.write_seconds = Durations()
        self.sync_seconds = Durations()
        self.confirmed = 0
        self.failures: deque[SyncFailure] = deque()
        self.syncing = FaultState(tell, *SYNCING, seconds=clock.monotonic)
        self.writing = FaultState(
            tell,
            "the store cannot write, senders are paused: {why}",
            "the store is writing again after {seconds:.1f} s",
            seconds=clock.monotonic,
        )
        self._active = active
        self._tell = tell
        self._look = look
        self._buffers: list[Buffer] = []
        self._lines = 0
        self._command: Callable[[], None] | None = None
        # The bytes of the last group.
        self._group = 0
        self._last_notified = 0
        self._stalled_since = 0.0
        self._closing = clock.event()
        # The number of further attempts while closing, if the disk takes nothing.
        self._tries = 2
        self._ended = False

    def end_after_pending(self) -> None:
        """Write all pending lines, then end; if the disk takes nothing, end after at most two attempts."""
        self._closing.set()
        self.queue.put(self._set_ended)

    @property
    def pending(self) -> int:
        """The bytes that were appended and are not written yet."""
        return self.appended - self.written

    def give_up_lines(self) -> int:
        """Return the number of lines that were appended and not written; no more are written."""
        lost = sum(bytes(buffer).count(b"\n") for buffer in list(self._buffers))
        # The first lines of an interrupted group are in the file already.
        self.written_lines, self._lines = self.written_lines + self._lines - lost, lost
        with contextlib.suppress(Empty):
            while True:
                item = self.queue.get_nowait()
                if isinstance(item, tuple):
                    lost += item[1]
        # A thread that hangs in a system call on a dead disk ends with this when the call returns.
        self.queue.put(self._set_ended)
        return lost

    def run(self) -> None:
        """Run the thread until `end_after_pending`; no error of the disk ends it."""
        while not self._ended:
            try:
                if self._buffers:
                    self.write_seconds.timed(self._write_group)
                else:
                    # Without buffers, this only prepares the file, as by ending a torn line.
                    self._write_group()
                self._sync_and_report()
                if self.deposit is not None:
                    self._store_deposit(self.deposit)
                self._note_recovery()
                self._call_and_rotate()
                if not self._ended and self.deposit is None:
                    self._take_group()
            except Exception as error:
                self._log_and_wait(error)

    def _take_group(self) -> None:
        """Wait for an item, then gather more: up to about GROUP bytes, or until the segment is full."""
        if self._group >= FLOW and not self.queue.qsize():
            # While lines arrive fast, a wake-up for each chunk costs more than the write.
            self._sleep(NAP)
        due = self._active.rotation_time()
        try:
            # At most an hour: `get` refuses a very long timeout, which a long --rotate-every would be.
            patience = None if due is None else min(max(0.0, due - self._monotonic()), 3600.0)
            if self.syncing.why is not None:
                patience = RETRY_AFTER
            item = self.queue.get(timeout=patience)
        except Empty:
            return
        size = 0
        # A segment ends with the batch that fills it, even if more is pending.
        enough = min(GROUP, self._active.policy.rotate_size - self._active.position.offset)
        while isinstance(item, tuple):
            size += item[0]
            self._lines += item[1]
            self._buffers += item[2]
            if size >= enough or not self.queue.qsize():
                self._group = size
                return
            item = self.queue.get()
        self._command = item

    def _write_group(self) -> None:
        """Write the group, or the rest of it after a failure. Raises OSError."""
        while True:
            count = self._active.write(self._buffers[:IOV_MAX])
            if not count and any(map(len, self._buffers)):
                raise OSError(errno.EIO, "the file takes no bytes")
            # In this order, so that an interruption between the two causes no bytes to be written twice.
            self._buffers = without_first_bytes(self._buffers, count)
            self.written += count
            if not self._buffers:
                self.written_lines += self._lines
                self._lines = 0
                return

    def take_pending_blocks(self) -> None:
        """Take pending blocks of up to about DEPOSIT bytes, which are stored together next."""
        taken: list[PendingBlock] = []
        size = 0
        while self.pending_blocks and size < DEPOSIT:
            taken.append(self.pending_blocks.popleft())
            size += len(taken[-1].text)
        if taken:
            self.deposit = Deposit(taken)

    def _store_deposit(self, deposit: Deposit) -> None:
        """Write and sync pending blocks, or the rest of them. Raises as `prepare_for_line` does."""
        active = self._active
        active.prepare_for_line()
        if not deposit.goes_on_at(active.position):
            if deposit.position is not None:
                # The blocks start at another position, so the note of the first attempt is wrong: after
                # `close` the next `write_notes` writes the file anew, without it.
                self._origins.close()
            deposit.make_notes(active.position)
            try:
                self._origins.write_notes(deposit.notes)
            except BaseException:
                # The blocks have not begun: the next attempt has to write the note as well.
                deposit.position = None
                raise
        size = sum(map(len, deposit.texts))
        if deposit.written == size:
            assert deposit.position is not None
            active.rewrite_at(deposit.position.offset, b"".join(deposit.texts))
        left = without_first_bytes(deposit.texts, deposit.written)
        while left:
            count = self.write_seconds.timed(active.write_prepared, left[:IOV_MAX])
            if not count:
                raise OSError(errno.EIO, "the file takes no bytes")
            deposit.written += count
            left = without_first_bytes(left, count)
        self.sync_seconds.timed(active.sync)
        self._origins.record_stored(deposit.notes)
        self.deposited += size
        self.deposited_lines += sum(pending.lines for pending in deposit.pending_blocks)
        self.deposit = None
        self._tell(_fire_stored, deposit.pending_blocks)

    def _sync_and_report(self) -> None:
        """Sync if the policy says so, and wake the reactor if somebody waits; one sync serves all."""
        policy = self._active.policy
        # A failed sync is repeated under any policy: it is a fault until a sync succeeds.
        synced = policy.sync is Sync.ALWAYS or self.syncing.why is not None
        if synced and self.confirmed != self.written:
            self.syncing.attempt(self.sync_seconds.timed, self._active.sync)
            if self.syncing.why is not None:
                self.failures.append(SyncFailure(self.confirmed, self.written, self.syncing.why))
                self._tell(self._look)
                return
        self.confirmed = self.written
        low = self.appended - self.written < self.tell_below
        if low:
            self.tell_below = 0
        if low or self.wanted > self._last_notified:
            self._last_notified = self.confirmed
            self._tell(self._look)

    def _call_and_rotate(self) -> None:
        """Call the function that followed the group in the queue, if any; rotate if it is time."""
        if self._command is not None:
            command, self._command = self._command, None
            command()
        due = self._active.rotation_time()
        if due is not None and due <= self._monotonic():
            self._active.rotate()

    def _set_ended(self) -> None:
        self._ended = True

    def _log_and_wait(self, error: Exception) -> None:
        """Log the error, and wait a second before the next attempt; no appended line is dropped."""
        first = self.writing.why is None
        self.writing.record_failure(reason(error))
        if first:
            self._stalled_since = self._monotonic()
            if not isinstance(error, (OSError, StoreError)):
                self._tell(log.failure, "an error of the store itself", failure=Failure(error))
            self._tell(self._look)
        if self._closing.wait(RETRY_AFTER):
            self._tries -= 1
            self._ended = not self._tries

    def _note_recovery(self) -> None:
        if self.writing.why is not None:
            self.writing.record_success(seconds=self._monotonic() - self._stalled_since)
            self._tell(self._look)
