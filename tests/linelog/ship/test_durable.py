"""What leaves is on the medium: a power cut takes nothing back that a far side has."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.read.texts import PackedFrames
from logsrv.linelog.read.view import View
from logsrv.linelog.ship.batches import SegmentSyncer
from logsrv.linelog.store.segment import Position
from tests.parts.stores import Writer, line, make_store, view_of


class Medium:
    """The syncs of this process: up to which size a file is on the medium, and how often it was synced."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.sizes: dict[int, int] = {}
        self.syncs: list[int] = []
        self.names = 0
        self.why: OSError | None = None
        sync = os.fdatasync

        def fdatasync(fd: int) -> None:
            if self.why is not None:
                raise self.why
            found = os.fstat(fd)
            self.sizes[found.st_ino] = found.st_size
            self.syncs.append(found.st_size)
            sync(fd)

        def sync_directory(view: View) -> None:
            self.names += 1

        patch.setattr(os, "fdatasync", fdatasync)
        patch.setattr(View, "sync_directory", sync_directory)


@pytest.fixture
def medium(monkeypatch: pytest.MonkeyPatch) -> Medium:
    return Medium(monkeypatch)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(tmp_path / "logs")
    yield writer
    writer.disk.close()


def test_one_sync_serves_all_lines_that_came_meanwhile(writer, medium):
    for _ in range(3):
        writer.write()
    size = os.stat(writer.directory / "current.log").st_size
    segment = SegmentSyncer(view_of(writer.directory))
    assert segment.open_segment(1) is not None
    assert medium.names == 1
    assert segment.sync_whole_lines(0) == size
    writer.write()
    assert segment.sync_whole_lines(size - 1) == size and len(medium.syncs) == 1
    assert segment.sync_whole_lines(size) > size and len(medium.syncs) == 2
    # Nothing new is no reason for a sync.
    end = segment.sync_whole_lines(size)
    assert segment.sync_whole_lines(end) == end and len(medium.syncs) == 2
    assert not segment.ended
    segment.close()


def test_a_line_without_its_end_waits_for_it(writer, medium):
    writer.write()
    current = writer.directory / "current.log"
    size = current.stat().st_size
    with open(current, "ab") as file:
        file.write(b"half")
        file.flush()
        segment = SegmentSyncer(view_of(writer.directory))
        segment.open_segment(1)
        assert segment.sync_whole_lines(0) == size
        file.write(b" and half\n")
    assert segment.sync_whole_lines(size) == size + 14
    segment.close()


def test_a_segment_that_ends_is_read_to_its_end(writer, medium):
    writer.write()
    segment = SegmentSyncer(view_of(writer.directory))
    segment.open_segment(1)
    end = segment.sync_whole_lines(0)
    writer.write()
    writer.rotate()
    assert segment.sync_readable_end(Position(1, end)) == Position(1, 2 * end)
    assert segment.ended and medium.syncs == [end, 2 * end]
    assert segment.sync_readable_end(Position(1, 2 * end)) == Position(2, 0)
    assert segment.sync_readable_end(Position(2, 0)) == Position(2, 0)
    segment.close()


def test_the_compressed_form_takes_the_place_of_the_plain_one(writer, medium):
    writer.write()
    writer.rotate()
    segment = SegmentSyncer(view_of(writer.directory))
    plain = segment.open_segment(1)
    assert segment.open_segment(1) is plain
    writer.seal()
    names = medium.names
    packed = segment.open_segment(1)
    assert isinstance(packed, PackedFrames) and medium.names == names + 1
    assert segment.sync_whole_lines(0) == packed.size and segment.ended
    segment.close()


def test_a_removed_segment_is_read_from_the_open_file(writer, medium):
    writer.write()
    writer.rotate()
    segment = SegmentSyncer(view_of(writer.directory))
    plain = segment.open_segment(1)
    for path in writer.directory.glob("0000000001-*"):
        path.unlink()
    assert segment.open_segment(1) is plain and segment.sync_whole_lines(0) > 0
    segment.close()
    assert segment.open_segment(1) is None and segment.next_segment_number(1) == 2
    assert segment.sync_readable_end(Position(1, 0)) == Position(2, 0)
    assert segment.next_segment_number(2) is None
    segment.close()


def test_after_a_sync_that_failed_only_the_compressed_file_is_believed(writer, medium):
    """The kernel lets go of what it could not write: the next sync works, and says nothing of that."""
    writer.write()
    segment = SegmentSyncer(view_of(writer.directory))
    segment.open_segment(1)
    medium.why = OSError(5, "Input/output error")
    with pytest.raises(
        StoreError, match=r"current\.log cannot be synced to the disk: Input/output"
    ):
        segment.sync_whole_lines(0)
    medium.why = None
    for _ in range(2):
        with pytest.raises(StoreError, match="it is sent when it is compressed"):
            segment.open_segment(1)
    writer.rotate()
    writer.seal()
    frames = segment.open_segment(1)
    assert frames is not None and segment.sync_whole_lines(0) == frames.size
    segment.close()


def test_a_disk_that_does_not_sync_names_lets_nothing_leave(tmp_path, monkeypatch):
    directory = make_store(tmp_path / "logs", [[line("x")]])

    def failing(_: View) -> None:
        raise OSError(5, "Input/output error")

    segment = SegmentSyncer(view_of(directory))
    with monkeypatch.context() as patch:
        patch.setattr(View, "sync_directory", failing)
        with pytest.raises(OSError, match="Input/output"):
            segment.open_segment(1)
    assert segment.open_segment(1) is not None
    segment.close()
