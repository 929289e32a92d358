"""Files of a store, and blocks and archives of it: indexes, catalogs, notes, positions, manifests.

Most of them have checksums. So an input is tried as it is, and as damage of a valid file: the damage is
noticed, or makes no difference.
"""

import json
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any

from logsrv.errors import StoreError
from logsrv.kit.children.frames import MessageReader, frame_parts
from logsrv.kit.text.outside_json import parse_json
from logsrv.linelog.archive import catalog as archive_catalogs
from logsrv.linelog.archive.names import archived_segment_names
from logsrv.linelog.columns.layout import (
    CRC_KEY,
    VERSIONS,
    decode_columns_head,
    decode_sums,
    encode_sums,
    offsets_of_sums,
    sum_of_footer,
)
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.intake.blocks.parse import check_and_count_lines, split_frames, unpack_frames
from logsrv.linelog.store import identity, place
from logsrv.linelog.store.blocks import (
    BlockNote,
    make_notes_file,
    parse_notes_file,
)
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import compressor, frame_sizes_at, unpack_frame
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.kept_continuations import decode_continuations
from logsrv.linelog.store.notes import erase_plan, imported, manifest
from logsrv.linelog.store.notes.digest import FileDigest
from logsrv.linelog.store.packed_block import block_from_headers, check_block_text
from logsrv.linelog.store.segment import Position, parse_position
from logsrv.linelog.store.starting.torn import is_stamp_or_beginning, repair_text
from logsrv.linelog.store.times import Times, time_of, times_of
from logsrv.linelog.store.words.layout import CRC, HEADER_SIZE, TRAILER_SIZE, with_crc
from logsrv.linelog.store.words.lookup import PartialFile, WordIndex
from tests.fuzz.oracles import at_most, outcome_of, same_however_cut
from tests.fuzz.target import target
from tests.parts.blocks import block_of
from tests.parts.disks import STAMP, stored
from tests.parts.word_indexes import stored_index

TIME = "2026-11-20T06:18:42.123456Z"
STORE = "0a" * 16


def damaged(right: bytes, data: bytes) -> bytes:
    """Return a file with some bytes changed, maybe cut off; three bytes of the input say one change."""
    changed = bytearray(right)
    for at in range(0, len(data) - 2, 3):
        changed[int.from_bytes(data[at : at + 2], "big") % len(changed)] ^= data[at + 2]
    return bytes(changed[: len(changed) - len(data) % 3 * 7])


def unharmed(right: bytes, data: bytes, read: Callable[[bytes], object]) -> None:
    """Demand that damage is noticed, or that the same is read in spite of it."""
    wrong = damaged(right, data)
    found = outcome_of(lambda: read(wrong), ValueError)
    assert found is ValueError or found == read(right), f"{wrong!r} is read as {found!r}"


@contextmanager
def directory(name: str, content: bytes) -> Iterator[Disk]:
    """Enter a directory with one file."""
    with TemporaryDirectory() as path:
        with open(os.path.join(path, name), "wb") as file:
            file.write(content)
        disk = Disk().open_directory(path)
        try:
            yield disk
        finally:
            disk.close()


@cache
def an_index() -> bytes:
    times = Times(TIME, TIME, True)
    frames = index.FrameStart(0, 0, 0, times), index.FrameStart(50, 20, 1, times)
    levels = (1, 0, 0, 0, 0, 0, 0, 0, 0), None
    return indexing.encode_index(index.Index(1, 100, 40, 2, frames, 4, 1, levels, b"12345678" * 2))


@target("linelog.store.index.segment_index")
def segment_index(data: bytes) -> None:
    """An index is read as it was written, or is a ValueError; also one with corrected checksums."""
    unharmed(an_index(), data, index.decode_index)
    unharmed(an_index(), data, index.decode_head)
    head = {"segment": 1, "text": 100, "compressed": 40, "lines": 2, "times": [None, None, True]}
    ours = {"format": 4, **head, "size": len(data), "crc": zlib.crc32(data), "rules": 1}
    text = json.dumps(ours, separators=(",", ":")).encode()
    for made in (data, b"%b %08x\n%b" % (text, zlib.crc32(text), data), _resigned(data)):
        with suppress(ValueError):
            index.decode_head(made)
        with suppress(ValueError):
            found = index.decode_index(made)
            assert found.frame_number_at(found.text) == len(found.frames)


@cache
def kept_of_a_frame() -> tuple[bytes, bytes]:
    """The text of a frame, and what an index keeps of its continuation lines, unpacked."""
    trace = [b"<11>Nov 20 06:18:42 web1 shop[7]: no", *[b"\tat x.Y.z(Y.java:3)"] * 3]
    text = stored(b"\tat x.Y.z(Y.java:2)", *trace, b"<14>Nov 20 06:18:43 web1 shop[7]: ok", *trace)
    earlier = EarlierTexts()
    earlier.add(StampedLines(stored(b"ERROR before")))
    kept = indexing.scan_frame(text, len(text), earlier).continuations
    assert kept
    return text, zlib.decompress(kept)


@target("linelog.store.index.kept_continuations")
def continuations(data: bytes) -> None:
    """Continuation lines that an index keeps are lines of the frame, or are a ValueError."""
    text, right = kept_of_a_frame()
    starts = {0, *(at + 1 for at, byte in enumerate(text) if byte == ord("\n"))}
    for made in (data, zlib.compress(data), zlib.compress(damaged(right, data))):
        with suppress(ValueError):
            found = decode_continuations(made, text, text.count(b"\n"))
            assert found.keys() <= starts and len(found) <= text.count(b"\n")


@target("linelog.columns.layout")
def columns(data: bytes) -> None:
    """The note and the checksums in a file of columns are read, or are a ValueError."""
    footer = CRC_KEY + b"\x18\x10" + bytes(16)
    sums = encode_sums(sum_of_footer(footer, offsets_of_sums(footer)), [zlib.crc32(data)])
    right = footer.replace(bytes(16), sums)
    assert decode_sums(right) == [zlib.crc32(data)]
    for made in (data, right + data, damaged(right, data)):
        with suppress(ValueError):
            decode_sums(made)
    for note in (data, b'{"versions": %s, %s' % (json.dumps(VERSIONS).encode(), data)):
        with suppress(ValueError):
            decode_columns_head(note)


def _resigned(data: bytes) -> bytes:
    line, _, rest = data.partition(b"\n")
    return b"%b %08x\n%b" % (line, zlib.crc32(line), rest)


@cache
def word_index() -> bytes:
    return stored_index(
        stored(b"the quick zebra", b"10.0.0.1 failed"), stored(b'{"a":"\\u0041"}'), section=1
    )


LITERALS = (b"zebra", b"quick z", b"10.0.0.1", b"\\u00", b"none of it", b"203.0.113.9")


def _looked_up(data: bytes) -> list[object]:
    found: list[object] = [
        _answers(WordIndex(source)) for source in (data, PartialFile(len(data), [(0, data)]))
    ]
    assert found[0] == found[1]
    return found


def _answers(words: WordIndex) -> list[object]:
    found: list[object] = [words.frames, words.text, words.essential_parts()]
    return found + [words.frames_with(literal) for literal in LITERALS]


@target("linelog.store.words.lookup", "linelog.store.words.layout")
def words(data: bytes) -> None:
    """A damaged word index raises an error before it leaves out a frame; also with corrected checksums."""
    unharmed(word_index(), data, _looked_up)
    for right in (data, damaged(word_index(), data)):
        if len(right) < HEADER_SIZE + TRAILER_SIZE:
            continue
        head, end = right[: HEADER_SIZE - CRC], right[-TRAILER_SIZE:-CRC]
        made = with_crc(head) + right[HEADER_SIZE:-TRAILER_SIZE] + with_crc(end)
        with suppress(ValueError):
            _looked_up(made)


def _manifest() -> manifest.Manifest:
    file = FileDigest(10, "ab" * 32)
    name = "0000000017-20261120T061842Z"
    files = {".log.zst": file, ".log.zst.idx": file}
    times = Times(TIME, TIME, True)
    return manifest.Manifest(STORE, name, files, 100, 2, times, ("cd" * 16,))


@target("linelog.store.notes.erase_plan")
def erase_plans(data: bytes) -> None:
    """Half a plan of an erase, or a damaged one, counts as none; a whole one is read as it was written."""
    runs = erase_plan.Runs()
    for number in range(len(data) % 9):
        runs.add(100 * number, 100 * number + 10)
    right = erase_plan.ErasePlan(TIME, "why", "ann", 1, 0, {3: runs, 17: runs}).to_bytes()
    for text in (data, right, damaged(right, data)):
        with suppress(ValueError):
            found = erase_plan.parse_plan(text)
            assert erase_plan.parse_plan(found.to_bytes()).to_bytes() == found.to_bytes()


@target("kit.text.outside_json")
def outside_json(data: bytes) -> None:
    """JSON of others is read as the json module reads it, up to the limit of values."""
    with suppress(ValueError, RecursionError):
        made = parse_json(data, 20)
        assert json.dumps(made) == json.dumps(json.loads(data))
        at_most(_number_of_lists(made), 20)


def _number_of_lists(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_number_of_lists, value.values()))
    return 1 + sum(map(_number_of_lists, value)) if isinstance(value, list) else 0


@target("linelog.store.notes.manifest", "linelog.archive.catalog")
def archive(data: bytes) -> None:
    """The manifest of an archive leads only to names of segments."""
    right = manifest.encode_manifest(_manifest())
    for text in (data, damaged(right, data)):
        try:
            found = manifest.decode_manifest(text)
        except ValueError:
            pass
        else:
            assert manifest.decode_manifest(manifest.encode_manifest(found)) == found
            for name in found.objects:
                assert name.startswith(f"{found.store}/") and name.count("/") == 1
                assert not name.startswith("/") and name.isascii()
        with suppress(ValueError):
            archive_catalogs.unpack_archive_catalog(text)
        with suppress(ValueError):
            packed = compressor().compress(text or b" ")
            for one in archive_catalogs.unpack_archive_catalog(packed):
                if one.words:
                    assert one.file is not None
    names = data.decode("utf-8", "replace").split()
    for name in archived_segment_names(names, STORE):
        assert "/" not in name
    for name in archive_catalogs.catalogs_in_use(names, STORE):
        archive_catalogs.last_archived_number([name])


@target("linelog.store.blocks", "linelog.store.segment")
def notes(data: bytes) -> None:
    """A note is read as it was written; a damaged line is skipped, and the lines around it are read."""
    made = BlockNote(Position(17, 5), STORE, Position(3, 0), Position(3, 9), 7, 12)
    right = made.as_line()
    for text in (data, damaged(right, data)):
        found = parse_notes_file(right + text + b"\n" + right)
        assert found.notes[0] == found.notes[-1] == made and found.sure >= {STORE}
        for note in found.notes:
            assert parse_notes_file(note.as_line()).notes == (note,)
        again = parse_notes_file(make_notes_file(found.notes, found).to_bytes())
        assert (again.damaged, again.sure, again.changed) == (found.damaged, found.sure, 0)
    parse_notes_file(data)
    signed = data.split(b"\n")[0] + b" "
    parse_notes_file(b"%b%08x\n" % (signed, zlib.crc32(signed)))
    with suppress(ValueError):
        found_place = parse_position(data.decode("utf-8", "replace"))
        assert parse_position(str(found_place)) == found_place


@target("linelog.store.place", "linelog.store.identity", "linelog.store.notes.imported")
def small_files(data: bytes) -> None:
    """Small files of a store are read as they were written, or raise the one error class for that."""
    text = data.rstrip(b"\n")
    signed = b"%b %08x\n" % (text, zlib.crc32(text))
    for content in (data, signed):
        with directory("place", content) as disk, suppress(ValueError):
            found = place.load(disk, "place")
            assert found is not None
            place.why_foreign(found, STORE, Position(1, 1))
    with directory(identity.NAME, data) as disk, suppress(ValueError):
        assert len(identity.load(disk).store) == 32  # type: ignore[union-attr]
    with directory(imported.NAME, data) as disk, suppress(StoreError):
        imported.load(disk)


def _unpack_first_frame(packed: bytes) -> None:
    sizes = frame_sizes_at(lambda at, size: packed[at : at + size], 0, len(packed))
    if sizes is not None:
        assert len(unpack_frame(packed[: sizes[0]], sizes[1])) == sizes[1]


@target(
    "linelog.store.packed_block",
    "linelog.intake.blocks.parse",
    "linelog.store.frames",
)
def blocks(data: bytes) -> None:
    """A block agrees with its headers, or is refused with a sentence; no more is unpacked than
    announced.
    """
    text = STAMP + b"one\n" + STAMP + b"two\n"
    right = block_of(STORE, text, Position(17, 0), None, "")
    for packed in (data, damaged(right.packed, data), right.packed + data):
        with suppress(ValueError):
            found = b""
            for part in unpack_frames(split_frames(packed, right.text_size)):
                found += part
                at_most(len(found), right.text_size)
            check_block_text(right, found)
            assert found == text
        with suppress(ValueError):
            _unpack_first_frame(packed)
    for raw in (False, True):
        with suppress(ValueError):
            whole = data + b"\n"
            assert sum(check_and_count_lines(whole, raw=raw)) == whole.count(b"\n")
            assert all(time_of(line) for line in whole.split(b"\n")[:-1])
    headers = dict(right.headers())
    for line in data.decode("latin-1").split("\n"):
        name, colon, value = line.partition(": ")
        if colon:
            headers[name] = value
    try:
        block = block_from_headers(headers, b"")
    except ValueError as error:
        at_most(len(str(error)), 200)
    else:
        assert block_from_headers(block.headers(), b"") == block


@target("linelog.store.starting.torn", "linelog.store.times")
def torn(data: bytes) -> None:
    """A text left by a power cut is repaired: only NULs are removed from lines, and lines keep
    positions.
    """
    is_stamp_or_beginning(data)
    times_of(data + b"\n")
    for synced in (None, 0, len(data) // 2, len(data)):
        with TemporaryDirectory() as path:
            name = os.path.join(path, "current.log")
            with open(name, "wb") as file:
                file.write(data)
            fd = os.open(name, os.O_RDWR)
            try:
                size, is_torn = repair_text(name, fd, synced)
                found = os.pread(fd, len(data) + 1, 0)
                again = repair_text(name, fd, size)
            finally:
                os.close(fd)
        assert len(found) == size <= len(data)
        assert is_torn == (bool(found) and not found.endswith(b"\n"))
        assert again == (size, is_torn)
        if synced is None:
            assert data.startswith(found)


@target("kit.children.frames")
def worker_messages(data: bytes) -> None:
    """Answers of a worker in a pipe are the same at every cut."""

    def outcome(pieces: list[bytes]) -> list[bytes]:
        reader = MessageReader()
        return [b"".join(one) for piece in pieces for one in reader.receive(piece)]

    same_however_cut(data, outcome)
    parts = data.split(b"\n")
    assert outcome([b"".join(frame_parts(*parts))]) == [b"".join(parts)]
