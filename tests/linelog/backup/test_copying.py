"""Files come by a second name or a compared copy; a text goes when a newer file has all its lines."""

import errno
import os
from pathlib import Path

import pytest

from logsrv.linelog.backup.backup import count_store_lines
from logsrv.linelog.backup.copying import CopyMethod, copy_growing_text, link_or_copy
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.manifest import encode_manifest
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Segment, sealed_segments
from logsrv.linelog.store.starting.torn import repair_text
from tests.parts.backups import take
from tests.parts.disks import FaultyDisk, no_space, text_of
from tests.parts.examined_stores import at, flip, found, kinds, manifest_of, packed_of, small_store
from tests.parts.examined_stores import at as disk_at
from tests.parts.stores import line


class Elsewhere(Disk):
    """A directory on another file system than all others."""

    def link_from(self, other: Disk, name: str, second: str) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "to").mkdir()
    return small_store(tmp_path / "store", words=3000)


def test_a_file_on_the_same_file_system_is_linked(store, tmp_path):
    first = packed_of(store)[0]
    to = at(tmp_path / "to")
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.LINKED
    assert to.stat(f"{first.name}.coming").st_ino == (store / first.name).stat().st_ino
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.THERE
    to.rename(f"{first.name}.coming", first.name)
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.THERE


def test_a_file_of_another_file_system_is_copied_with_its_time(store, tmp_path):
    first = packed_of(store)[0]
    to = Elsewhere().open_directory(tmp_path / "to")
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.COPIED
    copy = tmp_path / "to" / f"{first.name}.coming"
    assert copy.read_bytes() == (store / first.name).read_bytes()
    assert copy.stat().st_mtime_ns == (store / first.name).stat().st_mtime_ns
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.THERE


def test_damage_is_noticed_and_copied_as_it_is(store, tmp_path):
    first, second, _ = packed_of(store)
    flip(store / first.name, 500)
    to = Elsewhere().open_directory(tmp_path / "to")
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.DAMAGED
    (store / second.index).unlink()
    assert link_or_copy(second.name, at(store), to, of=second) is CopyMethod.COPIED


@pytest.mark.parametrize("kind", [Disk, Elsewhere])
def test_a_damaged_segment_never_takes_the_place_of_one_that_was_whole(store, tmp_path, kind):
    """A disk that dies damages the store first, and the backup of that night then."""
    first, second, third = packed_of(store)
    to = kind().open_directory(tmp_path / "to")
    for one in (first, second, third):
        link_or_copy(one.name, at(store), to, of=one)
        to.rename(f"{one.name}.coming", one.name)
    whole = (store / first.name).read_bytes()
    for name in (first.name, second.name, third.name):
        # Another file of that name, as whoever rescues a disk leaves it.
        data = (store / name).read_bytes()
        (store / name).unlink()
        (store / name).write_bytes(data)
    flip(store / first.name, 500)
    (store / second.index).unlink()
    assert link_or_copy(first.name, at(store), to, of=first) is CopyMethod.KEPT
    assert link_or_copy(second.name, at(store), to, of=second) is CopyMethod.KEPT
    assert link_or_copy(third.name, at(store), to, of=third) is CopyMethod.COPIED
    assert (tmp_path / "to" / first.name).read_bytes() == whole
    assert sorted(name for name in to.entries() if ".log.zst." in name) == [f"{third.name}.coming"]


def test_a_full_disk_leaves_nothing_that_is_not_whole(store, tmp_path):
    first = packed_of(store)[0]

    class Full(FaultyDisk, Elsewhere):
        pass

    to = Full().open_directory(tmp_path / "to")

    def fail() -> None:
        raise no_space()

    to.before["fdatasync"] = fail
    with pytest.raises(OSError, match="No space"):
        link_or_copy(first.name, at(store), to, of=first)
    fd = os.open(store / "current.log", os.O_RDONLY)
    with pytest.raises(OSError, match="No space"):
        copy_growing_text("text.log", fd, 20, to)
    os.close(fd)
    assert os.listdir(tmp_path / "to") == []


def test_a_text_that_grows_comes_again_when_it_has_grown(store, tmp_path):
    to = at(tmp_path / "to")
    fd = os.open(store / "current.log", os.O_RDONLY)
    assert [copy_growing_text("text.log", fd, size, to) for size in (20, 20, 30)] == [
        True,
        False,
        True,
    ]
    with pytest.raises(OSError, match="it ends after"):
        copy_growing_text("text.log", fd, 9999, to)
    os.close(fd)
    assert (tmp_path / "to" / "text.log.coming").stat().st_size == 30


def waiting_of(store: Path) -> Segment:
    """The segment that waits for being compressed."""
    [waiting] = [one for one in sealed_segments(disk_at(store)) if one.form is Form.PLAIN]
    return waiting


@pytest.mark.parametrize("loss", ["cut", "damage"])
def test_a_text_is_not_given_up_for_a_compressed_one_that_lacks_lines(tmp_path, loss):
    """The store has lost lines since that its backup has: the power went, or its disk dies."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    take(store, to)
    text, waiting = text_of(to), waiting_of(store)
    if loss == "cut":
        os.truncate(store / waiting.name, (store / waiting.name).stat().st_size - 60)
    seal(waiting, disk_at(store))
    if loss == "damage":
        flip(store / waiting.packed, 30)
    assert take(store, to).damaged == {waiting.packed: CopyMethod.KEPT}
    assert text_of(to) == text and kinds(found(to)) == []


@pytest.mark.parametrize("at", [80, 0])
def test_holes_and_a_torn_end_of_a_power_cut_go_when_a_start_has_mended_them(tmp_path, at):
    """The backup was quicker than the server when the power came back."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    waiting = waiting_of(store)
    path = store / waiting.name
    whole = path.read_bytes()
    path.write_bytes(whole[:at] + bytes(20) + whole[at + 20 :] + b"2026-11-20T06:0" + bytes(30))
    os.utime(path, (0, 0))
    if not at:
        # As current.log it had no name, and without a TIME it gets another.
        path.rename(store / f"{waiting.number:010}-19700101T000000Z.log")
    take(store, to)
    assert "text" in kinds(found(to))
    for one in store.glob(f"{waiting.number:010}-*.log"):
        one.unlink()
    path.write_bytes(whole[:at] + b"-" * 20 + whole[at + 20 :])
    seal(waiting, disk_at(store))
    assert take(store, to).damaged == {}
    assert text_of(to) == text_of(store) and kinds(found(to)) == []


@pytest.mark.parametrize("into", [0, 5, 28, 40, 50, 60])
def test_a_hole_that_begins_in_a_stamp_goes_when_a_start_has_filled_it(tmp_path, into):
    """Of the stamp nothing is left then: the line that tells of the hole stands there."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    waiting = waiting_of(store)
    path = store / waiting.name
    whole = b"".join(line("x" * 100, second) for second in range(10))
    hole = len(line("x" * 100)) + into
    path.write_bytes(whole[:hole] + bytes(512 - hole) + whole[512:])
    take(store, to)
    assert "text" in kinds(found(to))
    with path.open("r+b") as file:
        assert repair_text(str(path), file.fileno(), 0) == (len(whole), False)
    seal(waiting, disk_at(store))
    assert take(store, to).damaged == {}
    assert text_of(to) == text_of(store) and kinds(found(to)) == []


@pytest.mark.parametrize("lost", [b"2026", b"x"])
def test_a_text_whose_own_lines_are_others_stays(tmp_path, lost):
    """A stamp that no hole follows is nobody's note, nor is a letter of a message."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    waiting = waiting_of(store)
    path = store / waiting.name
    whole = b"".join(line("x" * 100, second) for second in range(10))
    path.write_bytes(whole[:600] + bytes(1024 - 600) + whole[1024:])
    take(store, to)
    text = text_of(to)
    path.write_bytes(whole.replace(lost, b"-" * len(lost), 1))
    seal(waiting, disk_at(store))
    assert take(store, to).damaged == {waiting.packed: CopyMethod.KEPT}
    assert text_of(to) == text


def test_a_text_goes_if_an_archive_has_all_of_it(tmp_path):
    """It was the active segment last night; since then all of it went away."""
    store, to = small_store(tmp_path / "store"), tmp_path / "to"
    waiting = waiting_of(store)
    path = store / waiting.name
    whole = path.read_bytes()
    path.write_bytes(whole.partition(b"\n")[0] + b"\n")
    assert take(store, to).note.lines == 21
    path.write_bytes(whole)
    seal(waiting, disk_at(store))
    (store / f"{waiting.packed}.archived").write_bytes(encode_manifest(manifest_of(store, 4)))
    (store / waiting.packed).unlink()
    assert take(store, to).note.lines == count_store_lines(disk_at(to)) == 25
    assert not (to / waiting.name).exists() and found(to) == []
