"""The threads of an open store: one writes (writer.py), one syncs (durable.py), one seals (sealer.py).

At the end the writing thread waits for the other two, and releases the directory.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

from logsrv.clock import Clock
from logsrv.errors import StoreError
from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.disk import Disk, reason
from logsrv.linelog.store.durable import Syncer
from logsrv.linelog.store.fault_state import InReactor
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.notes.origins import Origins
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.sealing.sealer import Sealer
from logsrv.linelog.store.starting.recover import StartState
from logsrv.linelog.store.times import first_moment
from logsrv.linelog.store.writer import Writer

log = Logger()
SEALER_ENDS_WITHIN = 3.0


def _start_thread(name: str, run: Callable[..., None], *args: Any) -> threading.Thread:
    """Start a daemon thread: if it hangs in a system call on a dead disk, the process can still end."""
    thread = threading.Thread(target=run, args=args, name=name, daemon=True)
    thread.start()
    return thread


class StoreThreads:
    """The threads of a store, from its start to its end.

    synced_at_end: whether the last lines were synced, or could not be.
    """

    def __init__(
        self,
        begun: StartState,
        policy: StorePolicy,
        origins: Origins,
        *,
        disk: Disk,
        lock: DirectoryLock,
        clock: Clock,
        tell: InReactor,
        look: Callable[[], None],
    ) -> None:
        """look: called in the reactor's thread when something has changed for those who wait for lines."""
        self._disk, self._lock, self._tell = disk, lock, tell
        self._origins = origins
        opened = begun.opened
        age = clock.time_of_day() - first_moment(opened.fd) if opened.size else 0.0
        started = clock.monotonic() - max(0.0, age)
        self.active = ActiveSegment(
            begun, policy, started=started, clock=clock, disk=disk, lock=lock, tell=tell
        )
        # If this fails, the writing thread tries again and logs the failure.
        with contextlib.suppress(OSError, StoreError):
            self.active.skip_segments()
        self.sealer = Sealer(
            self.active,
            policy,
            disk=disk,
            lock=lock,
            clock=clock,
            tell=tell,
            tidy_report=begun.tidy_report,
        )
        self.writer = Writer(self.active, origins, clock=clock, tell=tell, look=look)
        self.syncer = Syncer(
            self.active, disk, clock=clock, tell=tell, sealable=self.sealer.seal_soon
        )
        self.synced_at_end = False

    def start(self, ended: Callable[[str], None]) -> None:
        """Start the threads. ended: called in the reactor's thread at the end, as `_run_writer` says."""
        sync = _start_thread("store-sync", self.syncer.run)
        seal = _start_thread("store-seal", self.sealer.run)
        _start_thread("store-write", self._run_writer, sync, seal, ended)

    def stop(self) -> None:
        """Write and sync all lines, then end the threads; a sealing under way is stopped."""
        self.writer.end_after_pending()
        self.sealer.stop()

    def _run_writer(
        self, syncing: threading.Thread, sealing: threading.Thread, ended: Callable[[str], None]
    ) -> None:
        """Run the writing thread: write until closed, then wait for the other threads.

        ended: gets the reason why lines could not be written, or "".
        """
        self.writer.run()
        why = self.writer.writing.why or ""
        # The next start cuts off an incomplete block.
        in_order = not self.writer.pending and self.writer.deposit is None
        self._close_origins_file(in_order)
        self.active.left.put(None)
        syncing.join()
        try:
            self.active.sync_and_close()
            self.syncer.note_synced_position(self.active.position)
        except OSError as error:
            in_order = False
            self._tell(
                log.error, "the store could not be synced at its end: {why}", why=reason(error)
            )
        self.synced_at_end = True
        sealing.join(SEALER_ENDS_WITHIN)
        if in_order:
            self._lock.sign_off()
        if not sealing.is_alive():
            self._lock.release(in_order=in_order)
            self._disk.close()
        self._tell(ended, why)

    def _close_origins_file(self, all_written: bool) -> None:
        self._origins.close()
        if all_written:
            # On a full disk the file is not rewritten. Its first line then counts too few lines, so a
            # start would not notice that somebody has shortened the file.
            with contextlib.suppress(OSError):
                self._origins.finish()
