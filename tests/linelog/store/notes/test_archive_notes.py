"""The notes of a store about its archives."""

import pytest

from logsrv.linelog.archive.putting import make_manifest
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import (
    archive_urls,
    local_manifest,
    save_archive_url,
    save_local_manifest,
)
from tests.parts.archived_stores import STORE, packed, sealed_store
from tests.parts.disks import at


def test_a_store_knows_the_urls_of_its_archives(tmp_path):
    """A damaged note is as none."""
    assert [*archive_urls(str(tmp_path))] == []
    (tmp_path / "ship").mkdir()
    folder = Disk().open_directory(tmp_path / "ship")
    save_archive_url(folder, "b", "file:///srv/b")
    save_archive_url(folder, "a", "s3://a")
    (tmp_path / "ship/d.archive").write_bytes(b"\xff")
    (tmp_path / "ship/a").write_text("a kept place")
    folder.close()
    assert [*archive_urls(str(tmp_path))] == ["s3://a", "file:///srv/b"]


def test_the_manifest_stands_beside_the_segment(tmp_path):
    store = sealed_store(tmp_path / "store", 1)
    [one] = packed(store)
    made = make_manifest(one, at(store), STORE)
    save_local_manifest(at(store), one, made)
    assert local_manifest(at(store), one) == made
    (store / one.archived).write_bytes(b"{}")
    with pytest.raises(ValueError, match="no manifest"):
        local_manifest(at(store), one)


def test_a_segment_that_was_removed_meanwhile_gets_no_note(tmp_path):
    store = sealed_store(tmp_path / "store", 1)
    [one] = packed(store)
    made = make_manifest(one, at(store), STORE)
    for name in one.archived_files:
        (store / name).unlink()
    save_local_manifest(at(store), one, made)
    assert not (store / one.archived).exists()
