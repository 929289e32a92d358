"""Searching an archive in a bucket, with indexes here and without: what is found, and what it costs."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("obstore")

from logsrv.errors import StoreError
from logsrv.linelog.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.archive.view import ArchiveView
from logsrv.linelog.objects.interface import ArchiveError
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.parse import parse
from logsrv.linelog.read.figures.groups import count_lines
from logsrv.linelog.read.follow import end_of_store
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import save_archive_url, save_local_manifest
from logsrv.linelog.store.notes.manifest import decode_manifest
from logsrv.linelog.store.segment import Position
from tests.linelog.archive.rounds import Rounds
from tests.parts.archived_stores import STORE, packed, remove_texts
from tests.parts.bucket_server import KEYS, BucketServer, error, running
from tests.parts.stores import lines, make_store

SEGMENTS, COUNT = 16, 3000
RARE_LINE = 7


def identity(segment: int) -> str:
    return f"{(segment + 1) * 0x9E3779B97F4A7C15 % (1 << 64):016x}"


def message(segment: int, number: int) -> str:
    rare = f"{'abcdefghijklmnop'[segment] * 5} id={identity(segment)}"
    return f"segment {segment} line {number} {rare if number == RARE_LINE else 'common'}"


@pytest.fixture(scope="module")
def server() -> Iterator[BucketServer]:
    with running() as one:
        yield one


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, server: BucketServer) -> Path:
    """A store whose text is in a bucket only; its indexes are here."""
    made = tmp_path_factory.mktemp("store")
    held = [
        lines([message(segment, number) for number in range(COUNT)], segment * COUNT)
        for segment in range(SEGMENTS)
    ]
    make_store(made, [*held, lines(["the last one"], SEGMENTS * COUNT)])
    (made / "keys").write_text(" ".join(KEYS.values()))
    url = f"{server.url()}&key-file={made / 'keys'}"
    archive, disk = open_archive(url), Disk().open_directory(made)
    for one in packed(made):
        manifest = put_segment(archive, one, disk, STORE)
        save_local_manifest(disk, one, manifest)
        add_to_archive_catalogs(archive, manifest, disk.read)
    disk.close()
    (made / "ship").mkdir()
    folder = Disk().open_directory(made / "ship")
    save_archive_url(folder, "far", url)
    folder.close()
    remove_texts(made)
    return made


@pytest.fixture
def url(store: Path, server: BucketServer) -> Iterator[str]:
    objects = dict(server.objects)
    server.forget()
    yield f"{server.url()}&key-file={store / 'keys'}"
    server.objects.clear()
    server.objects.update(objects)
    server.change = lambda _, data: data
    server.faults.clear()
    # The test that made the client would be blamed for a connection that the client still keeps.
    server.hang_up()


@pytest.fixture
def rounds(monkeypatch: pytest.MonkeyPatch) -> Rounds:
    return Rounds(monkeypatch)


def found(
    opened: Callable[[Callable[[str], None]], View], query: str, **how: object
) -> tuple[list[str], list[str]]:
    """The messages that match, and what was told."""
    told: list[str] = []
    with opened(told.append) as view:
        search = Search(view, make_matcher(parse(query)), Scope(), **how)  # type: ignore[arg-type]
        hits = [hit.line.split(b" ", 2)[2].decode() for hit in search.hits()]
        search.close()
        return hits, told


def far(url: str) -> Callable[[Callable[[str], None]], View]:
    return lambda tell: ArchiveView(url, tell)


def near(store: Path) -> Callable[[Callable[[str], None]], View]:
    return lambda tell: View(str(store), tell, away=True)


RARE = [message(4, RARE_LINE)]


@pytest.mark.slow
@pytest.mark.parametrize("query", ["eeeee", identity(4), f"segment eeeee {RARE[0][-16:]}"])
def test_a_rare_word_costs_a_frame_with_indexes_here(store, url, server, rounds, query):
    assert found(near(store), query) == (RARE, [])
    # A frame of another segment may look as if it had the word.
    assert 1 <= len(server.asked) <= 8
    assert rounds.count == 1


@pytest.mark.slow
@pytest.mark.parametrize("query", ["eeeee", identity(4), f"segment eeeee {RARE[0][-16:]}"])
def test_a_rare_word_costs_few_round_trips_without(url, server, rounds, query):
    assert found(far(url), query) == (RARE, [])
    # The stores, the catalogs that count, what they have, words at most three times, and a frame.
    assert rounds.count <= 7
    assert len(server.asked) <= 4 + 3 * SEGMENTS + 2


def test_one_view_answers_for_many_words(url):
    with ArchiveView(url, print) as view:
        for segment in (4, 9, 4):
            search = Search(view, make_matcher(parse(identity(segment))), Scope())
            assert [hit.position.segment for hit in search.hits()] == [segment + 1]
            search.close()


def test_a_word_that_is_nowhere_reads_no_text(url, server):
    assert found(far(url), "quince") == ([], [])
    assert not [asked.key for asked in server.asked if asked.key.endswith(".log.zst")]


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_word_in_every_frame_is_found_in_order(url, store, processes):
    """More frames than are read ahead, and than one process searches alone."""
    for opened in (far(url), near(store)):
        hits, told = found(opened, "line /^segment \\d+ line 7 /", processes=processes)
        assert hits == [message(segment, RARE_LINE) for segment in range(SEGMENTS)]
        assert told == []


def test_the_newest_lines_need_no_other_frames(url, server):
    with ArchiveView(url, print) as view:
        search = Search(view, make_matcher(parse("common")), Scope())
        assert next(search.hits(reverse=True)).line.endswith(
            message(SEGMENTS - 1, COUNT - 1).encode()
        )
        search.close()
    read = [asked for asked in server.asked if asked.key.endswith(".log.zst")]
    # The first lines of the newest frame may go on with a record of the frame before.
    assert len(read) <= 10


def test_lines_have_their_neighbours_and_places(url):
    with ArchiveView(url, print) as view:
        kept = StoredLines(view)
        end = end_of_store(view)
        assert end.segment == SEGMENTS
        last = next(kept.lines_before(end))
        assert last.line.endswith(message(SEGMENTS - 1, COUNT - 1).encode())
        first = kept.line_at(Position(1, 0))
        assert first is not None and first.line.endswith(message(0, 0).encode())
        kept.close()
        assert view.read_time_span()[0] < view.read_time_span()[1]


def test_times_leave_out_segments(url, server):
    with ArchiveView(url, print) as view:
        since = view.times_of_segment(SEGMENTS).smallest or ""
        search = Search(view, make_matcher(parse("common")), Scope(since=since))
        assert count_lines(search) == COUNT - 1
        search.close()
    read = {asked.key[-31:-21] for asked in server.asked if asked.key.endswith(".log.zst")}
    assert len(read) == 1


@pytest.mark.slow
@pytest.mark.parametrize("lost", ["all", "some"])
def test_without_catalogs_every_line_is_found(url, server, lost):
    """An archive that was written before there were any, or a shipper that was killed."""
    for name in list(server.objects):
        if "/catalog/" in name:
            del server.objects[name]
    if lost == "some":
        archive = open_archive(url)
        there = [name for name in server.objects if name.endswith(".json")]
        kept = {name: server.objects.pop(name) for name in sorted(there)[1:]}
        manifest = decode_manifest(server.objects[min(there)])
        add_to_archive_catalogs(archive, manifest, lambda name: archive.read(f"{STORE}/{name}"))
        server.objects.update(kept)
    for query in ("eeeee", identity(4)):
        assert found(far(url), query) == (RARE, [])
    server.forget()
    assert found(far(url), "quince") == ([], [])
    assert not [asked.key for asked in server.asked if asked.key.endswith(".log.zst")]


def test_a_catalog_that_was_changed_is_not_used(url, server):
    server.change = lambda key, data: (
        data[:-9] + bytes([data[-9] ^ 1]) + data[-8:] if "catalog" in key else data
    )
    hits, told = found(far(url), "eeeee")
    assert hits == RARE
    assert len(told) == 1 and "is not what was archived" in told[0]


@pytest.mark.slow
def test_a_word_index_that_was_changed_is_not_used(url, server):
    server.change = lambda key, data: bytes(len(data)) if key.endswith(".words") else data
    hits, told = found(far(url), "eeeee")
    assert hits == RARE
    assert told and all("the word index" in one for one in told)


def test_a_frame_that_was_changed_is_told_and_left_out(url, server):
    server.change = lambda key, data: bytes(len(data)) if key.endswith(".log.zst") else data
    hits, told = found(far(url), "eeeee")
    assert hits == []
    assert told and all("is not what was archived" in one for one in told)


def test_a_store_may_be_named_behind_the_archive(url, server):
    where, _, options = url.partition("?")
    assert found(far(f"{where}/{STORE}?{options}"), "eeeee")[0] == RARE
    server.objects[f"archive/{'12' * 16}/x.json"] = b""
    with pytest.raises(StoreError, match=rf"has the stores .*/{'12' * 16}"):
        ArchiveView(url, print)
    with pytest.raises(StoreError, match="no segment of store"):
        ArchiveView(f"{where}/{'12' * 16}?{options}", print)
    server.objects.clear()
    with pytest.raises(StoreError, match="no segment of any store"):
        ArchiveView(url, print)


def test_what_is_wrong_there_is_one_sentence(url, server):
    server.faults = [lambda _: error(403, "AccessDenied")]
    with pytest.raises(ArchiveError, match="the key may not do this here"):
        ArchiveView(url, print)
    with pytest.raises(StoreError, match="an archive is at a URL"):
        ArchiveView("ftp://x/y", print)
