"""One owner per directory."""

import os
import subprocess
import sys
from threading import Event, Lock, Thread
from types import SimpleNamespace

import pytest

from logsrv.errors import StoreError
from logsrv.kit.testing import wait_until
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store import lock as lock_module
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.lock import DirectoryLock, locked, owning_process
from tests.parts.disks import FaultyDisk, another_lock, at
from tests.parts.waits import join, line_of

OWNER = """
import sys
from pathlib import Path
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.lock import DirectoryLock
lock = DirectoryLock(Disk().open_directory(Path(sys.argv[1])))
print("locked", flush=True)
sys.stdin.read()
"""


def test_another_process_is_named_and_its_lock_goes_when_it_is_killed(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert line_of(owner.stdout) == b"locked\n"
        with pytest.raises(StoreError, match=rf"is in use by process {owner.pid}; "):
            DirectoryLock(at(tmp_path))
        owner.kill()
    assert (tmp_path / "lock").read_text() == f"{owner.pid}\n"
    DirectoryLock(at(tmp_path)).release()


def test_a_stale_lock_file_is_not_in_the_way(tmp_path):
    (tmp_path / "lock").write_text("999999999999999999999999999999999999\n")
    lock = DirectoryLock(at(tmp_path))
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    lock.release(in_order=True)
    assert (tmp_path / "lock").read_text() == ""


def test_how_the_last_owner_ended_is_known_until_one_ends_in_order(tmp_path):
    """One that could not even start leaves it as it was."""
    (tmp_path / "lock").write_text("77\n")
    lock = DirectoryLock(at(tmp_path))
    assert lock.left_by == "77"
    lock.release()
    lock = DirectoryLock(at(tmp_path))
    assert lock.left_by == "77"
    lock.release(in_order=False)
    assert (tmp_path / "lock").read_text() == f"{os.getpid()}\n"
    (tmp_path / "lock").rename(tmp_path / "aside")
    lock = DirectoryLock(at(tmp_path))
    assert lock.left_by == ""
    lock.release()
    assert (tmp_path / "lock").read_text() == ""


def test_the_owner_of_a_lock_is_synced_at_once_or_at_the_next_check(tmp_path):
    disk = FaultyDisk().open_directory(tmp_path)
    disk.errors["fdatasync"] = OSError(5, "Input/output error")
    lock = DirectoryLock(disk)
    del disk.errors["fdatasync"]
    lock.ensure_locked()
    assert disk.synced == [(tmp_path / "lock").stat().st_ino]
    lock.ensure_locked()
    assert disk.calls == ["fdatasync", "fdatasync", "sync_directory"]
    lock.release()


def test_rubbish_in_a_held_lock_file_is_not_repeated(tmp_path):
    lock = DirectoryLock(at(tmp_path))
    (tmp_path / "lock").write_bytes(b"\x1b[31m12")
    with pytest.raises(StoreError, match="in use by another process"):
        DirectoryLock(at(tmp_path))
    lock.release()


def test_a_lock_that_is_no_file_is_refused(tmp_path):
    os.mkfifo(tmp_path / "lock")
    with pytest.raises(StoreError, match="is not a plain file"):
        DirectoryLock(at(tmp_path))
    (tmp_path / "lock").unlink()
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="cannot be opened"):
        DirectoryLock(at(tmp_path))


def test_a_lock_whose_file_was_removed_is_taken_again_unless_another_has_it(tmp_path):
    lock = DirectoryLock(at(tmp_path))
    (tmp_path / "lock").unlink()
    with pytest.raises(StoreError, match="in use by another process"):
        DirectoryLock(at(tmp_path))
    (tmp_path / "lock").unlink()
    lock.ensure_locked()
    with pytest.raises(StoreError, match="in use by process"):
        DirectoryLock(at(tmp_path))
    other = another_lock(tmp_path)
    with pytest.raises(StoreError, match="in use by process 7;"):
        lock.ensure_locked()
    os.close(other)
    lock.ensure_locked()
    lock.release()
    DirectoryLock(at(tmp_path)).release()


def test_where_a_directory_cannot_be_locked_the_file_does(tmp_path):
    class Network(Disk):
        def lock(self, how: int) -> None:
            raise OSError(9, "Bad file descriptor")

    lock = DirectoryLock(Network().open_directory(tmp_path))
    with pytest.raises(StoreError, match="in use by process"):
        DirectoryLock(Network().open_directory(tmp_path))
    lock.release()


def test_a_time_that_is_saved_while_the_directory_is_locked_anew_is_in_the_new_file(
    tmp_path, monkeypatch
):
    """Otherwise it is saved in a file that is gone, or in another one that got the number."""

    class ToldLock:
        """A lock that tells when a thread waits for it."""

        def __init__(self) -> None:
            self.lock = Lock()

        def __enter__(self) -> None:
            if self.lock.locked():
                waits.set()
            assert self.lock.acquire(timeout=PATIENCE)

        def __exit__(self, *_: object) -> None:
            self.lock.release()

    class Meanwhile(Disk):
        def sync_directory(self) -> None:
            super().sync_directory()
            if saving and not saving[0].ident:
                saving[0].start()
                done = "the thread that saves the time"
                wait_until(lambda: waits.is_set() or not saving[0].is_alive(), done)

    monkeypatch.setattr(lock_module, "threading", SimpleNamespace(Lock=ToldLock))
    waits, saving = Event(), list[Thread]()
    with Meanwhile().open_directory(tmp_path) as disk:
        lock = DirectoryLock(disk)
        lock.save_trusted_time(1000.0)
        (tmp_path / "lock").unlink()
        saving.append(Thread(target=lock.save_trusted_time, args=(9000.0,)))
        lock.ensure_locked()
        join(saving[0])
        assert (tmp_path / "lock").stat().st_mtime == 9000.0
        lock.release()


def test_the_time_that_was_believed_last_outlives_its_owner(tmp_path):
    """Whatever the clock says when the lock is let go of and taken again."""
    lock = DirectoryLock(at(tmp_path))
    assert lock.believed is None
    lock.save_trusted_time(1000.0)
    lock.release()
    for _ in range(2):
        lock = DirectoryLock(at(tmp_path))
        assert lock.believed == 1000.0
        lock.release()


def test_the_file_is_not_touched_every_minute(tmp_path):
    lock = DirectoryLock(at(tmp_path))
    for moment in range(1000, 5000, 60):
        lock.save_trusted_time(float(moment))
    assert lock.believed == 4600.0
    lock.release()


def test_a_lock_file_that_cannot_be_read_was_left_by_somebody(tmp_path, monkeypatch):
    def broken(fd: int, size: int, offset: int) -> bytes:
        raise OSError(5, "Input/output error")

    (tmp_path / "lock").write_text("")
    monkeypatch.setattr(os, "pread", broken)
    lock = DirectoryLock(at(tmp_path))
    assert lock.left_by
    lock.release()


def test_the_owner_of_a_store_is_known_without_taking_the_lock(tmp_path):
    assert owning_process(tmp_path) is None
    with locked(tmp_path):
        assert owning_process(tmp_path) == os.getpid()
    assert owning_process(tmp_path) is None
    # An owner that was killed leaves its number.
    for text in (f"{os.getpid()}\n", ".*", "", "²"):
        (tmp_path / "lock").write_text(text)
        assert owning_process(tmp_path) is None
