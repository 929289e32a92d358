"""Stores with sealed segments, and archives of them, for tests."""

from pathlib import Path

from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.identity import Identity, save_identity
from logsrv.linelog.store.notes.archive_notes import save_archive_url, save_local_manifest
from logsrv.linelog.store.segment import (
    Form,
    Position,
    Segment,
    sealed_segments,
)
from tests.parts.stores import lines, make_store

STORE = "ab" * 16
APART = 5000
"""Seconds between the first lines of two segments."""
RARE = ("quince", "walnut", "damson")
"""A word of each segment that the others do not have."""


def sealed_store(directory: Path, segments: int = 2, count: int = 3000) -> Path:
    """A store with so many sealed segments, which have indexes of words; and lines behind them."""
    held = [
        lines(
            [
                f"segment {number} line {each} {'common' if each % 1000 else RARE[number - 1]}"
                for each in range(count)
            ],
            number * APART,
        )
        for number in range(1, segments + 1)
    ]
    make_store(directory, [*held, lines(["the last one"], (segments + 1) * APART)])
    disk = Disk().open_directory(directory)
    save_identity(disk, Identity(STORE, Position(1, 0)))
    disk.close()
    return directory


def packed(directory: Path) -> list[Segment]:
    """Its compressed segments."""
    disk = Disk().open_directory(directory)
    try:
        return [one for one in sealed_segments(disk) if one.form is Form.PACKED]
    finally:
        disk.close()


def archive_all(store: Path, place: Path, identity: str = STORE) -> DirectoryArchive:
    """Put all sealed segments of a store into an archive, and note that beside them."""
    place.mkdir(exist_ok=True)
    archive = DirectoryArchive(str(place))
    disk = Disk().open_directory(store)
    for one in packed(store):
        save_local_manifest(disk, one, put_segment(archive, one, disk, identity))
    disk.close()
    (store / "ship").mkdir(exist_ok=True)
    folder = Disk().open_directory(store / "ship")
    save_archive_url(folder, "far", f"file://{place}")
    folder.close()
    return archive


def remove_texts(store: Path) -> None:
    """Remove the compressed texts, as retention does with --keep-indexes."""
    for path in store.glob("*.log.zst"):
        path.unlink()


def files_of(directory: Path) -> dict[str, bytes]:
    """The files below a directory, but for temporary ones, which a kill may leave."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in sorted(directory.rglob("*"))
        if path.is_file() and path.suffix != ".tmp"
    }
