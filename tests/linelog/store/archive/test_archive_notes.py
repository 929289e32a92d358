"""The notes of a store about its archives."""

import sys

import pytest

from logsrv.linelog.store.archive.archive_notes import (
    archives_of_store,
    local_manifest,
    save_archive_url,
    save_local_manifest,
)
from logsrv.linelog.store.archive.directory import DirectoryArchive
from logsrv.linelog.store.archive.objects import ArchiveError, ChangedObject
from logsrv.linelog.store.archive.opening import open_archive
from logsrv.linelog.store.archive.putting import make_manifest
from logsrv.linelog.store.archive.url import parse_archive_url
from logsrv.linelog.store.disk import Disk
from tests.parts.archived_stores import STORE, packed, sealed_store
from tests.parts.disks import at


def test_a_store_knows_its_archives(tmp_path):
    """One that it cannot understand is as none."""
    assert archives_of_store(str(tmp_path)) == []
    (tmp_path / "ship").mkdir()
    folder = Disk().open_directory(tmp_path / "ship")
    save_archive_url(folder, "b", "file:///srv/b")
    save_archive_url(folder, "a", "file:///srv/a")
    save_archive_url(folder, "c", "ftp://c")
    (tmp_path / "ship/d.archive").write_bytes(b"\xff")
    (tmp_path / "ship/a").write_text("a kept place")
    folder.close()
    assert [one.place for one in archives_of_store(str(tmp_path))] == [
        "file:///srv/a",
        "file:///srv/b",
    ]


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


def test_a_directory_needs_no_package():
    found = open_archive("file:///srv/archive")
    assert isinstance(found, DirectoryArchive) and found.place == "file:///srv/archive"


def test_keys_that_would_not_be_used_are_refused():
    with pytest.raises(ValueError, match="the keys of gs: come from the environment"):
        open_archive("gs://logs/archive", "KEY SECRET")


def test_a_missing_package_is_named_when_something_is_asked(monkeypatch):
    monkeypatch.delitem(sys.modules, "logsrv.linelog.store.archive.bucket", raising=False)
    monkeypatch.setitem(sys.modules, "obstore", None)
    archive = open_archive("s3://logs/archive")
    with pytest.raises(ArchiveError, match=r"pip install 'logsrv\[archive\]'") as error:
        archive.read("x")
    assert error.value.settled


def test_a_changed_object_is_a_sentence_with_its_place_and_what_to_do():
    error = ChangedObject("file:///srv/a", "x/1.log.zst")
    assert error.settled
    assert str(error).startswith("x/1.log.zst in file:///srv/a is not what was archived")
    assert str(error).endswith("put it back from a copy")


def test_a_directory_is_named_by_its_path():
    assert parse_archive_url("file:///srv/archive/").path == "/srv/archive"


def test_a_bucket_has_a_prefix_and_options():
    url = parse_archive_url(
        "s3://logs/of/edges/?endpoint=http://[::1]:9000&region=eu-central-1&key-file=/etc/s3&ca=/ca.pem"
    )
    assert (url.bucket, url.path) == ("logs", "/of/edges")
    assert url.options["endpoint"] == "http://[::1]:9000"
    assert url.place == "s3://logs/of/edges"
    assert parse_archive_url("gs://logs").place == "gs://logs"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/srv/archive",
        "file:/srv",
        "file://srv/archive",
        "file:///srv/../etc",
        "file:///a?b",
        "file:///a%20b",
        "http://logs/archive",
    ],
)
def test_other_urls_are_no_archive(text):
    with pytest.raises(ValueError, match="archive"):
        parse_archive_url(text)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("s3:///archive", "names no bucket"),
        ("s3://key:secret@logs/archive", "names no bucket"),
        ("s3://logs/a//b", "between slashes"),
        ("s3://logs/a%2fb", "between slashes"),
        ("s3://logs/../b", "between slashes"),
        ("s3://logs/a#b", "between slashes"),
        ("s3://logs?secret=x", "only these options are allowed: endpoint, region, key-file, ca"),
        ("gs://logs?region=x", "allowed: ca$"),
        ("s3://logs?endpoint=s3.example.org", "such as https://s3.example.org:9000"),
        ("s3://logs?endpoint=https://a@b", "such as https://s3.example.org:9000"),
        ("s3://logs?region=a/b", "such as eu-central-1"),
    ],
)
def test_buckets_that_make_no_sense_are_refused(text, why):
    with pytest.raises(ValueError, match=why):
        parse_archive_url(text)
