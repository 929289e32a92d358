"""Files as the store makes them."""

import grp
import os
import stat

import pytest

from logsrv.linelog.store.disk import TICK, Disk, hint_at_reading_group, make_directory, reason
from tests.parts.disks import FaultyDisk, at, no_space


def test_a_new_file_is_0640_and_not_inherited(tmp_path):
    before = os.umask(0o777)
    try:
        fd = at(tmp_path).create("new")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.fstat(fd).st_mode) == 0o640
    assert not os.get_inheritable(fd)
    os.close(fd)


def test_nothing_is_opened_through_a_symbolic_link(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(OSError, match="symbolic links"):
        at(tmp_path).open("link", os.O_RDONLY)


def test_a_reason_is_what_the_system_says_or_what_was_raised():
    assert reason(OSError(28, "No space left on device")) == "No space left on device"
    assert reason(ValueError("odd")) == "ValueError: odd"


def test_a_directory_that_is_moved_takes_along_what_is_done_in_it(tmp_path):
    directory, moved = tmp_path / "directory", tmp_path / "moved"
    directory.mkdir()
    disk = at(directory)
    assert disk.moved_to() is None
    directory.rename(moved)
    directory.mkdir()
    assert disk.moved_to() == str(moved)
    fd = disk.create("new")
    disk.link("new", "second")
    disk.rename("new", "renamed")
    assert disk.leads_to("second", fd) and not disk.leads_to("new", fd)
    os.close(fd)
    assert disk.entries() == {"renamed": True, "second": True}
    assert {path.name for path in moved.iterdir()} == {"renamed", "second"}
    assert not list(directory.iterdir())
    disk.close()


def test_a_directory_that_was_removed_is_made_again_and_another_is_left_alone(tmp_path):
    directory = tmp_path / "directory"
    directory.mkdir()
    disk = at(directory)
    disk.reopen_if_removed()
    directory.rmdir()
    assert disk.moved_to() is None
    with pytest.raises(FileNotFoundError):
        disk.create("new")
    disk.reopen_if_removed()
    os.close(disk.create("new"))
    assert (directory / "new").exists()
    disk.close()


def test_a_file_made_anew_is_empty_whatever_had_its_name(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "old").write_text("old")
    disk = at(tmp_path)
    for name in ("fifo", "old", "none"):
        os.close(disk.create_anew(name))
        assert disk.entries()[name] and disk.read(name) == b""
    with pytest.raises(FileExistsError):
        disk.create("old")


def test_what_cannot_be_read_is_named_and_closed(tmp_path):
    """It was `Is a directory (12)`."""
    (tmp_path / "origins").mkdir()
    opened = len(os.listdir("/proc/self/fd"))
    with at(tmp_path) as disk, pytest.raises(IsADirectoryError) as caught:
        disk.read("origins")
    assert caught.value.filename == "origins"
    assert len(os.listdir("/proc/self/fd")) == opened


def test_a_fifo_is_read_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert at(tmp_path).read("fifo") == b""
    assert at(tmp_path).entries() == {"fifo": False}


def test_the_directories_that_are_made_have_their_names_on_the_medium(tmp_path, monkeypatch):
    synced: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{fd}"))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    make_directory(tmp_path / "a" / "b" / "c")
    assert sorted(synced) == [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    make_directory(tmp_path / "a")
    assert len(synced) == 3


def test_a_file_that_is_put_is_the_old_or_the_new_one(tmp_path):
    disk = FaultyDisk().open_directory(tmp_path)
    disk.replace_durably("name", b"old")
    disk.errors["fdatasync"] = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output"):
        disk.replace_durably("name", b"new, and longer")
    assert disk.read("name") == b"old"
    del disk.errors["fdatasync"]
    disk.replace_durably("name", b"new")
    assert disk.read("name") == b"new"
    disk.overwrite_start("name", b"N", sync=True)
    assert disk.read("name") == b"New"
    with pytest.raises(FileNotFoundError):
        disk.overwrite_start("nothing", b"", sync=False)


def test_a_name_is_looked_for_without_a_listing(tmp_path):
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    disk = at(tmp_path)
    assert [disk.has_name(name) for name in ("file", "dangling", "nowhere")] == [True, True, False]


def test_a_closed_directory_is_no_other_one(tmp_path):
    """A thread may go on for a moment, and the next directory that is opened gets the number."""
    disk = at(tmp_path)
    disk.close()
    with at(tmp_path) as other:
        assert other.entries() == {}
        with pytest.raises(OSError, match="Bad file descriptor"):
            disk.entries()


def test_a_directory_held_by_a_descriptor_of_it(tmp_path):
    """A process that is given one needs no path, and the directory may have another by now."""
    (tmp_path / "store").mkdir()
    fd = os.open(tmp_path / "store", os.O_RDONLY)
    os.rename(tmp_path / "store", tmp_path / "moved")
    disk = Disk().use_descriptor(fd)
    disk.replace_durably("number", b"7")
    assert (tmp_path / "moved" / "number").read_bytes() == b"7"
    disk.close()


@pytest.mark.parametrize("fails", ["writev", "fdatasync", "rename"])
def test_a_file_that_cannot_be_replaced_stays_alone(tmp_path, fails):
    (tmp_path / "name").write_bytes(b"old")
    disk = FaultyDisk().open_directory(tmp_path)
    disk.errors[fails] = no_space()
    with pytest.raises(OSError, match="No space"):
        disk.replace("name", b"new")
    disk.close()
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
    assert (tmp_path / "name").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("later", "equal"),
    [(0.9 * TICK, False), (0, False), (-1, False), (-3600, False), (TICK + 1, True), (1e9, True)],
)
def test_a_token_equals_another_only_if_no_change_could_go_unseen(tmp_path, later, equal):
    """By a clock that was set back, changes may have the time of those that were seen."""
    with Disk().open_directory(str(tmp_path)) as disk:
        changed = tmp_path.stat().st_mtime
        first, second = (disk.change_token(changed + later) for _ in range(2))
    assert (first == second) is equal


DENIED = PermissionError(13, "Permission denied")


def test_the_group_that_may_read_a_store_or_its_parent_directory_is_named(tmp_path):
    outer, store = tmp_path / "outer", tmp_path / "outer/lines"
    store.mkdir(parents=True)
    group = grp.getgrgid(store.stat().st_gid).gr_name
    store.chmod(0o750)
    assert hint_at_reading_group(str(store), DENIED) == f"; the group {group} may read it"
    store.chmod(0o755)
    outer.chmod(0o750)
    assert hint_at_reading_group(str(store), DENIED) == f"; the group {group} may read it"


def test_nobody_is_told_of_a_group_that_may_not(tmp_path):
    tmp_path.chmod(0o700)
    assert hint_at_reading_group(str(tmp_path), DENIED) == ""
    tmp_path.chmod(0o755)
    assert hint_at_reading_group(str(tmp_path), DENIED) == ""
    assert (
        hint_at_reading_group(str(tmp_path), FileNotFoundError(2, "No such file or directory"))
        == ""
    )
