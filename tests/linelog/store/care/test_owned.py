"""The files of a store belong to its server, whoever made them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from logsrv.linelog.store.care.owned import files_of, give_files_of_root, give_to, let_use
from logsrv.linelog.store.disk.disk import Disk
from tests.kit.service.checks.others import nobody, open_directory
from tests.linelog.store.care.stores import at, found, kinds, small_store

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


class Busy(Disk):
    """A directory whose server replaces a file just then."""

    def entries(self) -> dict[str, bool]:
        return {**super().entries(), "number.tmp": True}


def test_a_file_that_is_gone_by_then_keeps_no_other_from_its_mode_and_owner(tmp_path: Path) -> None:
    """The server beside us makes and replaces files all the time."""
    store = small_store(tmp_path / "store")
    (store / "synced").chmod(0o666)
    disk = Busy().enter(store)
    let_use(disk)
    assert (store / "synced").stat().st_mode & 0o777 == 0o640
    give_files_of_root(disk)
    names = [name for name, _ in files_of(disk)]
    disk.leave()
    assert "ship/centre" in names and "number.tmp" not in names


@as_root
def test_an_owner_gets_back_a_file_that_he_may_not_read_himself() -> None:
    """Of mode 0000: who is not root could not open it to change that."""
    owner = nobody()
    with open_directory() as path:
        store = small_store(path / "store")
        for one in (store, *store.rglob("*")):
            os.chown(one, owner.uid, owner.gid)
        for name in ("current.log", "ship/centre"):
            (store / name).chmod(0)
        with owner.acting():
            told = found(store)
            assert [(one.kind, one.name) for one in told] == [
                ("mode", "current.log, ship/centre"),
                ("unreadable", "current.log"),
                ("place", "ship/centre"),
            ]
            assert kinds(found(store, repair=True)) == []


@as_root
def test_what_root_brings_belongs_to_whom_it_is_given_to(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    os.link(store / "synced", tmp_path / "outside")
    os.chown(tmp_path, 1234, 1234)
    give_to(os.stat(tmp_path), at(store))
    assert {path.stat().st_uid for path in (store, store / "ship", store / "ship" / "centre")} == {
        1234
    }
    # A name that somebody may have given to a file elsewhere.
    assert (store / "synced").stat().st_uid == 0
