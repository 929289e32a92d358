"""The offline writer of a store: lines with their own moments, in segments that are sealed when full.

The same files always give the same bytes. So an interrupted import goes on after the bytes that are stored.
After a kill or a power cut, only the bytes known to be on the disk count (`ImportedFiles.synced`): later
ones are cut off, and written again from the files.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs

from logsrv.clock import Clock
from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.escape import SHOWN_PATH_LENGTH
from logsrv.kit.text.time import exact_rfc3339, parse_rfc3339, rfc3339
from logsrv.kit.text.words import shown
from logsrv.linelog.batch import Block
from logsrv.linelog.importing.forms import SECOND
from logsrv.linelog.read.follow import Follower
from logsrv.linelog.read.view import View
from logsrv.linelog.store import segment
from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.disk import Disk, make_directory, reason
from logsrv.linelog.store.index.segment_index import load as load_index
from logsrv.linelog.store.index.segment_index import load_head
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.notes.imported import FileIdentity, ImportedFiles, load
from logsrv.linelog.store.notes.segment_notes import remove_empty_segment
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Listing, Position
from logsrv.linelog.store.starting import recover
from logsrv.linelog.store.starting.torn import start_of_line

_GROUP = 1 << 20
_SYNC_EVERY = 64 << 20


class YoungerLinesError(StoreError):
    """The store has younger lines than the files."""


@contextlib.contextmanager
def open_for_import(directory: Path, policy: StorePolicy) -> Iterator[ImportWriter]:
    """Open a store for an import; it is locked until the end. Raises StoreError with one sentence."""
    try:
        make_directory(directory)
        disk = Disk().open_directory(directory)
        with contextlib.ExitStack() as undo:
            undo.callback(disk.close)
            lock = DirectoryLock(disk)
            in_order: bool | None = None
            undo.callback(lambda: lock.release(in_order=in_order))
            writer = ImportWriter(disk, lock, policy, Clock())
            try:
                yield writer
            finally:
                in_order = False
                writer.sync_and_close()
                in_order = True
    except OSError as error:
        where = error.filename or directory
        raise StoreError(
            f"the store {shown(str(directory))} cannot be used: {reason(error)} ({shown(str(where))})"
        ) from error


def make_stamp(moment: int, source: str) -> bytes:
    """Return the prefix of a line, `TIME SOURCE `."""
    return f"{exact_rfc3339(moment)} {source} ".encode("ascii")


class ImportWriter:
    """The writer of a store open for an import: call `begin_import` first, and `finish_import` last.

    All methods raise OSError and StoreError. A write has whole lines; a kill may tear one, which the next
    import completes.
    """

    def __init__(self, disk: Disk, lock: DirectoryLock, policy: StorePolicy, clock: Clock) -> None:
        self._disk, self._policy = disk, policy
        self.directory = disk.directory
        self._shown = shown(str(disk.directory), SHOWN_PATH_LENGTH)
        self.done = load(disk)
        killed = bool(lock.left_by)
        # Cut nothing without this file: a server has used the store meanwhile, and may have stored lines.
        if self.done.under_way and killed and segment.IMPORTING in disk.entries():
            self._cut_unsynced()
        begun = recover.repair_and_open(disk, crashed=killed, importing=True)
        if self.done.under_way:
            # A torn line is no damage: its rest comes from the files.
            begun = begun._replace(opened=begun.opened._replace(torn=False))
        self._active = ActiveSegment(
            begun,
            policy,
            started=clock.monotonic(),
            clock=clock,
            disk=disk,
            lock=lock,
            tell=_tell_nobody,
        )
        try:
            recover.load_or_make_identity(disk)
            self._active.skip_segments()
        except BaseException:
            self._active.sync_and_close()
            self._close_full_segments()
            raise
        self._pending: list[Any] = []
        self._size = self._skip = self._unsynced = 0
        self._last = self._total = 0
        self._going = False
        self._stored: StoredTextReader | None = None

    def begin_import(self, files: list[FileIdentity], zone: str, first: int) -> None:
        """Begin an import of these files, or go on with an interrupted one.

        zone: the time zone for local times. first: moment of the first line, in microseconds since 1970.
        """
        done = self.done
        if done.under_way:
            if done.under_way != files or done.zone != zone:
                raise StoreError(
                    "an import into this store was interrupted: give the same files again, unchanged,"
                    " in the same time zone and with the same options, to finish it; or begin anew in"
                    " another directory"
                )
            self._skip = self._imported_size()
            if self._skip:
                self._stored = StoredTextReader(str(self.directory), done.begun)
            else:
                self._start_writing()
            return
        newest = self.newest_time()
        if newest and first < parse_rfc3339(newest) * SECOND:
            raise YoungerLinesError(
                f"the store {self._shown} has lines up to {newest}, and the files begin at"
                f" {rfc3339(first / SECOND)}: older lines cannot be stored after younger ones"
            )
        self._active.write([])
        self._active.sync()
        here = self._active.position
        self.done = ImportedFiles(done.files, files, here, zone, here)
        self.done.save(self._disk)
        self._start_writing()

    def _start_writing(self) -> None:
        """Start writing: the store has all lines of the import so far, and no others."""
        self._disk.replace_durably(segment.IMPORTING, b"")
        self._going = True
        self.sync_progress()

    def append(self, moment: int, source: str, lines: bytes) -> None:
        """Append lines; their moment is not before that of earlier lines."""
        buffers = Block.of(lines).stamped(make_stamp(moment, source))
        self._pending += buffers
        size = sum(map(len, buffers))
        self._size += size
        self._total += size
        self._last = moment
        if self._size >= _GROUP:
            self.write_pending()

    def newest_time(self) -> str:
        """Return the latest TIME in the store; "" if there is none."""
        with contextlib.closing(View(str(self.directory), _tell_nobody)) as view:
            here = view.read_time_span()[1]
        away = Listing(self._disk).away
        return max([here, *(load_head(one, self._disk).times.largest or "" for one in away[-1:])])

    def finish_import(self) -> None:
        """Write the pending lines, seal all segments, and record that the import is done."""
        self.write_pending()
        # The sizes differ if a file of the store was removed or shortened, or if the store has lines that
        # are not of this import.
        if self._imported_size() != self._total:
            raise self._foreign_lines_error()
        self._rotate()
        self.sync_progress()
        self._seal_full_segments()
        self.done = ImportedFiles(self.done.files + self.done.under_way)
        self.done.save(self._disk)
        self._disk.unlink(segment.IMPORTING)

    def sync_and_close(self) -> None:
        """Save an unfinished import's progress, sync what was written, and close; drop pending lines."""
        try:
            if self._going and self.done.under_way:
                self.sync_progress()
        finally:
            if self._stored is not None:
                self._stored.close()
            self._active.sync_and_close()
            self._close_full_segments()

    def write_pending(self) -> None:
        """Write the pending lines, except those that the store already has."""
        data, self._pending, self._size = memoryview(b"".join(self._pending)), [], 0
        if self._skip:
            skipped = min(len(data), self._skip)
            self._require_same_text(bytes(data[:skipped]))
            self._skip -= skipped
            if self._skip:
                return
            data = data[skipped:]
            self._start_writing()
        while data:
            written = self._active.write([data])
            self._unsynced += written
            data = data[written:]
        if self._active.position.offset >= self._policy.rotate_size:
            self._rotate()
            self.sync_progress()
            self._seal_full_segments()
        elif self._unsynced >= _SYNC_EVERY:
            self.sync_progress()

    def _require_same_text(self, text: bytes) -> None:
        """Compare the next text of the files with the text of the store after the start of the import.

        Raises StoreError if they differ: a server may have stored lines since.
        """
        assert self._stored is not None
        there = self._stored.read(len(text))
        # A torn last line of the store is not read; the rest of `text` is part of it, without an LF.
        if not text.startswith(there) or b"\n" in text[len(there) :]:
            raise self._foreign_lines_error()

    def sync_progress(self) -> None:
        """Sync the written bytes, and record the position."""
        self._active.write([])
        self._active.sync()
        self.done = attrs.evolve(self.done, synced=self._active.position)
        self.done.save(self._disk)
        self._unsynced = 0

    def _cut_unsynced(self) -> None:
        """Cut off the bytes after the last synced position: they are written again from the files."""
        number, size = self.done.synced
        listed = Listing(self._disk)
        names = {one.number: one.name for one in listed.sealed if one.form is Form.PLAIN}
        names[listed.active] = segment.ACTIVE
        for later, name in names.items():
            if later >= number:
                self._truncate(name, size if later == number else 0)
        if size and number not in names:
            raise self._foreign_lines_error()

    def _truncate(self, name: str, size: int) -> None:
        try:
            fd = self._disk.open(name, os.O_RDWR)
        except FileNotFoundError:
            if size:
                raise self._foreign_lines_error() from None
            return
        with Descriptor(fd):
            if os.fstat(fd).st_size > size:
                os.ftruncate(fd, start_of_line(fd, size))
            self._disk.fdatasync(fd)

    def _foreign_lines_error(self) -> StoreError:
        return StoreError(
            f"the store {self._shown} has lines that do not come from the import that was"
            " interrupted, or lacks lines of it; import into another directory"
        )

    def _rotate(self) -> None:
        if not self._active.position.offset:
            return
        self._active.sync()
        # Retention uses this time: when the lines were written, not when they were imported.
        if self._last:
            os.utime(self._active.fd, ns=(self._last * 1000, self._last * 1000))
        self._active.rotate()
        if self._active.replacing.why is not None:
            raise StoreError(self._active.replacing.why)
        self._active.sync()
        self._close_full_segments()

    def _close_full_segments(self) -> None:
        """Close the files of segments that are full."""
        while not self._active.left.empty():
            if left := self._active.left.get():
                os.close(left.fd)
                os.close(left.beside)
        self._active.leaving.clear()

    def _seal_full_segments(self) -> None:
        for one in segment.sealed_segments(self._disk):
            if one.form is not Form.PLAIN or one.number >= self._active.position.segment:
                continue
            if self._disk.size_or_zero(one.name):
                seal(one, self._disk)
            else:
                remove_empty_segment(one, self._active.position.segment, self._disk)

    def _imported_size(self) -> int:
        """Return the number of bytes in the store after the start of the import."""
        begun = self.done.begun
        sizes = {self._active.position.segment: self._active.position.offset}
        for one in segment.sealed_segments(self._disk):
            if one.number >= begun.segment:
                packed = one.form is Form.PACKED
                sizes[one.number] = (
                    load_index(one, self._disk).text
                    if packed
                    else self._disk.stat(one.name).st_size
                )
        lacking = begun.offset and begun.segment not in sizes
        if lacking or sum(sizes.values()) < begun.offset:
            raise self._foreign_lines_error()
        return sum(sizes.values()) - begun.offset


class StoredTextReader:
    """The text of a store from a position on. Raises OSError and StoreError.

    Damaged text is left out, so that a comparison finds a difference.
    """

    def __init__(self, directory: str, position: Position) -> None:
        # The comparison finds the damage that the view reports.
        self._view = View(directory, lambda _: None)
        self._follower = Follower(self._view, position)
        self._rest = b""

    def read(self, number: int) -> bytes:
        """Return the next bytes, fewer only at the end of the text."""
        while len(self._rest) < number and (news := self._follower.read()) is not None:
            self._rest += news.text
        found, self._rest = self._rest[:number], self._rest[number:]
        return found

    def close(self) -> None:
        self._follower.close()
        self._view.close()


def _tell_nobody(*_: object, **fields: object) -> None:
    """Report nothing: a problem ends the import with a sentence of its own."""
