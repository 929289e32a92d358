"""Any bit of a small file that changes, any cut: told, or the same lines and positions, each once."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import attrs
import pytest

from logsrv.errors import StoreError
from logsrv.kit.text.checksums import line_with_checksum
from logsrv.linelog.store import format, lock, place
from logsrv.linelog.store.blocks import BlockNote, NotesFile
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.notes import archive_notes, backup_note, imported, origins
from logsrv.linelog.store.notes.backup_note import BackupNote
from logsrv.linelog.store.notes.imported import ImportedFiles, load
from logsrv.linelog.store.notes.origins import Origins
from logsrv.linelog.store.notes.segment_notes import (
    RemovedRun,
    note_empty,
    note_removed,
    note_waiting,
    read_empty_runs,
    read_removed,
    read_waiting,
)
from logsrv.linelog.store.segment import Position, save_number
from logsrv.linelog.store.starting import recover
from tests.parts.examined_stores import at, found, manifest_of, packed_of, small_store
from tests.parts.reactor import logged
from tests.parts.strangers import at_most

EDGES = ["0b" * 16, "0c" * 16, "0d" * 16]
STRIDE = 41
# A start takes 20 ms: every bit of every file is six minutes, which the scheduled run has.
FINE = int(os.environ.get("LOGSRV_BIT_STRIDE", "7"))
BY_NIGHT = (pytest.mark.long, pytest.mark.nightly)
# What a start reads, and what others do.
STARTED = ["number", "synced", "store", "origins", "lock"]
READERS: dict[str, Callable[[Path], Any]] = {
    "imported": lambda store: imported.load(at(store)),
    "empty": lambda store: read_empty_runs(at(store)),
    "removed": lambda store: read_removed(at(store)),
    "waiting": lambda store: read_waiting(at(store)),
    "format": lambda store: format.load_format(at(store)),
    "backup": lambda store: backup_note.load(at(store)),
    "ship/centre": lambda store: place.load(at(store / "ship"), "centre"),
    "alerts/1": lambda store: place.load(at(store / "alerts"), "1"),
    "ship/archive.archive": lambda store: archive_notes.read_archive_url(
        at(store / "ship"), "archive.archive"
    ),
    "*.archived": lambda store: archive_notes.local_manifest(at(store), packed_of(store)[0]),
    "*1-2*.log.zst.idx": lambda store: index.load(packed_of(store)[0], at(store)),
}
BEYOND = '{"files":[],"under_way":[],"begun":[Infinity,0],"zone":""}'


def full_store(directory: Path) -> Path:
    """A store with every kind of small file, as a centre that has come to its end in order leaves it."""
    store = small_store(directory)
    disk = at(store)
    save_number(5, disk)
    note_empty(5, disk)
    note_waiting(4, 7, disk)
    note_removed([RemovedRun(range(3, 4), 1_048_576, 9_000), RemovedRun(range(4, 5), 7, 1)], disk)
    text = (store / "current.log").read_bytes()
    one, two = text[:21], text[21:]
    blocks = [
        BlockNote(Position(4, 0), EDGES[0], Position(3, 0), Position(3, 9), 7),
        BlockNote(Position(5, 0), EDGES[1], Position(1, 0), Position(1, 21), crc32(one), 17),
        BlockNote(Position(5, 21), EDGES[2], Position(8, 0), Position(8, len(two)), crc32(two)),
    ]
    disk.replace_durably(origins.NAME, NotesFile(tuple(blocks)).to_bytes())
    imported.ImportedFiles([["/srv/old.log", 4711, 1_764_000_000_000_000_000]]).save(disk)
    backup_note.save_backup_note(
        disk, BackupNote("complete", "backup", "0a" * 16, Position(5, 0), lines=7)
    )
    archive_notes.save_local_manifest(disk, packed_of(store)[0], manifest_of(store))
    (store / "lock").write_bytes(b"")
    with at(store / "ship") as ship:
        archive_notes.save_archive_url(ship, "archive", "file:///srv/archive")
    (store / "format").write_bytes(line_with_checksum(b"1 0.1.1"))
    disk.close()
    return store


@attrs.frozen
class Start:
    """What a start made of a store: where lines go on, whose it is, and how far each origin is."""

    number: int
    segments_to_skip: int
    store: str | None
    positions: tuple[Position | str | None, ...]
    texts: dict[str, bytes]


def started(store: Path) -> Start:
    """Start it as a server does, and let go of it."""
    with at(store) as disk:
        left_by = (store / lock.NAME).read_bytes()
        begun = recover.repair_and_open(disk, crashed=bool(left_by.strip()))
        known = recover.load_or_make_identity(disk)
        for fd in begun.opened.fd, begun.opened.beside:
            os.close(fd)
        coming = Origins(disk, begun.origins)
        positions = [
            coming.why_unknown(one) or coming.end_of_last_block(one) for one in (*EDGES, "0e" * 16)
        ]
        texts = {one.name: one.read_bytes() for one in store.glob("*.log*") if one.is_file()}
        return Start(
            begun.number,
            begun.segments_to_skip,
            known.store if known else None,
            tuple(positions),
            texts,
        )


def changes(data: bytes, stride: int) -> Iterator[bytes]:
    """Every bit changed, and every cut; or some of them."""
    for bit in range(0, 8 * len(data), stride):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)
    for size in range(0, len(data), 1 + stride // 8):
        yield data[:size]


@pytest.mark.parametrize("stride", [STRIDE, pytest.param(FINE, marks=BY_NIGHT)])
@pytest.mark.parametrize("name", READERS)
def test_a_damaged_file_is_refused_by_its_reader(tmp_path, name, stride):
    """Whoever reads it says so, and the doctor does; never is it taken for something else."""
    store = full_store(tmp_path / "store")
    [path] = store.glob(name)
    data, read = path.read_bytes(), READERS[name]
    right = read(store)
    for changed in changes(data, stride):
        path.write_bytes(changed)
        try:
            assert read(store) == right
        except (OSError, ValueError, StoreError):
            continue
    path.write_bytes(data[:-3] + bytes([data[-3] ^ 1]) + data[-2:])
    assert path.name in {one.name.rpartition("/")[2] for one in found(store, quick=True)}


@pytest.mark.parametrize("stride", [STRIDE, pytest.param(FINE, marks=BY_NIGHT)])
@pytest.mark.parametrize("name", STARTED)
def test_a_start_on_a_damaged_file_says_so_or_changes_nothing(tmp_path, name, stride):
    """No line gets another position, no block comes twice, and it never is another store in silence."""
    made, store = full_store(tmp_path / "made"), tmp_path / "store"
    shutil.copytree(made, store)
    right = started(store)
    data = (made / name).read_bytes() or b"77\n"
    for changed in changes(data, stride):
        shutil.rmtree(store)
        shutil.copytree(made, store)
        (store / name).write_bytes(changed)
        with logged() as said:
            start = started(store)
        assert (start.number, start.texts) == (right.number, right.texts), changed
        assert start.store in (right.store, None), changed
        for here, was in zip(start.positions, right.positions, strict=True):
            assert here == was or isinstance(here, str), changed
        # A second start, of what the first has made of it, finds nothing else.
        assert attrs.evolve(started(store), segments_to_skip=start.segments_to_skip) == start, (
            changed
        )
        # An owner that was killed: whatever the file holds says so.
        assert any(name in one for one in said) or name == "lock", changed


def test_the_file_imported_is_read_as_it_was_saved(tmp_path):
    disk = Disk().open_directory(tmp_path)
    assert load(disk) == ImportedFiles()
    done = ImportedFiles([["/a", 1, 2]], [["/b\xff", 3, 4]], Position(7, 8), "CET CEST")
    done.save(disk)
    assert load(disk) == done
    disk.close()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 1}', "\xff", BEYOND, "[" * 100_000])
def test_a_damaged_file_imported_is_one_sentence(tmp_path, text):
    (tmp_path / "imported").write_text(text)
    with pytest.raises(StoreError, match="does not say what was imported"):
        load(Disk().open_directory(tmp_path))


@pytest.mark.slow
def test_a_file_imported_without_an_end_takes_little_memory(tmp_path):
    (tmp_path / "imported").touch()
    os.truncate(tmp_path / "imported", 1 << 30)
    with at_most(400 << 20), pytest.raises(StoreError, match="does not say what was imported"):
        load(Disk().open_directory(tmp_path))
