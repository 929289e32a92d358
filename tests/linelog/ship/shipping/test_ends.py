"""The end of a segment and the beginning of the next are one place, also when the first is gone."""

from pathlib import Path

import pytest

from logsrv.linelog.store.segments.disk import Disk
from logsrv.linelog.store.segments.removed import RemovedRun, note_removed
from logsrv.linelog.store.segments.segment import Position
from tests.parts.ship_targets import FarSide, Process
from tests.parts.stores import Writer, line, make_store

SEGMENTS = [[line(f"{segment} {n}", n) for n in range(300)] for segment in range(3)]
TEXTS = [b"".join(lines) for lines in SEGMENTS]
ALL = b"".join(TEXTS)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", SEGMENTS, packed=1)


def shipped(directory: Path, far: FarSide) -> Process:
    """A process that has worked for some seconds."""
    process = Process(directory)
    process.blocks(far).start()
    process.run(2)
    return process


def test_a_segment_that_has_ended_is_not_kept_for_the_target(tmp_path):
    writer = Writer(tmp_path / "logs")
    writer.write()
    writer.rotate()
    far = FarSide()
    process = shipped(writer.directory, far)
    assert process.reports.of("passed")[0].position == Position(2, 0)
    process.kill()
    # The far side is at the end of the first, which is the same place.
    again = shipped(writer.directory, far)
    assert again.reports.kinds == ["passed", "up"]
    writer.write()
    again.run(1)
    assert len(far.blocks) == 2 and not far.blocks[1].gap


@pytest.mark.parametrize(("size", "gap"), [(len(TEXTS[1]), ""), (len(TEXTS[1]) + 7, "7")])
def test_a_segment_that_was_sent_and_removed_is_no_gap(directory, size, gap):
    far = FarSide()
    shipped(directory, far).kill()
    del far.blocks[2:], far.texts[2:]
    for path in directory.glob("0000000002-*"):
        path.unlink()
    disk = Disk().open_directory(directory)
    note_removed([RemovedRun(range(2, 3), size, 300)], disk)
    disk.close()
    process = shipped(directory, far)
    assert far.text == ALL and far.blocks[2].gap == gap
    assert [one.bytes for one in process.reports.of("gap")] == ([7] if gap else [])
