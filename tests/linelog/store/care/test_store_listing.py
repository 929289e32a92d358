"""A store at one moment: its segments, and a cut behind a whole line and a whole block."""

import os

import pytest

from logsrv.errors import StoreError
from logsrv.linelog.store.blocks import BlockNote
from logsrv.linelog.store.care.backup import cut_between_lines
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Position, open_active_and_list
from tests.parts.examined_stores import at, small_store
from tests.parts.stores import Writer, line


def test_a_listing_has_each_segment_once(tmp_path):
    fd, listed = open_active_and_list(at(small_store(tmp_path / "store")))
    assert (listed.active, list(listed.by_number)) == (5, [1, 2, 3, 4])
    assert os.fstat(fd).st_size
    os.close(fd)


def test_a_rotation_during_the_opening_makes_it_begin_again(tmp_path):
    writer = Writer(tmp_path / "store")
    writer.write()

    class Rotating(Disk):
        left = 2

        def open(self, name: str, flags: int) -> int:
            fd = super().open(name, flags)
            if self.left and name == "current.log":
                self.left -= 1
                writer.rotate()
                writer.write()
            return fd

    fd, listed = open_active_and_list(Rotating().open_directory(writer.directory))
    assert listed.active == 3
    assert os.path.samestat(os.fstat(fd), (writer.directory / "current.log").stat())
    os.close(fd)


def test_a_store_without_current_log_has_no_active_file(tmp_path):
    store = small_store(tmp_path / "store")
    (store / "current.log").unlink()
    assert open_active_and_list(at(store))[0] == -1


ONE, OTHER = "0b" * 16, "0c" * 16


def note(begin: int, size: int, origin: str = ONE, segment: int = 5) -> BlockNote:
    return BlockNote(
        Position(segment, begin), origin, Position(3, begin), Position(3, begin + size), 7
    )


def test_a_line_that_is_being_written_is_left_out(tmp_path):
    store = small_store(tmp_path / "store")
    size = (store / "current.log").stat().st_size
    with (store / "current.log").open("ab") as file:
        file.write(line("half")[:-1])
    made = cut_between_lines(at(store))
    assert (made.place, made.origins.notes) == (Position(5, size), ())
    os.close(made.fd)


def test_a_block_that_is_there_in_part_is_left_out_with_its_note(tmp_path):
    store = small_store(tmp_path / "store")
    size = (store / "current.log").stat().st_size
    whole, part = note(0, 63), note(63, 4000, OTHER)
    before = note(0, 9, OTHER, segment=4)
    (store / "origins").write_bytes(b"".join(one.as_line() for one in (before, whole, part)))
    made = cut_between_lines(at(store))
    assert made.place == Position(5, 63) < Position(5, size)
    assert set(made.origins.notes) == {whole, before}
    os.close(made.fd)


def test_notes_that_were_written_anew_meanwhile_are_read_again(tmp_path):
    store = small_store(tmp_path / "store")
    (store / "origins").write_bytes(note(0, 9).as_line())

    class Busy(Disk):
        reads = 0

        def read(self, name: str, size: int = -1) -> bytes:
            data = super().read(name, size)
            if name == "origins":
                self.reads += 1
                if self.reads == 1:
                    (store / "origins").write_bytes(note(9, 20).as_line())
            return data

    disk = Busy().open_directory(store)
    made = cut_between_lines(disk)
    assert made.origins.notes == (note(9, 20),) and disk.reads == 4
    os.close(made.fd)


def test_a_directory_without_current_log_is_no_store(tmp_path):
    with pytest.raises(StoreError, match="is no store"):
        cut_between_lines(at(tmp_path))
