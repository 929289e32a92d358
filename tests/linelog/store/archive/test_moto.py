"""Archives in a bucket of moto, a server of S3 that somebody else wrote."""

from collections.abc import Iterator

import pytest

from logsrv.linelog.query.language.parse import parse
from logsrv.linelog.query.matching.match import make_matcher
from logsrv.linelog.read.archive_view import ArchiveView
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.store.archive.archive_notes import open_archive
from logsrv.linelog.store.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.store.archive.choosing import open_archived_store
from logsrv.linelog.store.archive.objects import ArchiveError, ObjectExists
from logsrv.linelog.store.archive.putting import find_manifest, put_segment
from logsrv.linelog.store.archive.restoring import restore_segments
from logsrv.linelog.store.segments.disk import Disk
from tests.parts.archived_stores import RARE, STORE, packed, sealed_store
from tests.parts.buckets import buckets
from tests.parts.disks import at

pytest.importorskip("obstore")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with buckets("logs") as variables:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        yield


@pytest.mark.slow
def test_a_segment_is_archived_searched_and_restored(environment, tmp_path):
    store, archive = sealed_store(tmp_path / "store"), open_archive("s3://logs/edges")
    for one in packed(store):
        add_to_archive_catalogs(
            archive, put_segment(archive, one, at(store), STORE), at(store).read
        )
    with pytest.raises(ObjectExists):
        archive.create(archive.names(f"{STORE}/")[0], [b"other"])
    assert find_manifest(archive, STORE, packed(store)[0].name) is not None
    assert archive.read(f"{STORE}/{packed(store)[0].index}", 1 << 20, 10) == b""
    told: list[str] = []
    with ArchiveView("s3://logs/edges", told.append) as view:
        search = Search(view, make_matcher(parse(RARE[1])), Scope())
        assert search.count() == 3 and told == []
        search.close()
    (tmp_path / "back").mkdir()
    disk = Disk().open_directory(tmp_path / "back")
    assert open_archived_store("s3://logs/edges")[1] == STORE
    assert [one.error for one in restore_segments(archive, STORE, disk)] == ["", ""]
    disk.close()
    for path in store.glob("*.zst*"):
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("_", ["first", "second"])
def test_a_bucket_is_empty_at_first(environment, _):
    archive = open_archive("s3://logs/edges")
    assert archive.names("a/") == []
    archive.create("a/b", [b"x"])
    assert archive.names("a/") == ["a/b"]


@pytest.mark.slow
def test_a_bucket_that_is_not_there_is_named(environment):
    archive = open_archive("s3://nowhere/edges")
    for ask in (lambda: archive.names("a/"), lambda: archive.create("a/b", [b"x"])):
        with pytest.raises(ArchiveError, match="there is no bucket nowhere") as found:
            ask()
        assert found.value.settled
