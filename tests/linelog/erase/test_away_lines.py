"""Lines of segments that only archives have are erased there, whatever interrupts that."""

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("obstore")

from logsrv.linelog.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.archive.view import ArchiveView
from logsrv.linelog.erase.away_lines import FOLDER, is_away_unfinished
from logsrv.linelog.erase.erase_run import EraseRun
from logsrv.linelog.erase.everywhere import rewrite_everywhere
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.read.view import View
from logsrv.linelog.store import place
from logsrv.linelog.store.identity import Identity, save_identity
from logsrv.linelog.store.notes.archive_notes import save_archive_url, save_local_manifest
from logsrv.linelog.store.notes.erase_plan import PlanFile, locked_plan
from logsrv.linelog.store.notes.erased import load_erased
from logsrv.linelog.store.place import Place
from logsrv.linelog.store.segment import Listing, Position
from tests.parts.archived_stores import STORE, packed, remove_texts
from tests.parts.bucket_server import Answer, Asked, BucketServer, error, running, set_keys
from tests.parts.commands import logsrv
from tests.parts.disks import at
from tests.parts.erasing import WORDS, files_with_person, store_with_person

QUERY = "zebulon OR quist"
PERSON = [word.lower() for word in WORDS]


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BucketServer]:
    set_keys(monkeypatch)
    with running() as one:
        yield one


def archived(store: Path, *urls: str, away: bool = True) -> Path:
    """A store of which archives have all compressed segments; away: alone."""
    disk = at(store)
    save_identity(disk, Identity(STORE, Position(1, 0)))
    (store / "ship").mkdir()
    for number, url in enumerate(urls):
        kept = Place(Position(100, 0), STORE, "2026-11-20T06:00:00.000000Z", {"target": url})
        place.save(at(store / "ship"), f"cold{number}", kept)
        save_archive_url(at(store / "ship"), f"cold{number}", url)
        archive = open_archive(url)
        for one in packed(store):
            made = put_segment(archive, one, disk, STORE)
            add_to_archive_catalogs(archive, made, disk.read)
            save_local_manifest(disk, one, made)
    if away:
        remove_texts(store)
    return store


def lines_of(store: Path, query: str = "") -> list[tuple[Position, bytes]]:
    """Return the lines of a store, with those that only an archive has; none may be unreadable."""
    with View(str(store), _fail, away=True) as view:
        return _found(view, query)


def lines_in_archive(url: str, query: str = "") -> list[tuple[Position, bytes]]:
    address, _, options = url.partition("?")
    with ArchiveView(f"{address}/{STORE}{'?' * bool(options)}{options}", _fail) as view:
        return _found(view, query)


def _found(view: View, query: str) -> list[tuple[Position, bytes]]:
    search = Search(view, make_matcher(parse_question(query).node), Scope(), processes=1)
    found = [(hit.position, hit.line) for hit in search.hits()]
    search.close()
    return found


def _fail(why: str) -> None:
    raise AssertionError(why)


def others(lines: list[tuple[Position, bytes]]) -> list[tuple[Position, bytes]]:
    """Return the lines that are nobody's whose lines are erased."""
    return [
        (position, line)
        for position, line in lines
        if b"(erased)" not in line and not any(word.encode() in line.lower() for word in PERSON)
    ]


def erase_everywhere(store: Path, *more: str) -> tuple[int, str, str]:
    done = logsrv("erase", *(more or (QUERY, "--yes")), "--everywhere", "-d", str(store))
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def require_erased(store: Path, urls: list[str], before: list[tuple[Position, bytes]]) -> None:
    """Nothing of the person is left, in the store and in the archives; all else is where it was."""
    assert files_with_person(store) == []
    after = lines_of(store)
    assert [one for one, _ in after] == [one for one, _ in before]
    assert others(after) == others(before)
    assert lines_of(store, QUERY) == []
    for url in urls:
        there = lines_in_archive(url)
        assert others(there) == [one for one in others(before) if one[0].segment < 3]
        assert lines_in_archive(url, QUERY) == []
    assert not (store / FOLDER).exists()
    assert [one.number for one in Listing(at(store)).away] == [1, 2], "the texts stay there alone"


def test_lines_that_only_an_archive_has_are_erased_with_everywhere(tmp_path):
    """In a directory, in two archives of one store."""
    urls = [f"file://{tmp_path}/{name}" for name in ("one", "two")]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    store = archived(store_with_person(tmp_path / "store"), *urls)
    before, count = lines_of(store), len(lines_of(store, QUERY))
    plain = logsrv("erase", QUERY, "--dry-run", "-d", str(store))
    assert plain.returncode == 2 and b"--everywhere erases them there" in plain.stderr
    status, said, why = erase_everywhere(store)
    assert (status, why) == (0, "")
    assert "in 2 segments only in archives, from 2026-11-20T06:00:03.000000Z to " in said
    require_erased(store, urls, before)
    for name in ("one", "two"):
        assert files_with_person(tmp_path / name) == []
    assert sum(one.lines for one in load_erased(at(store)).erasures) == count
    status, said, _ = erase_everywhere(store)
    assert status == 1 and "no line is left that matches" in said
    require_erased(store, urls, before)


def test_they_are_erased_beside_a_target_that_is_a_centre(tmp_path):
    (tmp_path / "cold").mkdir()
    url = f"file://{tmp_path}/cold"
    store = archived(store_with_person(tmp_path / "store"), url)
    there = Place(Position(3, 0), STORE, note={"target": "http://127.0.0.1:6514"})
    place.save(at(store / "ship"), "centre", there)
    before = lines_of(store)
    status, _, why = erase_everywhere(store)
    assert (status, why) == (0, "")
    require_erased(store, [url], before)


def test_the_same_in_a_bucket(server, tmp_path):
    store = archived(store_with_person(tmp_path / "store"), server.url())
    before = lines_of(store)
    assert erase_everywhere(store)[0] == 0
    require_erased(store, [server.url()], before)
    found = [name for name, data in server.objects.items() if PERSON[0].encode() in data.lower()]
    assert not found


def stop_at(server: BucketServer, number: int) -> None:
    """Let the bucket answer so many requests, and refuse all after them: a cut that lasts."""
    seen: list[Asked] = []

    def fault(asked: Asked) -> Answer | None:
        seen.append(asked)
        return error(403, "AccessDenied") if len(seen) > number else None

    server.faults = [fault]


def erase_here(store: Path) -> bool:
    """Erase as the command does, in this process; return whether all was done."""
    disk = at(store)
    matcher = make_matcher(parse_question(QUERY).node)
    asked = EraseRun(
        str(store), disk, matcher, Scope(), whole_records=False, everywhere=True, reason=""
    )
    with locked_plan(disk) as file:
        if is_away_unfinished(str(store)):
            asked.carry_out_away()
        asked.find()
        asked.erase_found(file)
    whole = rewrite_everywhere(str(store), disk)
    return whole and not asked.damaged and not asked.status_of_erasing


@pytest.mark.nightly
@pytest.mark.minutes(10)
@pytest.mark.parametrize("away", [True, False], ids=["only in the bucket", "here, too"])
def test_an_erase_in_a_bucket_that_is_interrupted_at_any_request_is_finished_later(
    away, server, tmp_path, capsys
):
    """No line of others is ever lost, in no state of the bucket, and in the end all is erased."""
    original = store_with_person(tmp_path / "original", segments=3, each=20)
    archived(original, server.url(), away=away)
    objects, before = dict(server.objects), lines_of(original)
    number, done = 0, False
    while not done:
        server.objects, server.faults = dict(objects), []
        store = tmp_path / f"store{number}"
        _copy(original, store)
        stop_at(server, number)
        done = erase_here(store)
        server.faults = []
        if not done:
            assert "AccessDenied" in capsys.readouterr().err
            assert erase_here(store), capsys.readouterr().err
        if away:
            require_erased(store, [server.url()], before)
        else:
            assert lines_in_archive(server.url(), QUERY) == lines_of(store, QUERY) == []
            there = [one for one in others(before) if one[0].segment < 3]
            assert others(lines_in_archive(server.url())) == there
        number += 1
    assert number > 10


def test_a_segment_that_the_bucket_has_half_is_finished_before_others_need_it(server, tmp_path):
    """The end of the one before is fetched with each: an index may have a copy of its lines."""
    store = archived(store_with_person(tmp_path / "store"), server.url())
    before = lines_of(store)
    text = next(name for name in server.objects if "/0000000002-" in name and name.endswith(".zst"))
    server.faults = [
        lambda asked: (
            error(403, "AccessDenied")
            if asked.method == "PUT" and text not in server.objects
            else None
        )
    ]
    assert not erase_here(store) and text not in server.objects
    server.faults = []
    assert erase_here(store)
    require_erased(store, [server.url()], before)


def _copy(store: Path, to: Path) -> None:
    for path in [store, *store.rglob("*")]:
        target = to / path.relative_to(store)
        if path.is_dir():
            target.mkdir()
        else:
            target.write_bytes(path.read_bytes())


def test_an_interrupted_erase_is_named_and_finished_by_finish(server, tmp_path):
    store = archived(store_with_person(tmp_path / "store"), server.url())
    before = lines_of(store)
    server.faults = [
        lambda asked: error(403, "AccessDenied") if asked.method in ("PUT", "POST") else None
    ]
    status, said, why = erase_everywhere(store)
    assert status == 2 and "logsrv erase: not erased in archives: " in why
    assert (
        "`logsrv erase --finish --everywhere` continues" in why and "only in archives" not in said
    )
    plain = logsrv("erase", "--finish", "-d", str(store))
    assert b"an erase in archives was interrupted: --everywhere continues it" in plain.stderr
    server.faults = []
    status, said, why = erase_everywhere(store, "--finish")
    assert status == 0 and "erased in archives: " in said
    require_erased(store, [server.url()], before)


def test_an_erase_that_is_cut_off_after_its_note_is_noted_once(tmp_path, monkeypatch, capsys):
    (tmp_path / "cold").mkdir()
    store = archived(store_with_person(tmp_path / "store"), f"file://{tmp_path}/cold")
    count = len(lines_of(store, QUERY))
    remove = PlanFile.remove

    def remove_unless_noted(file: PlanFile) -> None:
        if load_erased(at(store)).erasures:
            monkeypatch.undo()
            raise OSError("the disk was pulled")
        remove(file)

    monkeypatch.setattr(PlanFile, "remove", remove_unless_noted)
    assert not erase_here(store) and "the disk was pulled" in capsys.readouterr().err
    assert erase_here(store)
    assert sum(one.lines for one in load_erased(at(store)).erasures) == count


def test_a_segment_that_is_changed_in_its_archive_stays_and_is_said(tmp_path):
    (tmp_path / "cold").mkdir()
    url = f"file://{tmp_path}/cold"
    store = archived(store_with_person(tmp_path / "store"), url)
    for path in (tmp_path / "cold").rglob("0000000002-*.log.zst"):
        path.chmod(0o600)
        path.write_bytes(path.read_bytes()[:-7] + b"damaged")
    status, _, why = erase_everywhere(store)
    assert status == 2 and "is not what was archived" in why
