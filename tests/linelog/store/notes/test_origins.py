"""The file `origins`: what a start makes of it, and of what a crash left of blocks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.fields.erased_line import erased_text
from logsrv.linelog.store.blocks import BlockNote, make_notes_file, parse_notes_file
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.erased import ErasedNotes, save_erased
from logsrv.linelog.store.notes.origins import (
    ENOUGH,
    MOST_LINES,
    NAME,
    BlocksUnderWay,
    Origins,
    cut_incomplete_blocks,
)
from logsrv.linelog.store.segment import ACTIVE, Position
from tests.linelog.store.origin_notes import ONE, OTHER, TEXTS, note, two, written
from tests.parts.disks import FaultyDisk
from tests.parts.reactor import logged


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    disk = Disk().open_directory(tmp_path)
    yield disk
    disk.close()


def settled(disk: Disk, number: int, *, crashed: bool) -> list[BlockNote]:
    return list(cut_incomplete_blocks(disk, number, crashed=crashed).notes)


def test_notes_of_blocks_are_found_again(disk, tmp_path):
    origins = Origins(disk)
    assert origins.last_block(ONE) is None
    for step in range(3):
        origins.write_notes([note(ONE, b"x" * 10, Position(1, 10 * step), 10 * step)])
    origins.close()
    (tmp_path / ACTIVE).write_bytes(b"x" * 30)
    found = Origins(disk, cut_incomplete_blocks(disk, 1, crashed=False))
    last = found.last_block(ONE)
    assert last is not None
    assert last.end == Position(3, 30)
    assert len(found) == 1


def test_a_notes_file_that_grows_is_written_anew(disk, tmp_path):
    """With the last block of each origin, and those that are about to be stored."""
    origins = Origins(disk)
    for step in range(MOST_LINES + 5):
        made = note(ONE, b"x" * 10, Position(1, 10 * step), 10 * step)
        origins.write_notes([made])
        origins.record_stored([made])
    origins.close()
    lines = (tmp_path / NAME).read_bytes().splitlines()
    assert len(lines) < 10
    assert origins.last_block(ONE) == made


@pytest.mark.parametrize("crashed", [False, True])
def test_blocks_that_stay_after_a_crash_are_synced(crashed, tmp_path):
    """A kill leaves them whole in memory; a power cut behind the start would take text, not notes."""
    disk = FaultyDisk()
    disk.open_directory(tmp_path)
    written(disk, *two())
    (tmp_path / ACTIVE).write_bytes(b"abc\n" + TEXTS[0] + TEXTS[1])
    assert settled(disk, 5, crashed=crashed) == two()
    assert ((tmp_path / ACTIVE).stat().st_ino in disk.synced) == crashed
    disk.close()


def test_blocks_that_are_whole_stay_after_a_crash(disk, tmp_path):
    written(disk, *two())
    (tmp_path / ACTIVE).write_bytes(b"abc\n" + TEXTS[0] + TEXTS[1] + b"lines of others\n")
    assert settled(disk, 5, crashed=True) == two()


@pytest.mark.parametrize("whole", [0, 1])
def test_an_incomplete_block_is_cut_off_with_its_note(disk, tmp_path, whole):
    """And all behind it: they were written together, and nobody was told that they are safe."""
    written(disk, *two())
    text = b"abc\n" + (TEXTS[0] if whole else b"")
    (tmp_path / ACTIVE).write_bytes(text + TEXTS[whole][:11])
    with logged() as said:
        assert settled(disk, 5, crashed=True) == two()[:whole]
    assert (tmp_path / ACTIVE).read_bytes() == text
    assert any("bytes of an incomplete block" in one for one in said)
    # It holds for the next start, whose segment is another one.
    assert settled(disk, 6, crashed=True) == two()[:whole]


def test_a_hole_in_the_middle_of_a_block_is_noticed(disk, tmp_path):
    """A power cut leaves the size and not the text."""
    written(disk, *two())
    (tmp_path / ACTIVE).write_bytes(b"abc\n" + bytes(len(TEXTS[0])) + TEXTS[1])
    assert settled(disk, 5, crashed=True) == []
    assert (tmp_path / ACTIVE).read_bytes() == b"abc\n"


def test_a_block_in_which_lines_were_erased_is_whole(disk, tmp_path):
    """Cut off, it would come again from its sender, with these lines."""
    written(disk, *two())
    text = b"abc\n" + erased_text(TEXTS[0]) + TEXTS[1]
    (tmp_path / ACTIVE).write_bytes(text)
    save_erased(ErasedNotes().with_segment(5, 4, 9), disk)
    assert settled(disk, 5, crashed=True) == two()
    assert (tmp_path / ACTIVE).read_bytes() == text
    # Unless a part of it never reached the disk.
    (tmp_path / ACTIVE).write_bytes(b"abc\n" + bytes(len(TEXTS[0])) + TEXTS[1])
    assert settled(disk, 5, crashed=True) == []


def test_a_torn_note_was_never_followed_by_its_block(disk, tmp_path):
    written(disk, *two())
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data[:-9])
    (tmp_path / ACTIVE).write_bytes(b"abc\n" + TEXTS[0] + b"lines of others\n")
    assert settled(disk, 5, crashed=True) == two()[:1]
    assert (tmp_path / NAME).read_bytes() == make_notes_file([]).to_bytes() + two()[0].as_line()
    assert (tmp_path / ACTIVE).read_bytes().endswith(b"others\n")


def test_nothing_is_cut_off_behind_a_stop_in_order(disk, tmp_path):
    """Somebody has made the file smaller: what is left of it is no business of ours."""
    written(disk, *two())
    (tmp_path / ACTIVE).write_bytes(b"abc\n" + TEXTS[0] + b"anything")
    assert settled(disk, 5, crashed=False) == two()[:1]
    assert (tmp_path / ACTIVE).read_bytes().endswith(b"anything")


def test_lines_behind_a_block_are_never_cut_off(disk, tmp_path):
    written(disk, *two())
    text = b"abc\n" + b"?" * len(TEXTS[0] + TEXTS[1]) + b"lines of others\n"
    (tmp_path / ACTIVE).write_bytes(text)
    with logged() as said:
        assert settled(disk, 5, crashed=True) == []
    assert (tmp_path / ACTIVE).read_bytes() == text
    assert any("may be stored twice" in one for one in said)


def test_notes_of_a_segment_that_is_not_there_yet_tell_of_nothing(disk):
    """A directory that was put together from two backups."""
    written(disk, *two(number=9))
    assert settled(disk, 5, crashed=True) == []


def test_a_damaged_note_in_the_middle_is_reported(disk, tmp_path):
    (tmp_path / NAME).write_bytes(b"what is this\n" + two()[0].as_line())
    with logged() as said:
        assert settled(disk, 6, crashed=False) == two()[:1]
    assert any("is damaged: 1 of its lines cannot be used" in one for one in said)


def test_a_store_without_notes_has_no_origins(disk):
    assert settled(disk, 5, crashed=True) == []


def test_damaged_notes_stay_until_an_operator_repairs_the_file(disk, tmp_path):
    """A store whose place it may have told is refused; the others go on, and the file is written anew."""
    (tmp_path / NAME).write_bytes(two()[0].as_line() + b"what is this\n" + two()[1].as_line())
    origins = Origins(disk, cut_incomplete_blocks(disk, 6, crashed=False))
    for _ in range(2):
        assert [bool(origins.why_unknown(one)) for one in (ONE, OTHER, 32 * "c")] == [
            True,
            False,
            True,
        ]
        more = note(OTHER, TEXTS[1], Position(6, 0), start=len(TEXTS[1]))
        origins.write_notes([more])
        origins.record_stored([more])
        origins.finish()
        (tmp_path / ACTIVE).write_bytes(TEXTS[1])
        found = cut_incomplete_blocks(disk, 6, crashed=False)
        assert found.damaged == (b"what is this\n",) and found.sure == {OTHER}
        origins = Origins(disk, found)


def test_a_torn_line_behind_an_end_in_order_is_damage(disk, tmp_path):
    """Its block is here: its origin must not bring it again."""
    written(disk, *two())
    data = (tmp_path / NAME).read_bytes()
    (tmp_path / NAME).write_bytes(data[:-9])
    (tmp_path / ACTIVE).write_bytes(b"abc\n" + TEXTS[0] + TEXTS[1])
    with logged() as said:
        origins = Origins(disk, cut_incomplete_blocks(disk, 5, crashed=False))
    assert origins.why_unknown(ONE) and origins.why_unknown(OTHER)
    assert any("Blocks of all stores are refused" in one for one in said)
    # Also for a start after that one was killed.
    assert Origins(disk, cut_incomplete_blocks(disk, 5, crashed=True)).why_unknown(OTHER)


def test_one_changed_bit_in_the_notes_is_corrected(disk, tmp_path):
    written(disk, *two())
    data = bytearray((tmp_path / NAME).read_bytes())
    (tmp_path / NAME).write_bytes(data[:-20] + bytes([data[-20] ^ 1]) + data[-19:])
    (tmp_path / ACTIVE).write_bytes(b"abc\n" + TEXTS[0] + TEXTS[1])
    with logged() as said:
        found = cut_incomplete_blocks(disk, 5, crashed=True)
    assert found.notes == tuple(two()) and not Origins(disk, found).why_unknown(32 * "c")
    assert any("one bit had changed in 1 line of" in one for one in said)
    assert parse_notes_file((tmp_path / NAME).read_bytes()).changed == 0


def test_behind_an_end_in_order_the_file_tells_how_many_lines_it_has(disk, tmp_path):
    origins = Origins(disk)
    for one in two():
        origins.write_notes([one])
        origins.record_stored([one])
    origins.finish()
    data = (tmp_path / NAME).read_bytes()
    assert data == make_notes_file(two()).to_bytes()
    assert parse_notes_file(data[: -len(two()[1].as_line())]).damaged


FIRST, SECOND = Position(1, 10), Position(1, 20)


def test_the_last_block_under_way_tells_the_place_of_its_origin():
    under_way = BlocksUnderWay()
    under_way.add_block(ONE, FIRST, 10)
    under_way.add_block(ONE, SECOND, 10)
    under_way.add_block(OTHER, FIRST, 5)
    assert (under_way.last_end(ONE), under_way.last_end(OTHER)) == (SECOND, FIRST)
    assert (len(under_way), under_way.size) == (3, 25)
    under_way.remove_first_block(ONE, 10)
    assert under_way.last_end(ONE) == SECOND
    under_way.remove_first_block(ONE, 10)
    under_way.remove_first_block(OTHER, 5)
    assert under_way.last_end(ONE) is None
    assert (len(under_way), under_way.size) == (0, 0)


def test_blocks_that_wait_for_room_get_it_in_their_order():
    under_way = BlocksUnderWay()
    assert under_way.reserve(ENOUGH) is None
    under_way.add_block(ONE, FIRST, ENOUGH)
    under_way.release(ENOUGH)
    assert under_way.size == ENOUGH
    assert under_way.reserve(1) is None
    waiting = [under_way.reserve(ENOUGH) for _ in range(3)]
    small = under_way.reserve(1)

    def called() -> list[bool]:
        return [one is not None and one.called for one in (*waiting, small)]

    under_way.remove_first_block(ONE, ENOUGH)
    assert called() == [True, False, False, False]
    under_way.release(1)
    assert called() == [True, True, False, False]
    under_way.release(ENOUGH)
    assert called() == [True, True, True, False]
    under_way.release(ENOUGH)
    assert called() == [True, True, True, True]
    under_way.release(ENOUGH)
    under_way.release(1)
    assert under_way.size == 0


def test_a_later_block_does_not_overtake_a_waiting_one():
    under_way = BlocksUnderWay()
    assert under_way.reserve(ENOUGH + 1) is None
    first = under_way.reserve(ENOUGH + 1)
    assert first is not None and not first.called
    under_way.release(ENOUGH + 1)
    assert first.called and under_way.reserve(1) is not None
