"""The interface of the store: it appends lines, tells when they are safe, and pauses senders.

This module runs in the reactor's thread, and blocks only in `open`. Three threads do the work (threads.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import Logger

from logsrv.clock import Clock
from logsrv.errors import StoreError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.batch import Batch, StampedText
from logsrv.linelog.store.blocks import PendingBlock
from logsrv.linelog.store.disk import Disk, make_directory, reason
from logsrv.linelog.store.durable import DurableWaiters
from logsrv.linelog.store.fault_state import InReactor, with_name
from logsrv.linelog.store.identity import Identity
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.notes.origins import Origins
from logsrv.linelog.store.policy import Hold, StorePolicy
from logsrv.linelog.store.segment import Position, Segment
from logsrv.linelog.store.starting import recover
from logsrv.linelog.store.threads import StoreThreads
from logsrv.linelog.store.valve import Valve
from logsrv.reactor import Timer

log = Logger()
CLOSE_WITHIN = 10.0
# Senders are paused while more acknowledgements than this wait for the disk; each takes about 1 KiB.
MOST_WAITING = 50_000
# Bytes. The pieces of a smaller batch are joined: that costs less than keeping them until they are written.
SMALL = 4096
# The kinds of faults that `Store.troubles` reports.
TROUBLES = ("write", "sync", "rotate", "seal", "remove")


class StoreReactor(Protocol):
    """The part of `IReactorTime` and `IReactorFromThreads` that a store uses."""

    def seconds(self) -> float: ...

    def callLater(self, delay: float, function: Callable[..., Any], /, *args: Any) -> Any: ...

    def callFromThread(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any: ...


def _warn_of_keep_bytes(policy: StorePolicy, name: str) -> None:
    """Log a warning if `keep_bytes` is less than `rotate_size`: it may remove all sealed segments."""
    if policy.keep_bytes is not None and policy.keep_bytes < policy.rotate_size:
        log.warn(
            "{option} ({keep} bytes) is less than --rotate-size ({rotate} bytes): whenever"
            " current.log alone is larger than that, all sealed segments are removed",
            option=f"{name}: keep-bytes" if name else "--keep-bytes",
            keep=policy.keep_bytes,
            rotate=policy.rotate_size,
        )


class Store:
    """A directory of segments, owned by this process from `open` to `close`.

    All methods have to be called in the reactor's thread. accepts: true from `open` to `close`. disk: the
    open directory, for readers. name: that of the store of a rule, such as `stores/audit`; else "". tell:
    calls a function in the reactor's thread; messages for the log begin with the name. after_sealing:
    called after each sealing, in another thread; set it before `open`. ensure_locked, measure_again: those
    of the lock and of the sealer, for any thread after `open`. beside: the open stores of rules, which are
    written by the same server; only the main store has any.
    """

    def __init__(
        self,
        directory: Path,
        policy: StorePolicy,
        *,
        reactor: StoreReactor,
        clock: Clock,
        metrics: Metrics,
        disk: Disk | None = None,
        main: Store | None = None,
    ) -> None:
        """main: the main store of the server, if this is that of a rule: both pause the same senders."""
        self.directory = directory
        self.name = "" if main is None else f"{directory.parent.name}/{directory.name}"
        self.tell: InReactor = reactor.callFromThread
        if self.name:
            self.tell = with_name(self.tell, self.name)
        self.valve: Valve = Valve(reactor) if main is None else main.valve
        self.beside: list[Store] = []
        self._main = main
        self._policy = policy
        self._reactor = reactor
        self._clock = clock
        self._metrics = metrics
        self.disk = disk or Disk()
        self._holds: tuple[Hold, ...] = ()
        self.after_sealing: Callable[[], object] = lambda: None
        self.identity: Identity | None = None
        self._waiters = DurableWaiters()
        self._depositing: dict[Deferred[None], PendingBlock] = {}
        self._closing: list[Deferred[None]] = []
        self._deadline = Timer(reactor)
        self.accepts = False
        self.origins = Origins(self.disk)

    def open(self) -> None:
        """Lock the directory, repair it after a crash, and start the threads. Blocks until that is done.

        Raises StoreError, whose message is one sentence.
        """
        try:
            make_directory(self.directory)
            with contextlib.ExitStack() as undo:
                undo.callback(self.disk.open_directory(self.directory).close)
                lock = DirectoryLock(self.disk)
                undo.callback(lock.release)
                self._repair_and_start(lock)
                undo.pop_all()
        except OSError as error:
            where = error.filename or self.directory
            raise StoreError(
                f"the store {self.directory} cannot be used: {reason(error)} ({where})"
            ) from error

    def _repair_and_start(self, lock: DirectoryLock) -> None:
        disk = self.disk
        _warn_of_keep_bytes(self._policy, self.name)
        begun = recover.repair_and_open(disk, crashed=bool(lock.left_by))
        self.identity = recover.load_or_make_identity(disk)
        self.origins = Origins(disk, begun.origins)
        self._threads = threads = StoreThreads(
            begun,
            self._policy,
            self.origins,
            disk=disk,
            lock=lock,
            clock=self._clock,
            tell=self.tell,
            look=self._fire_durable,
        )
        self._active, self._writer, self._sealer = threads.active, threads.writer, threads.sealer
        self.ensure_locked, self.measure_again = lock.ensure_locked, self._sealer.measure_again
        self._sealer.after_sealing = self.after_sealing
        self._sealer.set_holds(self._holds)
        self._register_metrics()
        self.accepts = True
        threads.start(self._finish_close)

    def _register_metrics(self) -> None:
        writer, sealer, syncer = self._writer, self._sealer, self._threads.syncer
        troubles = (writer.writing, writer.syncing, syncer.syncing)
        watch = self._metrics.watch
        watch("stored_bytes_total", lambda: writer.written + writer.deposited)
        watch("stored_lines_total", lambda: self.stored_lines)
        watch("pending_bytes", lambda: self.pending)
        watch("store_errors_total", lambda: sum(trouble.errors for trouble in troubles))
        watch("store_syncs_total", lambda: writer.syncing.successes + syncer.syncing.successes)
        watch("segments_sealed_total", lambda: sealer.sealed)
        watch("segments_removed_total", lambda: sealer.removed)
        watch("store_segments", lambda: sealer.segment_sizes.total[0] + 1)
        watch("store_bytes", lambda: self.size)
        watch("store_waiting_segments", lambda: sealer.segment_sizes.waiting[0])
        watch("store_waiting_bytes", lambda: sealer.segment_sizes.waiting[1])
        # Numbers of several stores add up. These are 1 or 0, so the main store tells them for all.
        if self._main is None:
            watch("store_stalled", lambda: any(one.stalled is not None for one in self._all))
            watch("senders_paused", lambda: self.valve.closed)
            for kind in TROUBLES:
                watch("store_trouble", partial(self._has_fault, kind), kind=kind)
        else:
            self._main.beside.append(self)
        self._metrics.time("write_seconds", writer.write_seconds)
        self._metrics.time("sync_seconds", writer.sync_seconds, syncer.sync_seconds)
        self._metrics.time("seal_seconds", sealer.seconds)

    def append(self, batch: Batch | StampedText) -> int:
        """Queue a batch to be written soon; return the number of its lines.

        Never blocks. Raises StoreError if the store is closed. To bound the memory, callers add the
        transport that the lines come from to `valve`.
        """
        if not self.accepts:
            raise StoreError(f"the store {self.directory} is closed and takes no lines")
        buffers = batch.stored()
        size = sum(map(len, buffers))
        lines = batch.lines(size)
        if size < SMALL:
            buffers = [b"".join(buffers)]
        writer = self._writer
        writer.appended += size
        writer.queue.put((size, lines, buffers))
        if (
            writer.appended - writer.written > self._policy.high_water
            and self not in self.valve.closed_by
        ):
            self.valve.close(self)
            # Only the next turn of the reactor may open the valve: while thousands of senders are paused,
            # much is written, and otherwise the valve would open and close again for each of them.
            self._reactor.callLater(0, self._open_or_close_valve)
        return lines

    def deposit(self, pending: PendingBlock) -> Deferred[None]:
        """Store a block of an origin, after its note; return its Deferred `stored`.

        That Deferred fires when the block is on the medium, under any Sync policy. It fails with StoreError
        if the store is closed before. Blocks that wait together share their syncs. The blocks of an origin
        are stored in the order of the calls.
        """
        if not self.accepts:
            return fail(StoreError(f"the store {self.directory} is closed"))
        self._depositing[pending.stored] = pending
        self.origins.under_way.add_block(pending.origin, pending.end, len(pending.text))
        writer = self._writer
        writer.pending_blocks.append(pending)
        writer.queue.put(writer.take_pending_blocks)
        return pending.stored.addBoth(self._end_deposit, pending)

    def _end_deposit(self, result: Any, pending: PendingBlock) -> Any:
        del self._depositing[pending.stored]
        self.origins.under_way.remove_first_block(pending.origin, len(pending.text))
        return result

    @property
    def appended(self) -> int:
        """The bytes appended so far; 0 if the store is closed."""
        return self._writer.appended if self.accepts else 0

    def durable(self, since: int | None = None) -> Deferred[None]:
        """Return a Deferred that fires when all appended lines are written; under Sync.ALWAYS, synced.

        since: the value of `appended` before the first line that the caller wants to acknowledge; None if
        it has appended all of these lines in this turn. The Deferred fails with StoreError if a sync of any
        of these lines failed, or if the store was closed while the disk took nothing: then the caller must
        not acknowledge them. Deferreds fire in the order of the calls.
        """
        if not self.accepts:
            return fail(StoreError(f"the store {self.directory} is closed"))
        writer, waiters = self._writer, self._waiters
        # Set `wanted` before reading `confirmed`: the writer sets `confirmed` before it reads `wanted`.
        target = writer.wanted = writer.appended
        # If earlier Deferreds wait, `_fire_durable` has not run yet for the newest `confirmed`. They have
        # to fire first.
        confirmed, up_to_date = writer.confirmed, not (waiters or writer.failures)
        waiting = waiters.add(target, since)
        if up_to_date:
            waiters.fire_reached(confirmed)
        if len(waiters) > MOST_WAITING:
            self._open_or_close_valve()
        return waiting

    def rotate(self) -> None:
        """Begin a new segment after all lines appended so far, and seal the old one."""
        self._writer.queue.put(self._active.rotate)

    def reopen(self) -> None:
        """Begin a new current.log if the name no longer leads to the open file.

        The directory stays the one that was opened, even if it was moved.
        """
        self._writer.queue.put(self._active.reopen_if_moved)
        self._sealer.look_soon()

    def apply(self, policy: StorePolicy) -> None:
        """Use another policy: the writer after all lines appended so far, all others from now on."""
        if policy != self._policy:
            _warn_of_keep_bytes(policy, self.name)
        self._policy = policy
        self._writer.queue.put(lambda: self._active.apply(policy))
        self._sealer.policy = policy
        self._sealer.look_soon()
        self._open_or_close_valve()

    def hold(self, holds: Sequence[Hold]) -> None:
        """Make retention keep segments that readers still need; may be called before `open`."""
        self._holds = tuple(holds)
        if self.accepts:
            self._sealer.set_holds(self._holds)

    @property
    def policy(self) -> StorePolicy:
        """The present policy."""
        return self._policy

    @property
    def stalled(self) -> str | None:
        """The reason why the store cannot write at present; None if it can."""
        return self._writer.writing.why

    def troubles(self) -> dict[str, str]:
        """Return the reasons of present faults by kind, one of TROUBLES."""
        reasons = {
            "write": self.stalled,
            "sync": self._writer.syncing.why or self._threads.syncer.syncing.why,
            "rotate": self._active.replacing.why,
            "seal": self._sealer.compressing.why,
            "remove": self._sealer.removing.why,
        }
        return {kind: why for kind, why in reasons.items() if why is not None}

    def _has_fault(self, kind: str) -> bool:
        return any(kind in one.troubles() for one in self._all)

    @property
    def _all(self) -> list[Store]:
        return [self, *self.beside]

    def under_way(self) -> dict[str, float]:
        """Return for how many seconds the present write and the present sync have lasted; 0 for none."""
        syncs = (self._writer.sync_seconds, self._threads.syncer.sync_seconds)
        return {
            "write": self._writer.write_seconds.under_way(),
            "sync": max(sync.under_way() for sync in syncs),
        }

    @property
    def stored_lines(self) -> int:
        """The lines written since the store was opened."""
        return self._writer.written_lines + self._writer.deposited_lines

    @property
    def present_directory(self) -> str:
        """The present path of the directory, which somebody may have moved."""
        return self.disk.moved_to() or str(self.directory)

    @property
    def position(self) -> Position:
        """The position of the next byte; readers can read everything before it."""
        return self._active.position

    @property
    def size(self) -> int:
        """The bytes of all segments and their indexes on the disk."""
        return self._sealer.segment_sizes.total[1] + self.position.offset

    def sealed_segments(self) -> list[Segment]:
        """Return the sealed segments; may be called in any thread. Raises OSError."""
        return self._sealer.sealed_segments()

    @property
    def pending(self) -> int:
        """The bytes that were appended and are not written yet."""
        return self._writer.pending

    def _fire_durable(self) -> None:
        """Fire the Deferreds of `durable` that are due by the present state of the writer."""
        confirmed = self._writer.confirmed
        while self._writer.failures:
            self._waiters.apply_sync_failure(self._writer.failures.popleft())
        self._waiters.fire_reached(confirmed)
        self._open_or_close_valve()

    def _open_or_close_valve(self) -> None:
        """Open or close the valve for this store; no other method opens it."""
        writer, policy = self._writer, self._policy
        many = len(self._waiters) > MOST_WAITING
        if self.stalled is not None or self.pending > policy.high_water or many:
            self.valve.close(self)
        held = self in self.valve.closed_by
        if not held or self.stalled is not None or many or not self.accepts:
            return
        # `tell_below` is set before `pending` is read: the writer may write everything in between.
        writer.tell_below = policy.low_water
        if self.pending < policy.low_water:
            writer.tell_below = 0
            self.valve.open(self)

    def close(self) -> Deferred[None]:
        """Write and sync all lines, and release the directory, within about ten seconds.

        If something could not be written, the Deferred fails with StoreError, which says how many bytes and
        lines, and why.
        """
        done: Deferred[None] = Deferred()
        if self.accepts:
            self.accepts = False
            self._deadline.start(CLOSE_WITHIN, self._give_up_waiting)
            self._threads.stop()
        elif not self._closing:
            return succeed(None)
        self._closing.append(done)
        return done

    def _give_up_waiting(self) -> None:
        """Stop waiting for a disk that hangs."""
        why = "it takes too long"
        self._fire_durable()
        if not self.pending and not self._threads.synced_at_end:
            log.error("the store could not be synced at its end: {why}", why=why)
            self._waiters.fail_all(
                StoreError(f"the store {self.directory} could not be synced at its end: {why}")
            )
        self._finish_close(why)

    def _finish_close(self, why: str) -> None:
        self._deadline.stop()
        self._fire_durable()
        closing, self._closing = self._closing, []
        for waiting in list(self._depositing):
            waiting.errback(StoreError(f"the store {self.directory} is closed"))
        # After `_give_up_waiting`, `closing` is empty: the disk has answered, but nobody waits any more.
        if self.pending and closing:
            size, lines = self.pending, self._writer.give_up_lines()
            self._metrics.count("store_lost_bytes_total", size)
            self._metrics.count("store_lost_lines_total", lines)
            error = StoreError(
                f"{size} bytes ({lines} line{'s' * (lines != 1)}) could not be written to the store"
                f" {self.directory}: {why}"
            )
            self._waiters.fail_all(error)
            for done in closing:
                done.errback(error)
        else:
            for done in closing:
                done.callback(None)
