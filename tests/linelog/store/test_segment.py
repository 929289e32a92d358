"""Names and numbers on disk."""

import errno
import os

import pytest

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import (
    NOWHERE,
    Form,
    Listing,
    Position,
    Segment,
    away_segments,
    name_of_store,
    not_plain_files,
    number_of_store,
    open_active_and_list,
    parse_named_position,
    parse_position,
    read_synced,
    repair_synced_file,
    save_number,
    saved_number,
    sealed_name,
    segments,
    sync_number,
    synced_file_text,
    synced_position,
)
from logsrv.linelog.store.starting.tidy import loose_files
from logsrv.linelog.store.times import first_moment
from tests.parts.disks import MOMENT, at, stored
from tests.parts.examined_stores import small_store
from tests.parts.stores import Writer


def test_names_of_segments_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "0000000002-20261120T060003Z.log")
    (tmp_path / "notes").mkdir()
    (tmp_path / "0000000003-20261120T060003Z.log").touch()
    assert not_plain_files(at(tmp_path).entries()) == ["0000000002-20261120T060003Z.log"]


def test_segments_are_in_order_of_their_numbers_and_each_is_there_once(tmp_path):
    for name in (
        "0000000010-20200101T000000Z.log",
        "0000000002-20300101T000000Z.log.zst",
        "0000000003-20200101T000000Z.log.zst",
        "0000000003-20250101T000000Z.log.zst",
        "0000000003-20250101T000000Z.log",
        "0000000003-20250101T000000Z.log.zst.idx",
        "0000000003-20250101T000000Z.log.zst.words",
        "3-20250101T000000Z.log",
        "notes.log",
    ):
        (tmp_path / name).touch()
    found = [(one.number, one.form) for one in segments(at(tmp_path))]
    assert found == [
        (2, Form.PACKED),
        (3, Form.PACKED),
        (10, Form.PLAIN),
        (11, Form.ACTIVE),
    ]
    # A compressed file without an index is somebody's copy.
    assert segments(at(tmp_path))[1].name == "0000000003-20250101T000000Z.log.zst"


def test_the_name_tells_the_number_and_the_first_time():
    assert sealed_name(7, MOMENT) == "0000000007-20261120T061842Z.log"


def test_a_number_that_would_make_a_name_nothing_recognises_is_refused():
    assert sealed_name(9_999_999_999, MOMENT) == "9999999999-20261120T061842Z.log"
    with pytest.raises(OSError, match="no segment number 10000000000"):
        sealed_name(10_000_000_000, MOMENT)


def test_the_number_is_the_greater_of_the_saved_one_and_the_next(tmp_path):
    disk = at(tmp_path)
    assert Listing(disk).active == 1
    save_number(5, disk)
    assert Listing(disk).active == saved_number(disk) == sync_number(disk) == 5
    (tmp_path / sealed_name(5, MOMENT)).touch()
    assert Listing(disk).active == 6


def test_a_number_that_is_saved_during_a_sync_is_not_known_to_be_on_the_medium(tmp_path):
    """Retention would remove the names below it; after a power cut, a position would be used twice."""

    class Rotating(Disk):
        def fdatasync(self, fd: int) -> None:
            super().fdatasync(fd)
            save_number(6, self, sync=False)

    save_number(5, at(tmp_path))
    with Rotating().open_directory(tmp_path) as disk:
        assert sync_number(disk) == 5
        assert saved_number(disk) == 6


def test_a_number_is_written_again_before_its_sync(tmp_path):
    """A kernel drops what it could not sync; without another write, the next sync of it succeeds."""

    class Failing(Disk):
        def fdatasync(self, fd: int) -> None:
            written.append(os.fstat(fd).st_mtime)
            os.utime(fd, (1000, 1000))
            raise OSError(errno.EIO, "dropped")

    written: list[float] = []
    save_number(5, at(tmp_path))
    with Failing().open_directory(tmp_path) as disk:
        for _ in range(2):
            with pytest.raises(OSError, match="dropped"):
                sync_number(disk)
    assert saved_number(at(tmp_path)) == 5 and min(written) > 1000


def test_a_lower_number_never_replaces_a_higher_one(tmp_path):
    """The thread that seals may have read it before the thread that writes saved the higher one."""
    disk = at(tmp_path)
    for number in (6, 5):
        save_number(number, disk)
    assert saved_number(disk) == 6


@pytest.mark.parametrize("rubbish", [b"", b"\0\0", b"-3", b"x", b"9" * 100, b"12345678901"])
def test_a_number_file_that_makes_no_sense_is_as_if_it_were_missing(tmp_path, rubbish):
    (tmp_path / "number").write_bytes(rubbish)
    assert saved_number(at(tmp_path)) == 0
    assert Listing(at(tmp_path)).active == 1


def test_notes_of_a_version_that_knew_no_sums_are_read_and_get_one(tmp_path):
    disk = at(tmp_path)
    (tmp_path / "number").write_bytes(b"17             \n")
    (tmp_path / "synced").write_bytes(b"%-31s\n" % b"17:52311")
    assert (saved_number(disk), read_synced(disk)) == (17, (17, 52311))
    repair_synced_file(disk)
    assert (tmp_path / "synced").read_bytes() == synced_file_text(Position(17, 52311))
    # Damage is written over with what is always right.
    (tmp_path / "synced").write_bytes(b"9" + synced_file_text(Position(17, 52311))[1:])
    with pytest.raises(ValueError, match="checksum"):
        read_synced(disk)
    repair_synced_file(disk)
    assert synced_position(disk) == NOWHERE == read_synced(disk)


def test_the_first_moment_is_that_of_the_first_line_or_else_of_the_last_write(tmp_path):
    for text, moment in ((stored(b"one"), MOMENT), (b"no time\n", 1000.0)):
        path = tmp_path / "text"
        path.write_bytes(text)
        os.utime(path, (1000, 1000))
        fd = os.open(path, os.O_RDONLY)
        assert first_moment(fd) == pytest.approx(moment)
        os.close(fd)


def test_positions_are_in_the_order_of_the_lines():
    assert Position(1, 900) < Position(2, 0) < Position(2, 5)


def test_a_position_is_written_and_parsed_as_text():
    assert str(Position(17, 52311)) == "17:52311" and parse_position("17:52311") == (17, 52311)
    for wrong in ("", "1", "1:", ":1", "1:2:3", " 1:2", "-1:2", "1:٣", "1" * 11 + ":1", "1:2\n"):
        with pytest.raises(ValueError, match="is not a position such as 17:52311"):
            parse_position(wrong)


def test_indexes_of_an_archived_segment_are_no_strays():
    """Its text is elsewhere: a note says so, which needs the index."""
    name = "0000000007-20261120T061842Z.log.zst"
    away = [Segment(7, name, Form.AWAY)]
    beside = {f"{name}.idx": True, f"{name}.words": True, f"{name}.archived": True}
    assert away_segments(beside) == away
    assert loose_files(beside) == []
    assert (away[0].packed, away[0].index) == (name, f"{name}.idx")
    # Without its index, with its text, as no file: not so.
    assert away_segments({**beside, name: True}) == []
    assert away_segments({**beside, name.removesuffix(".zst"): True}) == []
    alone = {f"{name}.archived": True, f"{name}.words": True}
    assert away_segments(alone) == []
    assert sorted(loose_files(alone)) == sorted(alone)
    assert loose_files({f"{name}.archived.tmp": True}) == [f"{name}.archived.tmp"]
    assert loose_files({**beside, f"{name}.archived": False}) == []


def test_columns_are_loose_without_the_text_itself():
    """Also if an archive has the text: they are made from it, and take much of the room that it took."""
    name = "0000000007-20261120T061842Z"
    assert Segment(7, f"{name}.log", Form.PLAIN).columns == f"{name}.parquet"
    columns, text = f"{name}.parquet", f"{name}.log.zst"
    assert loose_files({columns: True, text: True}) == []
    assert loose_files({columns: True, f"{name}.log": True}) == [columns]
    archived = {f"{text}.idx": True, f"{text}.archived": True}
    assert loose_files({columns: True, **archived}) == [columns]
    assert loose_files({f"{columns}.tmp": True, text: True}) == [f"{columns}.tmp"]
    for of_others in ("sales.parquet", "7.parquet", f"{name}.parquet.gz", "sales.parquet.tmp"):
        assert loose_files({of_others: True}) == []
    assert loose_files({columns: False}) == []


def test_the_number_of_an_archived_segment_is_not_used_again(tmp_path):
    """Also when the file `number` is lost."""
    for name in ("0000000007-20261120T061842Z", "0000000008-20261121T061842Z"):
        for suffix in ("idx", "archived"):
            (tmp_path / f"{name}.log.zst.{suffix}").touch()
    (tmp_path / "0000000006-20261119T061842Z.log.zst").touch()
    assert [one.number for one in segments(at(tmp_path))] == [6, 9]


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


def test_a_rotation_behind_the_listing_hides_no_segment(tmp_path):
    writer = Writer(tmp_path / "store")

    class Rotating(Disk):
        def entries(self) -> dict[str, bool]:
            names = super().entries()
            writer.rotate()
            return names

    assert Listing(Rotating().open_directory(writer.directory)).active == 1


@pytest.mark.parametrize("name", ["a", "audit", "a-1", "a" * 32])
def test_a_position_names_the_store_of_its_rule(name):
    position = Position(17, 52311).in_store(number_of_store(name))
    assert str(position) == f"{name}/17:52311"
    assert parse_named_position(str(position)) == position
    assert position.own == Position(17, 52311) and name_of_store(position.store) == name


@pytest.mark.parametrize(
    "text", ["/1:2", "Audit/1:2", "1/1:2", "a/b/1:2", "audit/", "a" * 33 + "/1:2"]
)
def test_another_name_in_a_position_is_refused(text):
    for parse in (parse_position, parse_named_position):
        with pytest.raises(ValueError, match="not a position"):
            parse(text)


def test_a_position_from_elsewhere_names_no_store():
    """Such as that of a block, which is of the store that sent it."""
    assert parse_named_position("17:52311") == parse_position("17:52311")
    with pytest.raises(ValueError, match="not a position"):
        parse_position("audit/17:52311")


def test_stores_of_a_command_line_are_not_named_in_positions():
    assert str(Position(17, 52311).in_store(3)) == "17:52311"
    assert number_of_store("") == 0 and name_of_store(3) == ""
