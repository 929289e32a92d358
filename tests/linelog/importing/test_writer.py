"""Lines into a closed store: sealed, and the same bytes however often it is interrupted."""

import errno
import os
from pathlib import Path

import pytest
from twisted.logger import capturedLogs

from logsrv.errors import StoreError
from logsrv.linelog.importing import writer as module
from logsrv.linelog.importing.forms import SECOND
from logsrv.linelog.importing.writer import (
    ImportWriter,
    StoredTextReader,
    make_stamp,
    open_for_import,
)
from logsrv.linelog.store.active import ActiveSegment
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import unpack_frames
from logsrv.linelog.store.index.indexing import save_index
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.lock import DirectoryLock
from logsrv.linelog.store.notes.imported import load
from logsrv.linelog.store.notes.segment_notes import runs_of_empty_segments
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import (
    Form,
    Listing,
    Position,
    Segment,
    save_number,
    sealed_name,
    sealed_segments,
)
from logsrv.linelog.store.starting import recover
from tests import leaks
from tests.parts.clocks import HandClock
from tests.parts.disks import at, stored

BEGIN = 1_763_619_522_123_456
POLICY = StorePolicy(rotate_size=2000)
FILES = [["/var/log/a", 1, 2]]


class Broken(Exception):
    pass


def imported(directory: Path, until: int = 200, zone: str = "CET") -> None:
    """Import 200 lines, or break off behind some."""
    with open_for_import(directory, POLICY) as writer:
        writer.begin_import(FILES, zone, BEGIN)
        for number in range(until):
            writer.append(BEGIN + number, "file:a", b"line %d\n" % number)
        if until < 200:
            raise Broken
        writer.finish_import()


def text_of(directory: Path) -> bytes:
    disk = Disk().open_directory(directory)
    packed = sealed_segments(disk)
    assert all(one.form is Form.PACKED for one in packed)
    return b"".join(text for one in packed for text, _ in unpack_frames(one, disk))


EXPECTED = b"".join(make_stamp(BEGIN + n, "file:a") + b"line %d\n" % n for n in range(200))


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_GROUP", 300)


def test_all_is_sealed_and_as_old_as_its_lines(tmp_path):
    imported(tmp_path)
    assert text_of(tmp_path) == EXPECTED
    assert EXPECTED.startswith(b"2025-11-20T06:18:42.123456Z file:a line 0\n")
    packed = sorted(tmp_path.glob("*.zst"))
    assert len(packed) > 2 and (tmp_path / "current.log").stat().st_size == 0
    assert int(packed[0].stat().st_mtime) == BEGIN // 1_000_000


@pytest.mark.parametrize("torn", range(0, 300, 17))
def test_an_import_that_was_killed_goes_on_at_the_byte(tmp_path, torn):
    with pytest.raises(Broken):
        imported(tmp_path, 20 + torn // 2)
    current = tmp_path / "current.log"
    # As a kill leaves it: anywhere.
    os.truncate(current, max(0, current.stat().st_size - torn))
    with pytest.raises(Broken):
        imported(tmp_path, 10)
    imported(tmp_path)
    assert text_of(tmp_path) == EXPECTED


def test_another_import_does_not_mix_with_one_that_was_interrupted(tmp_path):
    with pytest.raises(Broken):
        imported(tmp_path, 50)
    with pytest.raises(StoreError, match="give the same files again"):
        imported(tmp_path, zone="UTC")


def test_lines_of_a_server_behind_an_interrupted_import_end_it(tmp_path):
    with pytest.raises(Broken):
        imported(tmp_path, 50)
    with (tmp_path / "current.log").open("ab") as current:
        current.write(make_stamp(BEGIN + 99, "tcp:127.0.0.1:1") + b"hello\n")
    with pytest.raises(StoreError, match="has lines that do not come from"):
        imported(tmp_path)


def test_older_lines_do_not_come_behind_younger_ones(tmp_path):
    tmp_path.joinpath("current.log").write_bytes(
        make_stamp(BEGIN + 1, "tcp:1.2.3.4:5") + b"hello\n"
    )
    with pytest.raises(StoreError, match=r"older lines cannot be stored after younger ones"):
        imported(tmp_path)
    assert not (tmp_path / "imported").exists()


@pytest.mark.parametrize("empty", ["waits", "packed", "archived"])
def test_older_lines_come_behind_no_younger_ones_that_stand_before_an_empty_segment(
    tmp_path, empty
):
    """As a crash leaves one, or an import of before; or their texts are in an archive only."""
    imported(tmp_path)
    disk = Disk().open_directory(tmp_path)
    sealed = sealed_segments(disk)
    number = Listing(disk).active
    name = sealed_name(number, BEGIN / SECOND)
    if empty == "waits":
        (tmp_path / name).touch()
    elif empty == "packed":
        (tmp_path / f"{name}.zst").touch()
        save_index(Index(number), Segment(number, f"{name}.zst", Form.PACKED), disk)
    else:
        for one in sealed:
            (tmp_path / one.archived).touch()
            (tmp_path / one.name).unlink()
    save_number(number + 1, disk)
    with (
        open_for_import(tmp_path, POLICY) as writer,
        pytest.raises(StoreError, match="cannot be stored"),
    ):
        writer.begin_import([["old", 1, 1]], "CET", BEGIN - SECOND)


def test_an_empty_segment_that_waits_is_not_compressed(tmp_path):
    """`zstdcat *.zst` failed at the empty file."""
    (tmp_path / sealed_name(1, 0)).touch()
    imported(tmp_path)
    assert all(path.stat().st_size for path in tmp_path.glob("*.zst"))
    disk = Disk().open_directory(tmp_path)
    assert sealed_segments(disk)[0].number == 2
    assert runs_of_empty_segments(disk) == [range(1, 2)]


def test_what_was_in_the_store_stays_and_a_torn_line_is_ended(tmp_path):
    before = make_stamp(BEGIN - 1, "tcp:1.2.3.4:5") + b"hel"
    tmp_path.joinpath("current.log").write_bytes(before)
    imported(tmp_path)
    assert text_of(tmp_path) == before + b"\n" + EXPECTED


def test_a_store_in_use_is_one_sentence(tmp_path):
    with open_for_import(tmp_path, POLICY), pytest.raises(StoreError, match="; stop it first, or"):
        imported(tmp_path)


def killed(directory: Path, until: int) -> None:
    """Import some lines, and leave the store as a kill does: nothing of its end is done."""
    with leaks.killed():
        disk = Disk().open_directory(directory)
        lock = DirectoryLock(disk)
        writer = ImportWriter(disk, lock, POLICY, HandClock())
        writer.begin_import(FILES, "CET", BEGIN)
        for number in range(until):
            writer.append(BEGIN + number, "file:a", b"line %d\n" % number)
        lock.release(in_order=False)
        disk.close()


@pytest.mark.parametrize("until", [5, 30, 45, 60, 150, 199])
@pytest.mark.parametrize("lost", ["zeros", "size", "nothing"])
def test_what_a_power_cut_took_comes_again(tmp_path, until, lost, monkeypatch):
    """However much of what was not synced is missing: in the middle, or at the end."""
    monkeypatch.setattr(module, "_SYNC_EVERY", 900)
    killed(tmp_path, until)
    synced = load(Disk().open_directory(tmp_path)).synced
    current = tmp_path / "current.log"
    offset = synced.offset if f"{synced.segment:010}" not in str(list(tmp_path.iterdir())) else 0
    unsynced = current.stat().st_size - offset
    with open(current, "r+b") as file:
        if lost == "zeros":
            file.seek(offset)
            file.write(bytes(unsynced // 2))
        elif lost == "size":
            file.truncate(offset + unsynced // 2)
    if until > 100:
        # And once more, before it has come far.
        killed(tmp_path, 20)
    imported(tmp_path)
    assert text_of(tmp_path) == EXPECTED


def test_an_import_is_on_the_medium_from_time_to_time(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SYNC_EVERY", 900)
    killed(tmp_path, 25)
    done = load(Disk().open_directory(tmp_path))
    assert done.synced.offset > 900
    assert EXPECTED.startswith((tmp_path / "current.log").read_bytes()[: done.synced.offset])


@leaks.killed()
def serve(directory: Path, text: bytes, *, in_order: bool) -> None:
    """Start a server in the store, which writes this, and is killed behind it."""
    disk = Disk().open_directory(directory)
    lock = DirectoryLock(disk)
    begun = recover.repair_and_open(disk, crashed=bool(lock.left_by))
    active = ActiveSegment(
        begun,
        POLICY,
        started=0.0,
        clock=HandClock(),
        disk=disk,
        lock=lock,
        tell=lambda *args, **fields: None,
    )
    active.skip_segments()
    if text:
        active.write([text])
    lock.release(in_order=in_order)


@pytest.mark.parametrize(
    "step", [(recover, "load_or_make_identity"), (ActiveSegment, "skip_segments")]
)
def test_an_import_that_cannot_begin_leaves_no_file_open(tmp_path, monkeypatch, step):
    def fails(one: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(*step, fails)
    before = leaks.things()
    with pytest.raises(StoreError, match="cannot be used: Input/output error"):
        imported(tmp_path)
    assert leaks.things() == before


@pytest.mark.parametrize("in_order", [True, False])
def test_an_import_goes_on_over_a_server_that_stored_nothing(tmp_path, in_order):
    killed(tmp_path, 130)
    with capturedLogs() as events:
        serve(tmp_path, b"", in_order=in_order)
    assert [e["directory"] for e in events if "is not finished" in e["log_format"]] == [
        str(tmp_path)
    ]
    killed(tmp_path, 140)
    serve(tmp_path, b"", in_order=in_order)
    imported(tmp_path)
    assert text_of(tmp_path) == EXPECTED


@pytest.mark.parametrize("in_order", [True, False])
def test_a_server_between_a_kill_and_the_second_try_loses_no_line(tmp_path, in_order):
    """Its lines stand behind those of the import: nothing is cut off there."""
    killed(tmp_path, 40)
    serve(tmp_path, b"of a server\n", in_order=in_order)
    for _ in range(3):
        with pytest.raises(StoreError, match="has lines that do not come from the import"):
            imported(tmp_path)
        assert any(
            b"of a server\n" in path.read_bytes() for path in tmp_path.iterdir() if path.is_file()
        )


def removed_behind(directory: Path, until: int, *, synced: bool) -> None:
    """Import 200 lines; somebody removes the file in between."""
    with open_for_import(directory, POLICY) as writer:
        writer.begin_import(FILES, "CET", BEGIN)
        for number in range(200):
            if number == until:
                if synced:
                    writer.write_pending()
                    writer.sync_progress()
                (directory / "current.log").unlink()
            writer.append(BEGIN + number, "file:a", b"line %d\n" % number)
        writer.finish_import()


@pytest.mark.parametrize("synced", [True, False])
def test_an_import_whose_file_was_removed_does_not_say_that_all_is_there(tmp_path, synced):
    with pytest.raises(StoreError, match=r"or lacks some|somebody has removed"):
        removed_behind(tmp_path, 30, synced=synced)


def test_a_refused_import_does_not_change_what_is_noted(tmp_path):
    """It says which bytes are of the import; those of others are not."""
    with pytest.raises(Broken):
        imported(tmp_path, 50)
    before = load(Disk().open_directory(tmp_path))
    with (tmp_path / "current.log").open("ab") as current:
        current.write(b"2026-11-20T06:18:42.123456Z tcp:x:1 hello\n")
    with pytest.raises(StoreError):
        imported(tmp_path, zone="UTC")
    assert load(Disk().open_directory(tmp_path)) == before


def test_a_rotation_that_fails_is_a_sentence(tmp_path, monkeypatch):
    create = Disk.create_anew

    def full(disk: Disk, name: str) -> int:
        if name == "current.log.tmp":
            raise OSError(28, "No space left on device")
        return create(disk, name)

    monkeypatch.setattr(Disk, "create_anew", full)
    with pytest.raises(StoreError, match="cannot be rotated: No space left"):
        imported(tmp_path)


NAME = "0000000001-20261120T061842Z.log"


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize("offset", [0, len(stored(b"line 0"))])
def test_it_is_read_on_over_segments(tmp_path, size, offset):
    first = stored(*(b"line %d" % number for number in range(100)))
    (tmp_path / NAME).write_bytes(first)
    seal(Segment(1, NAME, Form.PLAIN), at(tmp_path))
    (tmp_path / "current.log").write_bytes(stored(b"last"))
    text = StoredTextReader(str(tmp_path), Position(1, offset))
    found = b""
    while piece := text.read(size):
        found += piece
    text.close()
    assert found == (first + stored(b"last"))[offset:]
