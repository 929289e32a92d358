"""Archives and lakes of a store are rewritten after an erase."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pyarrow.parquet
import pytest
from twisted.internet.defer import Deferred

from logsrv.linelog.alerts.alert_protocol import AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.archive.catalog import add_to_archive_catalogs
from logsrv.linelog.archive.putting import put_segment
from logsrv.linelog.archive.view import ArchiveView
from logsrv.linelog.erase.everywhere import rewrite_everywhere
from logsrv.linelog.lake.lake_segment import put_lake_segment
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.opening import open_archive
from logsrv.linelog.objects.putting import ErasedThere
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.store import place
from logsrv.linelog.store.identity import Identity, save_identity
from logsrv.linelog.store.notes.archive_notes import save_archive_url, save_local_manifest
from logsrv.linelog.store.notes.putting_turn import PuttingTurn
from logsrv.linelog.store.place import Place
from logsrv.linelog.store.segment import Position
from tests.parts.archived_stores import STORE, archive_all, files_of, packed, remove_texts
from tests.parts.commands import logsrv
from tests.parts.disks import at
from tests.parts.erasing import MOMENT, erase, files_with_person, store_with_person
from tests.parts.watchers import WatcherStage


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of which an archive and a lake have two segments."""
    store = store_with_person(tmp_path / "store")
    disk = at(store)
    save_identity(disk, Identity(STORE, Position(1, 0)))
    (store / "ship").mkdir()
    for name, target in (("cold", "file"), ("lake", "lake+file")):
        folder = tmp_path / name
        folder.mkdir()
        url = f"{target}://{folder}"
        kept = Place(Position(3, 0), STORE, "2026-11-20T06:00:00.000000Z", {"target": url})
        place.save(at(store / "ship"), name, kept)
        archive = DirectoryArchive(str(folder))
        for one in packed(store):
            if name == "lake":
                put_lake_segment(archive, one, disk, STORE, lambda: True)
                continue
            made = put_segment(archive, one, disk, STORE)
            add_to_archive_catalogs(archive, made, disk.read)
            save_local_manifest(disk, one, made)
            save_archive_url(at(store / "ship"), name, url)
    return store


def found_in_archive(tmp_path: Path, query: str) -> int:
    told: list[str] = []
    with ArchiveView(f"file://{tmp_path / 'cold'}/{STORE}", told.append) as view:
        search = Search(view, make_matcher(parse_question(query).node), Scope(), processes=1)
        found = len([*search.hits()])
        search.close()
    assert not told
    return found


def rows_of_lake(tmp_path: Path) -> str:
    tables = [pyarrow.parquet.read_table(one) for one in (tmp_path / "lake").rglob("*.parquet")]
    return repr([table.to_pydict() for table in tables]).lower()


def test_they_have_the_earlier_text_until_they_are_rewritten(store, tmp_path, capsys):
    before = found_in_archive(tmp_path, "user=ann")
    erase(store)
    assert found_in_archive(tmp_path, "quist") and "quist" in rows_of_lake(tmp_path)
    assert rewrite_everywhere(str(store), at(store))
    assert capsys.readouterr().out.count("rewritten: 2 segments in ") == 2
    assert found_in_archive(tmp_path, "quist OR zebulon") == 0
    assert found_in_archive(tmp_path, "user=ann") == before
    assert "quist" not in rows_of_lake(tmp_path) and "zebulon" not in rows_of_lake(tmp_path)
    assert files_with_person(tmp_path / "cold") == []
    assert all((store / one.archived).exists() for one in packed(store))
    # Once more changes nothing.
    there = sorted(path.stat().st_ino for path in (tmp_path / "cold").rglob("*.zst"))
    assert rewrite_everywhere(str(store), at(store))
    assert sorted(path.stat().st_ino for path in (tmp_path / "cold").rglob("*.zst")) == there


@pytest.mark.parametrize("target", ["http://127.0.0.1:6514", "es+https://[::1]", "nats://n1:4222"])
def test_a_target_that_is_no_archive_is_passed_over(store, capsys, target):
    """Its place has its URL without the path, which may be a secret: alone it is no URL of a target."""
    kept = Place(Position(3, 0), STORE, "2026-11-20T06:00:00.000000Z", {"target": target})
    place.save(at(store / "ship"), "centre", kept)
    erase(store)
    assert rewrite_everywhere(str(store), at(store))
    said, why = capsys.readouterr()
    assert said.count("rewritten: 2 segments in ") == 2 and not why


def test_an_archive_is_opened_once_and_the_turn_is_taken_for_each_segment(store, monkeypatch):
    """A new client for each segment cost a bucket its connections; a shipper may put one in between."""
    erase(store)
    did: list[str] = []

    def noted(word: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any) -> Any:
            did.append(word)
            return function(*given)

        return call

    for module, put in (
        ("logsrv.linelog.archive.rewriting", put_segment),
        ("logsrv.linelog.lake.rewriting", put_lake_segment),
    ):
        monkeypatch.setattr(f"{module}.open_archive", noted("open", open_archive))
        monkeypatch.setattr(f"{module}.{put.__name__}", noted("put", put))
    give_back = noted("give back", PuttingTurn.give_back)
    monkeypatch.setattr(PuttingTurn, "give_back", lambda turn: give_back(turn))
    assert rewrite_everywhere(str(store), at(store))
    assert did == ["open", *["put", "give back"] * 2] * 2


def test_the_turn_is_given_back_after_a_failure(store, tmp_path, monkeypatch, capsys):
    erase(store)
    shipper = PuttingTurn(at(store / "ship"), "cold")
    assert shipper.take()
    shipper.give_back()

    def put(*_: object) -> None:
        assert not shipper.take()
        raise OSError("the disk was pulled")

    monkeypatch.setattr("logsrv.linelog.archive.rewriting.put_segment", put)
    assert not rewrite_everywhere(str(store), at(store))
    assert "the disk was pulled" in capsys.readouterr().err
    assert shipper.take()
    shipper.give_back()


@pytest.fixture
def restored(store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A copy of before an erase that archive and lake have, too. Other lines were erased in the copy."""
    shutil.copytree(store, tmp_path / "restored")
    erase(store)
    assert rewrite_everywhere(str(store), at(store)) and files_with_person(tmp_path / "cold") == []
    capsys.readouterr()
    erase(tmp_path / "restored", "number=5 OR number=50")
    return tmp_path / "restored"


def test_a_restored_store_puts_no_erased_line_back(restored, tmp_path, capsys):
    there = files_of(tmp_path / "cold"), files_of(tmp_path / "lake")
    assert not rewrite_everywhere(str(restored), at(restored))
    said = capsys.readouterr().err
    assert said.count("`logsrv erase --finish --everywhere` has to come first: ") == 2
    assert said.count(" lines of segment 0000000001-20261120T060000Z are erased in ") == 2
    assert (files_of(tmp_path / "cold"), files_of(tmp_path / "lake")) == there


def test_a_restored_store_puts_none_back_beside_half_a_segment(restored, tmp_path):
    """An erase was killed after it had removed the manifest there."""
    for path in (tmp_path / "cold").rglob("*Z.json"):
        path.unlink()
    assert not rewrite_everywhere(str(restored), at(restored))
    assert files_with_person(tmp_path / "cold") == []


def test_a_restored_store_does_not_ship_erased_lines_back(restored, tmp_path):
    archive, lake = (
        DirectoryArchive(str(tmp_path / "cold")),
        DirectoryArchive(str(tmp_path / "lake")),
    )
    for one in packed(restored):
        with pytest.raises(ErasedThere):
            put_segment(archive, one, at(restored), STORE)
        with pytest.raises(ErasedThere):
            put_lake_segment(lake, one, at(restored), STORE, lambda: True)
    assert files_with_person(tmp_path / "cold") == [] and "quist" not in rows_of_lake(tmp_path)


@pytest.mark.parametrize("target", ["cold", "lake"])
def test_everywhere_erases_in_a_restored_store_what_is_erased_elsewhere(restored, tmp_path, target):
    (restored / "ship" / ("lake" if target == "cold" else "cold")).unlink()
    done = logsrv("erase", "number=7", "--everywhere", "-d", str(restored))
    assert done.returncode == 2 and b"was made before that erase" in done.stderr
    assert b"--yes" in done.stderr and b"not known" not in done.stderr
    there = files_of(tmp_path / "cold")
    # An archive that lies must not have lines erased here by an erase of others.
    done = logsrv("erase", "number=7", "--everywhere", "--yes", "-d", str(restored))
    assert done.returncode == 2 and b"`logsrv erase --finish --everywhere` asks" in done.stderr
    assert b"erased" not in done.stdout and files_of(tmp_path / "cold") == there
    done = logsrv("erase", "--finish", "--everywhere", "--yes", "-d", str(restored))
    assert done.returncode == 0, done.stderr
    assert b" erased that this store still has: it was restored from a copy" in done.stderr
    assert b"erased: 11 lines in 2 segments, as before in " in done.stdout
    assert not [one for one in files_with_person(restored) if one < "0000000003"]
    assert files_with_person(tmp_path / "cold") == []
    assert "quist" not in rows_of_lake(tmp_path) and "zebulon" not in rows_of_lake(tmp_path)
    listed = logsrv("erase", "--list", "-d", str(restored))
    assert b"erased before in " in listed.stdout
    again = logsrv("erase", "--finish", "--everywhere", "-d", str(restored))
    assert (again.returncode, again.stderr) == (0, b"")


def test_a_restored_store_forgets_groups_of_alerts_that_only_these_lines_have(restored, tmp_path):
    (tmp_path / "watched").mkdir()
    stage = WatcherStage(tmp_path / "watched", lambda *_: Deferred())
    # The archive has the first 80 lines.
    alert = "ms<80 | count > 1 in 5m by user"
    settings = AlertSettings(alert=alert, name="web", alert_command=("x",), alert_every=3600)
    stage.start_tasks({"1": AlertTask("web", "command", settings, stage.ends)})
    stage.advance(1)
    # Of ann the store has lines that are left.
    for user in ("zebulon.quist", "ann"):
        stage.write(f"user={user} ms=1", f"user={user} ms=2")
    stage.advance(35)
    stage.kill()
    state = stage.kept.load_state("1")
    assert "zebulon.quist" in str(state)
    shutil.copytree(stage.directory / "alerts", restored / "alerts")
    done = logsrv("erase", "--finish", "--everywhere", "--yes", "-d", str(restored))
    assert done.returncode == 0, done.stderr
    assert b"forgotten, as no other line has their values: 1 group of alerts\n" in done.stdout
    left = b"".join(files_of(restored / "alerts").values())
    assert b"quist" not in left and b'"ann"' in left


def test_a_restored_store_learns_of_erases_in_segments_that_it_has_not_touched(store, tmp_path):
    shutil.copytree(store, tmp_path / "restored")
    erase(store)
    assert rewrite_everywhere(str(store), at(store))
    done = logsrv("erase", "--finish", "--everywhere", "--yes", "-d", str(tmp_path / "restored"))
    assert done.returncode == 0 and b"erased: 11 lines in 2 segments, as before in " in done.stdout
    assert not [one for one in files_with_person(tmp_path / "restored") if one < "0000000003"]


def test_a_restored_store_reads_again_what_was_erased_where_only_an_archive_has_it(tmp_path):
    store = store_with_person(tmp_path / "store")
    save_identity(at(store), Identity(STORE, Position(1, 0)))
    archive_all(store, tmp_path / "cold")
    kept = Place(Position(3, 0), STORE, MOMENT, {"target": f"file://{tmp_path}/cold"})
    place.save(at(store / "ship"), "far", kept)
    remove_texts(store)
    back = tmp_path / "restored"
    shutil.copytree(store, back)
    assert logsrv("erase", "zebulon", "--everywhere", "--yes", "-d", str(store)).returncode == 0
    there = files_of(tmp_path / "cold")
    assert logsrv("search", "-c", "user=ann", "-d", str(back)).returncode == 2
    done = logsrv("erase", "--finish", "--everywhere", "--yes", "-d", str(back))
    assert done.returncode == 0, done.stderr
    assert b"fetched: the indexes of 2 segments that only " in done.stdout
    found = [logsrv("search", "-c", "user=ann", "-d", str(one)) for one in (store, back)]
    assert found[1].stderr == b"" and found[0].stdout == found[1].stdout
    assert files_of(tmp_path / "cold") == there
    again = logsrv("erase", "--finish", "--everywhere", "-d", str(back))
    assert again.returncode == 0 and b"fetched" not in again.stdout


@pytest.mark.parametrize("part", [".log.zst", ".log.zst.idx"])
def test_damage_in_an_archive_is_not_taken_for_an_erase(tmp_path, part):
    store = store_with_person(tmp_path / "store")
    save_identity(at(store), Identity(STORE, Position(1, 0)))
    archive_all(store, tmp_path / "cold")
    remove_texts(store)
    other = store_with_person(tmp_path / "other", each=41)
    there = {one.name.partition("-")[0]: one for one in packed(other)}
    archive = DirectoryArchive(str(tmp_path / "cold"))
    for path in (tmp_path / "cold" / STORE).glob(f"*{part}"):
        archive.remove(f"{STORE}/{path.name}")
        path.write_bytes((other / there[path.name.partition("-")[0]].name).read_bytes())
    before = {path.name: path.read_bytes() for path in store.glob("*.idx")}
    done = logsrv("erase", "--finish", "--everywhere", "--yes", "-d", str(store))
    assert b"fetched" not in done.stdout
    assert {path.name: path.read_bytes() for path in store.glob("*.idx")} == before


def test_an_archive_that_cannot_be_compared_is_said(restored, tmp_path):
    (tmp_path / "cold").rename(tmp_path / "away")
    done = logsrv("erase", "--finish", "--everywhere", "-d", str(restored))
    assert (
        done.returncode == 2
        and b"it is not known whether an archive has lines erased" in done.stderr
    )
    assert "quist" not in rows_of_lake(tmp_path)


def test_another_text_of_the_same_name_is_not_replaced(store, tmp_path, capsys):
    """Two copies of a store have gone on apart, and lines were erased in one of them."""
    other = store_with_person(tmp_path / "other", each=41)
    save_identity(at(other), Identity(STORE, Position(1, 0)))
    shutil.copytree(store / "ship", other / "ship")
    there = files_of(tmp_path / "cold")
    erase(other)
    assert not rewrite_everywhere(str(other), at(other))
    assert "has another segment" in capsys.readouterr().err
    assert files_of(tmp_path / "cold") == there


def test_an_archive_that_is_not_there_is_said(store, tmp_path, capsys):
    erase(store)
    (tmp_path / "cold").rename(tmp_path / "away")
    assert not rewrite_everywhere(str(store), at(store))
    assert "is not rewritten" in capsys.readouterr().err
    assert "quist" not in rows_of_lake(tmp_path)


def test_a_segment_that_went_there_after_the_place_was_saved_is_rewritten_too(store, tmp_path):
    """A shipper that is killed between the two has its segment there, and a place before that."""
    for name in ("cold", "lake"):
        kept = place.load(at(store / "ship"), name)
        assert kept is not None
        place.save(at(store / "ship"), name, attrs.evolve(kept, position=Position(2, 0)))
    erase(store)
    assert rewrite_everywhere(str(store), at(store))
    assert files_with_person(tmp_path / "cold") == []
    assert "quist" not in rows_of_lake(tmp_path) and "zebulon" not in rows_of_lake(tmp_path)
    assert found_in_archive(tmp_path, "quist OR zebulon") == 0


@pytest.mark.parametrize("name", ["cold", "lake"])
def test_a_rewrite_waits_while_a_shipper_puts_a_segment(store, tmp_path, capsys, monkeypatch, name):
    """Else the shipper would put there what it has read before the erase, over what was rewritten."""
    erase(store)
    shipper = PuttingTurn(at(store / "ship"), name)
    assert shipper.take()
    waited = []

    def wait(_: float) -> None:
        waited.append(
            "quist" in rows_of_lake(tmp_path) or bool(files_with_person(tmp_path / "cold"))
        )
        if len(waited) == 100:
            shipper.give_back()

    monkeypatch.setattr(time, "sleep", wait)
    assert rewrite_everywhere(str(store), at(store))
    assert waited == [True] * 100
    assert f"{tmp_path / name}: a segment is being put there" in capsys.readouterr().err
    assert files_with_person(tmp_path / "cold") == [] and "quist" not in rows_of_lake(tmp_path)
