"""The files of a store belong to its server, whoever made them."""

import os

import pytest

from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.file_owner import (
    give_files_of_root,
    give_store_to,
    plain_files_of_store,
)
from tests.parts.examined_stores import at, small_store

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")


class Busy(Disk):
    """A directory whose server replaces a file just then."""

    def entries(self) -> dict[str, bool]:
        return {**super().entries(), "number.tmp": True}


def test_a_file_that_is_gone_by_then_keeps_no_other_from_its_owner(tmp_path):
    """The server beside us makes and replaces files all the time."""
    store = small_store(tmp_path / "store")
    disk = Busy().open_directory(store)
    give_files_of_root(disk)
    names = [name for name, _ in plain_files_of_store(disk)]
    disk.close()
    assert "ship/centre" in names and "number.tmp" not in names


@as_root
def test_what_root_brings_belongs_to_whom_it_is_given_to(tmp_path):
    store = small_store(tmp_path / "store")
    os.link(store / "synced", tmp_path / "outside")
    os.chown(tmp_path, 1234, 1234)
    give_store_to(os.stat(tmp_path), at(store))
    assert {path.stat().st_uid for path in (store, store / "ship", store / "ship" / "centre")} == {
        1234
    }
    # A name that somebody may have given to a file elsewhere.
    assert (store / "synced").stat().st_uid == 0
