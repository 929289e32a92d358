"""Segments in a bucket, put there and read there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("obstore")

from logsrv.linelog.archive.putting import find_manifest, put_segment
from logsrv.linelog.archive.restoring import restore_segments
from logsrv.linelog.archive.rewriting import find_erased_lines
from logsrv.linelog.archive.stores import open_archived_store
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.objects.putting import OtherSegment
from logsrv.linelog.store.disk import Disk
from tests.parts.archived_stores import STORE, packed, sealed_store
from tests.parts.bucket_server import Answer, Asked, BucketServer, error, running, set_keys
from tests.parts.disks import at
from tests.parts.erasing import erase, store_with_person


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    set_keys(monkeypatch)
    with running() as one:
        yield one


def test_a_segment_is_put_into_a_bucket_and_read(server, tmp_path):
    store, archive = sealed_store(tmp_path / "store"), open_archive(server.url())
    for one in packed(store):
        put_segment(archive, one, at(store), STORE)
    made = [asked.key.rpartition(".")[2] for asked in server.asked if asked.method == "PUT"]
    assert made == ["words", "idx", "zst", "json"] * 2
    disk = Disk().open_directory(_new(tmp_path / "back"))
    assert open_archived_store(server.url())[1] == STORE
    assert [one.error for one in restore_segments(archive, STORE, disk)] == ["", ""]
    disk.close()
    for path in store.glob("*.zst*"):
        assert (tmp_path / "back" / path.name).read_bytes() == path.read_bytes()


def test_a_segment_that_is_there_is_not_sent_again(server, tmp_path):
    store, archive = sealed_store(tmp_path / "store", 1, 50), open_archive(server.url())
    [segment] = packed(store)
    first = put_segment(archive, segment, at(store), STORE)
    server.forget()
    assert put_segment(archive, segment, at(store), STORE) == first
    assert {asked.method for asked in server.asked} == {"GET"}
    [segment] = packed(sealed_store(tmp_path / "other", 1, 49))
    with pytest.raises(OtherSegment, match="--new-identity"):
        put_segment(archive, segment, at(tmp_path / "other"), STORE)


def test_lines_that_a_bucket_has_erased_are_found_and_equal_texts_are_not_fetched(server, tmp_path):
    erased = store_with_person(tmp_path / "erased", segments=2, packed=1)
    restored = store_with_person(tmp_path / "restored", segments=2, packed=1)
    erase(erased)
    [segment] = packed(erased)
    put_segment(open_archive(server.url()), segment, at(erased), STORE)
    server.forget()
    assert list(find_erased_lines(server.url(), at(erased), STORE, [segment])) == []
    assert server.asked and not [one for one in server.asked if one.key.endswith(".log.zst")]
    [(number, lines)] = find_erased_lines(server.url(), at(restored), STORE, [segment])
    assert (number, len(lines)) == (segment.number, 6)


def test_a_segment_whose_answer_was_lost_is_found_there(server, tmp_path):
    """The server has taken each object, and says 500: the next try finds that it is there."""
    store, archive = sealed_store(tmp_path / "store", 1, 50), open_archive(server.url())
    [segment] = packed(store)
    lost: set[str] = set()

    def lose(asked: Asked) -> Answer | None:
        if asked.method != "PUT" or asked.key in lost:
            return None
        lost.add(asked.key)
        local = asked.key.rpartition("/")[2]
        if not local.endswith(".json"):
            server.objects[asked.key] = (store / local).read_bytes()
        return error(500, "InternalError")

    server.faults = [lose]
    put_segment(archive, segment, at(store), STORE)
    assert len(lost) == 3
    assert find_manifest(archive, STORE, segment.name) is not None


def _new(path: Path) -> Path:
    path.mkdir()
    return path
