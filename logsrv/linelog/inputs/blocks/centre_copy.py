"""Making an empty directory a centre that has what another one has.

Compressed segments come as they are and are unpacked once, which verifies them and makes their indexes
anew. This is gone through until nothing is missing; then come the texts that are not compressed yet, and
the origins of the same moment. The directory has the file `restoring` until all is there, and what was
interrupted goes on with the segments that are not here.

The segments keep their numbers, so the notes of the origins hold as they are. The store gets an identity of
its own, from its end on: two machines with one identity would send different lines under one name, and
whoever gets lines from the other centre has those before.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import zstandard

from logsrv.descriptor import Descriptor
from logsrv.errors import StoreError
from logsrv.kit.text.time import parse_rfc3339
from logsrv.kit.text.words import fault_text
from logsrv.linelog.inputs.blocks.client import (
    CentreClient,
    CentreError,
    GoneError,
    UnreadableError,
)
from logsrv.linelog.inputs.blocks.state import CentreState, PackedFile
from logsrv.linelog.store.archive.manifest import decode as decode_manifest
from logsrv.linelog.store.archive.putting import stored_file
from logsrv.linelog.store.archive.restoring import RestoredSegment, be_whole
from logsrv.linelog.store.origins import origins
from logsrv.linelog.store.origins.notes import notes_file
from logsrv.linelog.store.segments import heads, identity, index, indexing
from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.indexing import PackedFrame
from logsrv.linelog.store.segments.lock import NAME as LOCK
from logsrv.linelog.store.segments.segment import (
    ACTIVE,
    RESTORING,
    Form,
    Position,
    Segment,
    first_moment,
    make_synced,
    save_number,
    sealed_files,
    sealed_name,
    tmp,
)

_READ = 1 << 20
_TEXT = tmp("text")
_ROUNDS = 100
"""States that a centre is asked for: each has what came there while the last one was brought over."""


class CentreCopy:
    """A directory, which is locked, on its way to have what a centre has.

    state: what the centre had when it was last asked. random: returns so many random bytes. identity: that
    of the store, once all is here.
    """

    identity: identity.Identity

    def __init__(
        self, centre: CentreClient, state: CentreState, disk: Disk, random: Callable[[int], bytes]
    ) -> None:
        self.state = state
        self._centre = centre
        self._disk = disk
        self._random = random
        # The names of those that are here, or cannot be had.
        self._done: set[str] = set()

    def segments(self) -> Iterator[RestoredSegment]:
        """Bring over all segments, and yield each when it is here.

        Raises CentreError, OSError, and StoreError for a directory that cannot be taken.
        """
        self._begin()
        for _ in range(_ROUNDS):
            if missing := self._missing():
                yield from map(self._packed, missing)
                self._ask()
                continue
            for name, size in self.state.away:
                if name not in self._done:
                    yield self._away(name, size)
            try:
                texts = [self._text(number, size) for number, size in self.state.texts]
            except GoneError:
                # Retention was faster, or another store has the address now.
                self._ask()
                continue
            yield from texts
            self._finish()
            return
        raise CentreError(
            "the centre makes or removes segments faster than they come here; give the same command"
            " again to go on"
        )

    def _begin(self) -> None:
        disk, state = self._disk, self.state
        names = set(disk.entries()) - {LOCK, tmp(RESTORING)}
        # With both it was interrupted at its last step.
        if ACTIVE in names and RESTORING not in names:
            raise StoreError(
                f"there is a store in {disk.directory} already; restore into a new directory"
            )
        if not disk.holds(RESTORING):
            if names:
                raise StoreError(
                    f"{disk.directory} is not empty; restore into a new or an empty directory"
                )
            disk.put(RESTORING, f"{state.store}\n".encode())
        self._require_same()
        here = sum(disk.stat(name).st_size for name in disk.entries())
        self._require_room(state.bytes - here)

    def _require_room(self, size: int) -> None:
        free, _ = self._disk.free()
        if size > free:
            raise StoreError(
                f"{self._disk.directory} has {free:,} bytes free, and {size:,} are to come"
            )

    def _ask(self) -> None:
        self.state = self._centre.state()
        self._require_same()

    def _require_same(self) -> None:
        kept = self._disk.read(RESTORING, 64).decode("latin-1").strip()
        if kept != self.state.store:
            raise StoreError(
                f"{self._disk.directory} has a part of another store than {self.state.store}, which"
                " is at that address now; restore into a new directory"
            )

    def _missing(self) -> list[PackedFile]:
        return [one for one in self.state.packed if one.name not in self._done]

    def _packed(self, one: PackedFile) -> RestoredSegment:
        """Bring over a compressed segment. Raises CentreError and OSError."""
        self._done.add(one.name)
        disk, packed = self._disk, one.segment
        try:
            if disk.holds(one.name) and disk.stat(one.name).st_size == one.size:
                head = index.load_head(packed, disk)
                return RestoredSegment(one.name, head.text, head.lines, here=True)
        except (OSError, ValueError):
            # An index that is damaged: all of it comes again.
            disk.unlink(one.name)
        try:
            if one.words:
                self._fetch(packed.words, one.words, tmp(packed.words))
            self._fetch(one.name, one.size, tmp(one.name))
            found = self._indexed(one)
        except (GoneError, UnreadableError, ValueError) as error:
            for name in (packed.words, one.name):
                disk.unlink(tmp(name))
            return RestoredSegment(one.name, error=str(error))
        indexing.save(found, packed, disk)
        if one.words:
            disk.rename(tmp(packed.words), packed.words)
        disk.rename(tmp(one.name), one.name)
        disk.sync_directory()
        return RestoredSegment(one.name, found.text, found.lines)

    def _away(self, name: str, size: int) -> RestoredSegment:
        """Bring over what is beside a text that is in an archive. Raises CentreError and OSError."""
        self._done.add(name)
        disk, packed = self._disk, Segment(int(name[:10]), name, Form.AWAY)
        try:
            self._fetch(packed.archived, size, tmp(packed.archived))
            manifest = decode_manifest(disk.read(tmp(packed.archived)))
            if manifest.segment.name != name:
                raise ValueError("its note is of another segment")
            for whole, wanted in manifest.objects.items():
                beside = whole.rpartition("/")[2]
                if beside != name:
                    self._fetch(beside, wanted.size, tmp(beside))
                    if stored_file(tmp(beside), disk) != wanted:
                        raise ValueError(f"{beside} is not what was archived")
                    disk.rename(tmp(beside), beside)
        except (GoneError, UnreadableError, ValueError) as error:
            for one in (packed.index, packed.words, packed.archived):
                disk.unlink(one)
                disk.unlink(tmp(one))
            return RestoredSegment(name, error=str(error))
        disk.rename(tmp(packed.archived), packed.archived)
        disk.sync_directory()
        return RestoredSegment(name, manifest.text, manifest.lines)

    def _indexed(self, one: PackedFile) -> Index:
        """Return the index of a segment that has come, and is whole. Raises ValueError and OSError."""
        made = indexing.Indexer(one.segment.number)
        with open(self._disk.open(tmp(one.name), os.O_RDONLY), "rb") as file:
            for text, packed in frames_of(file):
                made.add_packed(indexing.look(text, len(text)), packed)
                # Before the next one is unpacked.
                del text
            found = made.made()
            # Retention goes by the time of the last line.
            moment = parse_rfc3339(found.times.largest or one.segment.first)
            os.utime(file.fileno(), (moment, moment))
        return found

    def _text(self, number: int, size: int) -> RestoredSegment:
        """Bring over the text of a segment. Raises CentreError and OSError."""
        disk = self._disk
        lines = self._fetch(str(number), size, _TEXT)
        with Descriptor(disk.open(_TEXT, os.O_RDONLY)) as fd:
            name = sealed_name(number, first_moment(fd))
        for found in sealed_files(disk):
            # An attempt before this left it, and has come less far.
            if found.number == number and found.form is Form.PLAIN:
                disk.unlink(found.name)
        disk.rename(_TEXT, name)
        disk.sync_directory()
        return RestoredSegment(name, size, lines)

    def _fetch(self, wanted: str, size: int, name: str) -> int:
        """Write what is wanted to a file, on the medium; return how many LF it has."""
        disk = self._disk
        self._require_room(size)
        fd = disk.create_anew(name)
        try:
            at = lines = 0
            while at < size:
                piece = self._centre.piece(wanted, at, size)
                disk.write(fd, piece)
                at += len(piece)
                lines += piece.count(b"\n")
            disk.fdatasync(fd)
        except BaseException:
            disk.unlink(name)
            raise
        finally:
            os.close(fd)
        return lines

    def _finish(self) -> None:
        """Let it be a store that goes on behind all of that."""
        disk, state = self._disk, self.state
        texts = {number for number, _ in state.texts}
        for found in sealed_files(disk):
            if found.form is Form.PLAIN and found.number not in texts:
                # It came compressed since.
                disk.unlink(found.name)
        # An empty one has no lines of anybody's.
        following = state.position.segment + bool(state.position.offset)
        save_number(following, disk)
        make_synced(disk)
        disk.put(origins.NAME, notes_file(state.notes).text())
        self.identity = identity.make(disk, Position(following, 0), self._random)
        be_whole(disk)


def frames_of(file: BinaryIO) -> Iterator[tuple[bytes, PackedFrame]]:
    """Yield the text of each frame of a file, verified, and what an index has of the frame as it is packed.

    The text alone is in memory, and that is bounded: a frame is unpacked as it is read. There are no more
    of them than a segment may have. Raises ValueError, and OSError.
    """
    fd = file.fileno()
    at, count, end = 0, 0, os.fstat(fd).st_size
    while at < end:
        found = heads.frame_at(lambda at, size: os.pread(fd, size, at), at, end)
        if found is None or not zstandard.get_frame_parameters(_head(fd, at)).has_checksum:
            raise ValueError(f"no whole frame with its size and a checksum begins at byte {at:,}")
        count += 1
        if count > heads.MOST:
            raise ValueError(f"it has more frames than a segment may have: {heads.MOST:,}")
        yield _unpacked(fd, at, *found)
        at += found[0]


def _head(fd: int, at: int) -> bytes:
    return os.pread(fd, heads.LONGEST, at)


class _Extent:
    """A part of a file, read from its beginning on, and summed meanwhile."""

    def __init__(self, fd: int, at: int, size: int) -> None:
        self._fd = fd
        self._at = at
        self._end = at + size
        self.crc = 0

    def read(self, size: int) -> bytes:
        found = os.pread(self._fd, min(size, self._end - self._at), self._at)
        self._at += len(found)
        self.crc = zlib.crc32(found, self.crc)
        return found


def _unpacked(fd: int, at: int, size: int, content: int) -> tuple[bytes, PackedFrame]:
    """Return the text of a frame, and its packed bytes as far as an index needs them. Raises ValueError."""
    source = _Extent(fd, at, size)
    try:
        with zstandard.ZstdDecompressor().stream_reader(source, read_size=_READ) as reader:  # type: ignore[arg-type]
            text = reader.read(content)
            # The checksum is behind the text: it is compared with one read more.
            if len(text) != content or reader.read(1):
                raise ValueError("a frame has another size than it should")
    except zstandard.ZstdError as error:
        raise ValueError(fault_text(error)) from error
    return text, PackedFrame(size, source.crc)
