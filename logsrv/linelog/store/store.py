"""The store as the rest of the line logger sees it: append, know when it is safe, be told to wait.

This half lives in the reactor's thread and never blocks but in `open`. The work is done by three
threads: one writes (append.py), one syncs and one seals (background.py).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from pathlib import Path

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.batch import Batch
from logsrv.linelog.store import recover, segment
from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.append import Writer
from logsrv.linelog.store.background import Sealer, StoreReactor, Syncer
from logsrv.linelog.store.disk import Disk, make_directory, reason
from logsrv.linelog.store.durable import Waiters
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.valve import Valve

log = Logger()
CLOSE_WITHIN = 10.0
SEALER_ENDS_WITHIN = 3.0
# Below this, one joined buffer costs less than keeping the pieces until they are written.
SMALL = 4096

Tap = Callable[[Batch], object]


def _advise(policy: StorePolicy) -> None:
    """Say that a policy keeps less than its user may think."""
    if policy.keep_bytes is not None and policy.keep_bytes < policy.rotate_size:
        log.warn(
            "--keep-bytes ({keep} bytes) is less than --rotate-size ({rotate} bytes): whenever"
            " current.log alone is larger than that, all sealed segments are removed",
            keep=policy.keep_bytes,
            rotate=policy.rotate_size,
        )


class Store:
    """A directory of segments, owned by this process from `open` to `close`.

    Everything here is called in the reactor's thread, and raises StoreError where it says so.
    """

    def __init__(
        self,
        directory: Path,
        policy: StorePolicy,
        *,
        reactor: StoreReactor,
        metrics: Metrics,
        disk: Disk | None = None,
    ) -> None:
        self.directory = directory
        self.valve = Valve()
        self._policy = policy
        self._reactor = reactor
        self._metrics = metrics
        self._disk = disk or Disk()
        self._taps: tuple[Tap, ...] = ()
        self._waiters = Waiters()
        self._closing: list[Deferred[None]] = []
        self._accepts = False
        self._finished = False

    def open(self) -> None:
        """Take the directory, put in order what a crash left, and start to write.

        Blocks for as long as that takes. Raises StoreError with one sentence.
        """
        try:
            make_directory(self.directory)
            with contextlib.ExitStack() as undo:
                undo.callback(self._disk.enter(self.directory).leave)
                lock = DirectoryLock(self._disk)
                undo.callback(lock.release)
                self._start(lock)
                undo.pop_all()
        except OSError as error:
            where = error.filename or self.directory
            raise StoreError(
                f"the store {self.directory} cannot be used: {reason(error)} ({where})"
            ) from error

    def _start(self, lock: DirectoryLock) -> None:
        disk, tell = self._disk, self._reactor.callFromThread
        _advise(self._policy)
        recover.tidy(disk)
        number = recover.number_active(disk)
        opened = recover.open_active(disk)
        self.recovered = opened
        age = self._reactor.seconds() - segment.first_moment(opened.fd) if opened.size else 0.0
        self._sealer = Sealer(
            self._policy,
            disk,
            lock,
            active=lambda: self.position.segment,
            now=self._reactor.seconds,
            tell=tell,
        )
        self._active = ActiveSegment(
            opened,
            number,
            disk.monotonic() - max(0.0, age),
            disk=disk,
            lock=lock,
            tell=tell,
            sealable=self._sealer.wake,
        )
        self._syncer = Syncer(self._active, self._policy, disk, tell)
        self._writer = Writer(
            self._active, self._syncer, self._policy, disk=disk, tell=tell, look=self._look
        )
        self._watch()
        self._accepts = True
        others = [
            threading.Thread(target=self._syncer.run, name="store-sync", daemon=True),
            threading.Thread(target=self._sealer.run, name="store-seal", daemon=True),
        ]
        # Daemon threads: one that hangs in a dead disk's system call must not keep the process.
        for thread in others:
            thread.start()
        threading.Thread(
            target=self._work, args=(lock, *others), name="store-write", daemon=True
        ).start()

    def _watch(self) -> None:
        writer, syncer, sealer = self._writer, self._syncer, self._sealer
        watch = self._metrics.watch
        watch("stored_bytes_total", lambda: writer.written)
        watch("pending_bytes", lambda: writer.appended - writer.written)
        watch("store_stalled", lambda: writer.stalled is not None)
        watch("store_errors_total", lambda: writer.errors + syncer.errors)
        watch("store_syncs_total", lambda: writer.syncs + syncer.syncs)
        watch("segments_sealed_total", lambda: sealer.sealed)
        watch("segments_removed_total", lambda: sealer.removed)

    def append(self, batch: Batch) -> None:
        """Take a batch in; it is written soon. Never blocks. Raises StoreError when closed.

        Whoever appends is to have its transport in `valve`, which is what bounds the memory.
        """
        if not self._accepts:
            raise StoreError(f"the store {self.directory} is closed and takes no lines")
        buffers = batch.stored()
        size = sum(map(len, buffers))
        if size < SMALL:
            buffers = [b"".join(buffers)]
        writer = self._writer
        writer.appended += size
        writer.queue.put((size, buffers))
        if writer.appended - writer.written > self._policy.high_water:
            self._settle()
        if self._taps:
            self._feed(batch)

    def durable(self) -> Deferred[None]:
        """Return what fires when all that was appended before is written; under Sync.ALWAYS, synced.

        Call it in the same turn as `append`. Fails with StoreError if the disk could not sync, or the
        store was closed on a disk that takes nothing: then nothing may be acknowledged.
        """
        if not self._accepts:
            return fail(StoreError(f"the store {self.directory} is closed"))
        writer = self._writer
        target = writer.appended
        # First said, then looked: the writer looks at `wanted` after it has set `confirmed`.
        writer.wanted = target
        if writer.confirmed >= target:
            return succeed(None)
        return self._waiters.add(target)

    def rotate(self) -> None:
        """Begin a new segment behind all that was appended, and seal the old one."""
        self._writer.rotate()

    def reopen(self) -> None:
        """Go on in a new current.log if the name is no longer that of the file written to.

        The directory stays the one that was opened, wherever it was moved.
        """
        self._writer.reopen()
        self._sealer.wake()

    def apply(self, policy: StorePolicy) -> None:
        """Go by another policy from now on."""
        if policy != self._policy:
            _advise(policy)
        self._policy = policy
        self._writer.apply(policy)
        self._sealer.policy = policy
        self._sealer.wake()
        self._settle()

    @property
    def stalled(self) -> str | None:
        """The reason why the store cannot write just now; None if it can."""
        return self._writer.stalled

    @property
    def healthy(self) -> bool:
        """Return true if what is appended now will be written now."""
        return self._accepts and self._writer.stalled is None

    @property
    def position(self) -> Position:
        """The place of the next byte: up to here everything can be read."""
        return self._active.position

    @property
    def pending(self) -> int:
        """Bytes taken in and not yet written."""
        return self._writer.appended - self._writer.written

    def add_tap(self, tap: Tap) -> None:
        """Let `tap` have every batch from now on; one that raises is removed."""
        self._taps = (*self._taps, tap)

    def remove_tap(self, tap: Tap) -> None:
        """Let `tap` have no more batches; one that is not there is ignored."""
        self._taps = tuple(other for other in self._taps if other != tap)

    def _feed(self, batch: Batch) -> None:
        for tap in self._taps:
            try:
                tap(batch)
            except Exception:
                log.failure("a live subscriber failed and gets no more lines")
                self.remove_tap(tap)

    def _look(self) -> None:
        """Tell whoever waits that something changed on the writer's side."""
        writer = self._writer
        while writer.failures:
            self._waiters.failed(writer.failures.popleft())
        self._waiters.reached(writer.confirmed)
        self._settle()

    def _settle(self) -> None:
        """Decide, here and nowhere else, whether senders may send."""
        writer, policy = self._writer, self._policy
        if writer.stalled is not None or self.pending > policy.high_water:
            self.valve.close()
        if not self.valve.closed or writer.stalled is not None or not self._accepts:
            return
        # First asked for, then looked: the writer may be through with everything by now.
        writer.tell_low = True
        if self.pending < policy.low_water:
            writer.tell_low = False
            self.valve.open()

    def close(self) -> Deferred[None]:
        """Write all, sync, let go of the directory; takes at most about ten seconds.

        Fails with StoreError, which says how many bytes and lines could not be written, and why.
        """
        done: Deferred[None] = Deferred()
        if self._accepts:
            self._accepts = False
            self._deadline = self._reactor.callLater(
                CLOSE_WITHIN, self._too_late, "it takes too long"
            )
            self._writer.close()
            self._sealer.stop()
        elif not self._closing:
            return succeed(None)
        self._closing.append(done)
        return done

    def _work(
        self, lock: DirectoryLock, syncing: threading.Thread, sealing: threading.Thread
    ) -> None:
        """Run the writing thread: write until closed, then see the others out."""
        self._writer.run()
        why = self._writer.stalled or ""
        self._syncer.stop()
        syncing.join()
        try:
            self._active.finish()
        except OSError as error:
            self._reactor.callFromThread(
                log.error, "the store could not be synced at its end: {why}", why=reason(error)
            )
        self._finished = True
        sealing.join(SEALER_ENDS_WITHIN)
        if not sealing.is_alive():
            lock.release()
            self._disk.leave()
        self._reactor.callFromThread(self._closed, why)

    def _too_late(self, why: str) -> None:
        """End the waiting for a disk that hangs."""
        self._look()
        if not self.pending and not self._finished:
            log.error("the store could not be synced at its end: {why}", why=why)
            self._waiters.give_up(
                StoreError(f"the store {self.directory} could not be synced at its end: {why}")
            )
        self._closed(why)

    def _closed(self, why: str) -> None:
        if self._deadline.active():
            self._deadline.cancel()
        self._look()
        # A disk that came back when nobody waited any more.
        if not self._closing:
            return
        error = self._lost(why) if self.pending else None
        closing, self._closing = self._closing, []
        for done in closing:
            if error is not None:
                done.errback(error)
            else:
                done.callback(None)

    def _lost(self, why: str) -> StoreError:
        """Count what could not be written, and tell those who wait for it."""
        size, lines = self.pending, self._writer.lost_lines()
        self._metrics.count("store_lost_bytes_total", size)
        self._metrics.count("store_lost_lines_total", lines)
        error = StoreError(
            f"{size} bytes ({lines} line{'s' * (lines != 1)}) could not be written to the store"
            f" {self.directory}: {why}"
        )
        self._waiters.give_up(error)
        return error
