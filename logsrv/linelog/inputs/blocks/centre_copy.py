"""Copy a whole centre into an empty directory.

Compressed segments are fetched unchanged, and unpacked once: that verifies them and builds their indexes.
This is repeated until no segment is missing; then the uncompressed texts follow, and the origins of the
same moment. The directory has the file `restoring` until the copy is complete; an interrupted copy goes on
with the missing segments.

The segments keep their numbers, so the notes of the origins stay valid. The store gets a new identity from
its end on: two machines with one identity would send different lines under one name, and targets of the
other centre already have the earlier lines.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

import attrs
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
from logsrv.linelog.store.archive.manifest import decode_manifest as decode_manifest
from logsrv.linelog.store.archive.putting import digest_file
from logsrv.linelog.store.archive.restoring import RestoredSegment, complete_store
from logsrv.linelog.store.origins import origins
from logsrv.linelog.store.origins.notes import make_notes_file
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
    repair_synced_file,
    save_number,
    sealed_files,
    sealed_name,
    tmp,
)

_READ = 1 << 20
_TEXT = tmp("text")
_ROUNDS = 100
"""The most states to fetch: each names the segments that were added while the last ones were copied."""


@attrs.define(eq=False)
class CentreCopy:
    """The copying of a centre into a locked directory.

    state: the centre's last known state. random: returns as many random bytes as its argument says.
    identity: the identity of the new store, once the copy is complete.
    """

    _centre: CentreClient
    state: CentreState
    _disk: Disk
    _random: Callable[[int], bytes]
    identity: identity.Identity = attrs.field(init=False)
    # Names of the segments that are copied, or cannot be.
    _done: set[str] = attrs.field(init=False, factory=set)

    def segments(self) -> Iterator[RestoredSegment]:
        """Copy all segments, and yield each when it is on the disk.

        Raises CentreError, OSError, and StoreError for an unsuitable directory.
        """
        self._prepare_directory()
        for _ in range(_ROUNDS):
            if missing := [one for one in self.state.packed if one.name not in self._done]:
                yield from map(self._copy_packed, missing)
                self._fetch_state()
                continue
            for name, size in self.state.away:
                if name not in self._done:
                    yield self._copy_away_segment(name, size)
            try:
                texts = [self._copy_text(number, size) for number, size in self.state.texts]
            except GoneError:
                # Retention removed it meanwhile, or another store has the address now.
                self._fetch_state()
                continue
            yield from texts
            self._complete_store()
            return
        raise CentreError(
            "the centre adds or removes segments faster than they are copied; give the same command"
            " again to go on"
        )

    def _prepare_directory(self) -> None:
        disk, state = self._disk, self.state
        names = set(disk.entries()) - {LOCK, tmp(RESTORING)}
        # A directory with both files has a copy that was interrupted at its last step.
        if ACTIVE in names and RESTORING not in names:
            raise StoreError(
                f"there is a store in {disk.directory} already; restore into a new directory"
            )
        if not disk.has_name(RESTORING):
            if names:
                raise StoreError(
                    f"{disk.directory} is not empty; restore into a new or an empty directory"
                )
            disk.replace_durably(RESTORING, f"{state.store}\n".encode())
        self._require_same_store()
        here = sum(disk.stat(name).st_size for name in disk.entries())
        self._require_room(state.bytes - here)

    def _require_room(self, size: int) -> None:
        free, _ = self._disk.free_and_total_bytes()
        if size > free:
            raise StoreError(
                f"{self._disk.directory} has {free:,} bytes free, but {size:,} are needed"
            )

    def _fetch_state(self) -> None:
        self.state = self._centre.fetch_state()
        self._require_same_store()

    def _require_same_store(self) -> None:
        kept = self._disk.read(RESTORING, 64).decode("latin-1").strip()
        if kept != self.state.store:
            raise StoreError(
                f"{self._disk.directory} has a part of another store than {self.state.store}, the one"
                " at that address now; restore into a new directory"
            )

    def _copy_packed(self, one: PackedFile) -> RestoredSegment:
        """Copy a compressed segment. Raises CentreError and OSError."""
        self._done.add(one.name)
        disk, packed = self._disk, one.segment
        try:
            if disk.has_name(one.name) and disk.stat(one.name).st_size == one.size:
                head = index.load_head(packed, disk)
                return RestoredSegment(one.name, head.text, head.lines, here=True)
        except (OSError, ValueError):
            # The index is damaged: fetch the whole segment again.
            disk.unlink(one.name)
        try:
            if one.words:
                self._fetch_file(packed.words, one.words, tmp(packed.words))
            self._fetch_file(one.name, one.size, tmp(one.name))
            found = self._build_index(one)
        except (GoneError, UnreadableError, ValueError) as error:
            for name in (packed.words, one.name):
                disk.unlink(tmp(name))
            return RestoredSegment(one.name, error=str(error))
        indexing.save_index(found, packed, disk)
        if one.words:
            disk.rename(tmp(packed.words), packed.words)
        disk.rename(tmp(one.name), one.name)
        disk.sync_directory()
        return RestoredSegment(one.name, found.text, found.lines)

    def _copy_away_segment(self, name: str, size: int) -> RestoredSegment:
        """Copy the files that a segment has here when its text is in an archive.

        Raises CentreError and OSError.
        """
        self._done.add(name)
        disk, packed = self._disk, Segment(int(name[:10]), name, Form.AWAY)
        try:
            self._fetch_file(packed.archived, size, tmp(packed.archived))
            manifest = decode_manifest(disk.read(tmp(packed.archived)))
            if manifest.segment.name != name:
                raise ValueError("its note is of another segment")
            for whole, wanted in manifest.objects.items():
                beside = whole.rpartition("/")[2]
                if beside != name:
                    self._fetch_file(beside, wanted.size, tmp(beside))
                    if digest_file(tmp(beside), disk) != wanted:
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

    def _build_index(self, one: PackedFile) -> Index:
        """Verify a copied segment and build its index. Raises ValueError and OSError."""
        made = indexing.Indexer(one.segment.number)
        with open(self._disk.open(tmp(one.name), os.O_RDONLY), "rb") as file:
            for text, packed in verified_frames(file):
                made.add_packed(indexing.scan_frame(text, len(text)), packed)
                # Free the text before the next frame is unpacked.
                del text
            found = made.index_so_far()
            # Retention goes by the time of the last line.
            moment = parse_rfc3339(found.times.largest or one.segment.first_time)
            os.utime(file.fileno(), (moment, moment))
        return found

    def _copy_text(self, number: int, size: int) -> RestoredSegment:
        """Copy the text of a segment. Raises CentreError and OSError."""
        disk = self._disk
        lines = self._fetch_file(str(number), size, _TEXT)
        with Descriptor(disk.open(_TEXT, os.O_RDONLY)) as fd:
            name = sealed_name(number, first_moment(fd))
        for found in sealed_files(disk):
            # An earlier attempt left this one, with less text.
            if found.number == number and found.form is Form.PLAIN:
                disk.unlink(found.name)
        disk.rename(_TEXT, name)
        disk.sync_directory()
        return RestoredSegment(name, size, lines)

    def _fetch_file(self, wanted: str, size: int, name: str) -> int:
        """Fetch a file, or a segment's text by its number, to the disk; return how many LFs it has.

        wanted: name at the centre. name: name of the file here.
        """
        disk = self._disk
        self._require_room(size)
        fd = disk.create_anew(name)
        try:
            at = lines = 0
            while at < size:
                piece = self._centre.fetch_piece(wanted, at, size)
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

    def _complete_store(self) -> None:
        """Turn the directory into a store that goes on after the copied segments."""
        disk, state = self._disk, self.state
        texts = {number for number, _ in state.texts}
        for found in sealed_files(disk):
            if found.form is Form.PLAIN and found.number not in texts:
                # The same segment was copied later in its compressed form.
                disk.unlink(found.name)
        # An empty active segment is not copied: its number is used again.
        following = state.position.segment + bool(state.position.offset)
        save_number(following, disk)
        repair_synced_file(disk)
        disk.replace_durably(origins.NAME, make_notes_file(state.notes).to_bytes())
        self.identity = identity.make_identity(disk, Position(following, 0), self._random)
        complete_store(disk)


def verified_frames(file: BinaryIO) -> Iterator[tuple[bytes, PackedFrame]]:
    """Yield the verified text of each frame of a file, and its packed size and checksum.

    Only the text, of limited size, is in memory: a frame is unpacked while it is read. Raises OSError, and
    ValueError for an invalid frame, or more frames than a segment may have.
    """
    fd = file.fileno()
    at, count, end = 0, 0, os.fstat(fd).st_size
    while at < end:
        found = heads.frame_sizes_at(lambda at, size: os.pread(fd, size, at), at, end)
        if (
            found is None
            or not zstandard.get_frame_parameters(os.pread(fd, heads.LONGEST, at)).has_checksum
        ):
            raise ValueError(f"no whole frame with its size and a checksum begins at byte {at:,}")
        count += 1
        if count > heads.MOST:
            raise ValueError(f"it has more frames than a segment may have: {heads.MOST:,}")
        yield _unpack_frame(fd, at, *found)
        at += found[0]


class _FileExtent:
    """A part of a file, with a running CRC-32 of the bytes read."""

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


def _unpack_frame(fd: int, at: int, size: int, content: int) -> tuple[bytes, PackedFrame]:
    """Return the text of a frame, and its packed size and checksum. Raises ValueError.

    at, size: place of the frame in bytes. content: expected bytes of text.
    """
    source = _FileExtent(fd, at, size)
    try:
        with zstandard.ZstdDecompressor().stream_reader(source, read_size=_READ) as reader:  # type: ignore[arg-type]
            text = reader.read(content)
            # A second read makes the reader compare the checksum, which follows the text.
            if len(text) != content or reader.read(1):
                raise ValueError("a frame has another size than it should")
    except zstandard.ZstdError as error:
        raise ValueError(fault_text(error)) from error
    return text, PackedFrame(size, source.crc)
