"""The active segment has the number it is opened with, whatever a server does meanwhile."""

from __future__ import annotations

import os
from pathlib import Path

from logsrv.linelog.store.care.listed import opened_active
from logsrv.linelog.store.segments.disk import Disk
from tests.linelog.read.stores import Writer
from tests.linelog.store.care.stores import at, small_store


def test_a_listing_has_each_segment_once(tmp_path: Path) -> None:
    fd, listed = opened_active(at(small_store(tmp_path / "store")))
    assert (listed.first, listed.active, sorted(listed.by_number)) == (1, 5, [1, 2, 3, 4])
    assert os.fstat(fd).st_size
    os.close(fd)


def test_a_rotation_between_the_two_has_it_looked_at_again(tmp_path: Path) -> None:
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

    fd, listed = opened_active(Rotating().enter(writer.directory))
    assert listed.active == 3
    assert os.path.samestat(os.fstat(fd), (writer.directory / "current.log").stat())
    os.close(fd)


def test_without_an_active_segment_there_is_none(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    (store / "current.log").unlink()
    assert opened_active(at(store))[0] == -1
