"""The offline writer of a store: lines with moments of their own, sealed when they are enough.

What is written is the same for the same files, byte by byte. So an import that was interrupted goes on
behind the bytes that are there, however it ended.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import zstandard

from logsrv.errors import StoreError
from logsrv.kit.text.time import parse_rfc3339, rfc3339
from logsrv.linelog.batch import Block
from logsrv.linelog.framing.dated import SECOND
from logsrv.linelog.importing.done import Done, Identity, load
from logsrv.linelog.store import recover, segment
from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.disk import Disk, make_directory, reason
from logsrv.linelog.store.index import load as load_index
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form

_GROUP = 1 << 20
_TAIL = 128 << 10


@contextlib.contextmanager
def opened(directory: Path, policy: StorePolicy) -> Iterator[ImportWriter]:
    """Have the store for an import alone. Raises StoreError, with one sentence."""
    try:
        make_directory(directory)
        disk = Disk().enter(directory)
        with contextlib.ExitStack() as undo:
            undo.callback(disk.leave)
            lock = DirectoryLock(disk)
            undo.callback(lock.release)
            writer = ImportWriter(disk, lock, policy)
            undo.callback(writer.close)
            yield writer
    except OSError as error:
        where = error.filename or directory
        raise StoreError(
            f"the store {directory} cannot be used: {reason(error)} ({where})"
        ) from error


def stamp(moment: int, source: str) -> bytes:
    """Return `TIME SOURCE `, what stands before a line."""
    second, micro = divmod(moment, SECOND)
    return f"{rfc3339(second)[:20]}{micro:06d}Z {source} ".encode("ascii")


class ImportWriter:
    """The writer of a store that is open for an import; `begin` first, `end` last.

    Each raises OSError and StoreError. Only whole lines are written at a time; a kill may cut one, which
    the next import ends.
    """

    def __init__(self, disk: Disk, lock: DirectoryLock, policy: StorePolicy) -> None:
        self._disk, self._policy = disk, policy
        self.directory = disk.directory
        self.done = load(disk)
        recover.tidy(disk)
        number = recover.number_active(disk)
        active = recover.open_active(disk)
        if self.done.under_way:
            # The rest of a torn line comes from the files.
            active = active._replace(torn=False)
        self._active = ActiveSegment(
            active, number, policy, started=monotonic(), disk=disk, lock=lock, tell=_tell_nobody
        )
        self._pending: list[Any] = []
        self._size = self._skip = self._skipped = 0
        self._before = b""
        self._last = 0

    def begin(self, files: list[Identity], zone: str, first: int) -> None:
        """Begin an import of these files, whose first line is of the moment `first`, or go on with it."""
        done = self.done
        if done.under_way:
            if done.under_way != files or done.zone != zone:
                raise StoreError(
                    "an import into this store was interrupted: give the same files again, unchanged,"
                    " in the same time zone, to finish it; or begin anew in another directory"
                )
            self._skip = self._written()
            return
        newest = self.newest()
        if newest and first < parse_rfc3339(newest) * SECOND:
            raise StoreError(
                f"the store {self.directory} has lines up to {newest}, and those of the files begin at"
                f" {rfc3339(first / SECOND)}: older lines cannot be put behind younger ones; import into"
                " another directory"
            )
        self._active.write([])
        self.done = Done(done.files, files, self._active.position, zone)
        self.done.save(self._disk)

    def append(self, moment: int, source: str, lines: bytes) -> None:
        """Take lines in, whose moment is not before that of the lines before them."""
        buffers = Block.of(lines).stamped(stamp(moment, source))
        self._pending += buffers
        self._size += sum(map(len, buffers))
        self._last = moment
        if self._size >= _GROUP:
            self._flush()

    def newest(self) -> str:
        """Return the TIME of the last line in the store; "" if there is none, or it has none."""
        tail = self._tail()
        last = tail[tail.rfind(b"\n", 0, len(tail) - 1) + 1 :]
        return segment.time_text(last) or ""

    def end(self) -> None:
        """Write what is pending, seal all, and note that it is done."""
        self._flush()
        if self._skip > self._skipped:
            raise self._foreign()
        self._rotate()
        self._seal()
        self.done = Done(self.done.files + self.done.under_way)
        self.done.save(self._disk)

    def close(self) -> None:
        """Let go of the file."""
        self._active.finish()

    def _flush(self) -> None:
        data, self._pending, self._size = memoryview(b"".join(self._pending)), [], 0
        if self._skipped < self._skip:
            skipped = min(len(data), self._skip - self._skipped)
            self._before = (self._before + bytes(data[:skipped]))[-_TAIL:]
            self._skipped += skipped
            data = data[skipped:]
            if self._skipped < self._skip:
                return
            there = self._tail()
            same = min(len(there), len(self._before))
            if there[len(there) - same :] != self._before[len(self._before) - same :]:
                raise self._foreign()
        while data:
            data = data[self._active.write([data]) :]
        if self._active.position.offset >= self._policy.rotate_size:
            self._rotate()
            self._seal()

    def _foreign(self) -> StoreError:
        return StoreError(
            f"the store {self._disk.directory} has other lines behind those of the import that was"
            " interrupted, or lacks some; begin anew in another directory"
        )

    def _rotate(self) -> None:
        if not self._active.position.offset:
            return
        self._active.sync()
        # Retention goes by this: by when the lines were written, not when they were imported.
        if self._last:
            os.utime(self._active.fd, ns=(self._last * 1000, self._last * 1000))
        self._active.rotate()
        if self._active.replacing.why is not None:
            raise StoreError(self._active.replacing.why)
        self._active.sync()
        old = self._active.left.get()
        if old is not None:
            os.close(old)

    def _seal(self) -> None:
        for one in segment.sealed_segments(self._disk):
            if one.form is Form.PLAIN and one.number < self._active.position.segment:
                seal(one, self._disk)

    def _written(self) -> int:
        """Return how many bytes stand in the store behind where the import began."""
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
        if begun.segment not in sizes or sum(sizes.values()) < begun.offset:
            raise self._foreign()
        return sum(sizes.values()) - begun.offset

    def _tail(self) -> bytes:
        """Return the end of the store's text, as far as it stands in one file."""
        size = self._active.position.offset
        if size:
            return os.pread(self._active.fd, min(size, _TAIL), max(0, size - _TAIL))
        for one in reversed(segment.sealed_segments(self._disk)):
            if one.form is Form.PLAIN:
                return self._disk.read(one.name)[-_TAIL:]
            index = load_index(one, self._disk)
            start, length = index.extent(len(index.frames) - 1)
            frame = self._disk.read(one.name)[start : start + length]
            return zstandard.ZstdDecompressor().decompress(frame)[-_TAIL:]
        return b""


def _tell_nobody(*_: object) -> None:
    """Say nothing: whatever keeps an import from going on ends it, with a sentence."""
