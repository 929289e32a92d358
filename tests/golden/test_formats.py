"""Each format of golden files is what this version reads and writes: a change of a format has to be meant.

Indexes, words and columns that this version cannot use are made again from the text, so answers stay
right even if their format changes by mistake. These tests look at the files themselves: they are used as
they are, and the same text gives the same bytes.

If you change a format, raise its number, name the older versions in CHANGED (golden.py), and write the
upgrade note.
"""

import json
import os
import shutil
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from logsrv.linelog.alerts.page.saved_alerts import read_alerts, save_alert
from logsrv.linelog.alerts.states.silences import (
    FOLDER,
    SILENCES_FILE,
    load_silences,
    save_silences,
)
from logsrv.linelog.columns.read_file import open_columns
from logsrv.linelog.lake.lake_segment import put_lake_segment
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.store import identity, place
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import segment_index
from logsrv.linelog.store.notes import erased, imported, segment_notes
from logsrv.linelog.store.notes.archive_notes import archive_urls, local_manifest
from logsrv.linelog.store.notes.manifest import decode_manifest, encode_manifest
from logsrv.linelog.store.place import PlaceFolder, saved_places
from logsrv.linelog.store.segment import Segment
from logsrv.linelog.store.words.build import make_missing_indexes
from tests.golden.golden import CHANGED, answers_of
from tests.parts.archived_stores import packed
from tests.parts.disks import at
from tests.parts.made_columns import make_columns
from tests.parts.web_requests import Browser, ServedStore

KINDS = (
    *("edge/*.log.zst", "edge/*.idx", "edge/*.words", "edge/*.parquet", "edge/*.archived"),
    *("edge/current.log", "edge/number", "edge/store", "edge/synced", "edge/waiting"),
    *("edge/ship/centre", "edge/ship/archive", "edge/ship/lake", "edge/ship/archive.archive"),
    *("edge/ship/targets.json", "edge/alerts/1", "edge/alerts/2.state", "edge/alerts/2.json"),
    *("edge/alerts/silences.json", "centre/origins", "archive/*/*.json", "archive/*/*.words"),
    *("archive/*/catalog/*/*", "lake/day=*/*.parquet", "rules/removed", "rules/stores/audit/keep"),
    *("imported/erased", "imported/imported", "backup/backup", "backup/ship/centre"),
    *("pages/saved.json", "pages/alerts.json", "pages/alice.token", "lines"),
)
"""Every kind of file that a store may keep: the script has to make one of each."""


def large(store: Path) -> Segment:
    """Return the segment with words and columns."""
    return max(packed(store), key=lambda one: (store / one.name).stat().st_size)


@pytest.mark.parametrize("kind", KINDS)
def test_there_is_a_file_of_each_kind(answered, kind):
    assert list(answered.glob(kind))


def test_indexes_and_words_are_used_as_they_are(release, tmp_path):
    """None is made again, unless a change was meant."""
    edge = shutil.copytree(release / "edge", tmp_path / "edge")
    with at(edge) as disk:
        made = {kind for one in make_missing_indexes(disk) for kind in one.made}
    assert made == {*CHANGED.get(release.name, ())} - {"columns"}


@pytest.mark.parametrize("kind", ["index", "words"])
def test_the_same_text_has_the_same_index_and_words(stores, kind):
    if kind in CHANGED.get(stores.name, ()):
        pytest.skip("a change that was meant")
    edge = stores / "edge"
    one = large(edge)
    path = edge / (one.index if kind == "index" else one.words)
    before = path.read_bytes()
    path.unlink()
    with at(edge) as disk:
        assert kind in [each for found in make_missing_indexes(disk) for each in found.made]
    assert path.read_bytes() == before


def test_columns_are_used_as_they_are(stores):
    if "columns" in CHANGED.get(stores.name, ()):
        pytest.skip("a change that was meant")
    edge = stores / "edge"
    with at(edge) as disk:
        one = large(edge)
        fd = disk.open(one.columns, os.O_RDONLY)
        with open_columns(fd, segment_index.load_head(one, disk)) as columns:
            columns.verify()
            assert columns.has("ms") and columns.has("app") and columns.has("status")


def parquet(path: Path, key: bytes) -> tuple[Any, Any, Any]:
    """Return schema, note and values of a Parquet file, without the version of what wrote it."""
    with pyarrow.parquet.ParquetFile(path) as file:
        note = json.loads(file.metadata.metadata[key])
        if isinstance(note, dict):
            note.pop("made_by", None)
        schema = [(one.name, str(one.type)) for one in file.schema_arrow]
        return schema, note, file.read().to_pydict()


def test_the_same_text_has_the_same_columns(stores):
    edge = stores / "edge"
    one = large(edge)
    before = parquet(edge / one.columns, b"logsrv")
    with at(edge) as disk:
        assert make_columns(one, disk)
    after = parquet(edge / one.columns, b"logsrv")
    if "columns" in CHANGED.get(stores.name, ()):
        # The text has none of the lines that the new rules read in another way.
        assert before[1].pop("versions") != after[1].pop("versions")
    assert after == before


@pytest.mark.slow
def test_the_same_segments_have_the_same_lake(stores, tmp_path):
    """Schema, order of columns, note and rows; a file's name tells store, segment and day."""
    (tmp_path / "again").mkdir()
    edge = stores / "edge"
    with at(edge) as disk:
        kept = identity.load(disk)
        assert kept
        for one in packed(edge):
            lake = DirectoryArchive(str(tmp_path / "again"))
            put_lake_segment(lake, one, disk, kept.store, lambda: True)
    made = sorted((tmp_path / "again").glob("*/*.parquet"))
    names = [path.relative_to(stores / "lake") for path in sorted(stores.glob("lake/*/*.parquet"))]
    assert [path.relative_to(tmp_path / "again") for path in made] == names
    for path, name in zip(made, names, strict=True):
        assert parquet(path, b"logsrv") == parquet(stores / "lake" / name, b"logsrv")


def test_saved_places_are_read_and_written_as_they_were(stores):
    """Places of targets and of alerts: the position, the store, and what the reader keeps with it."""
    edge = stores / "edge"
    found = {name: one for name, one, why in saved_places(str(edge)) if not why}
    assert found.keys() == {
        *("ship/archive", "ship/centre", "ship/lake"),
        *("alerts/1", "alerts/2", "alerts/3"),
    }
    for name, one in found.items():
        assert one
        before = (edge / name).read_bytes()
        with Disk().open_directory(str((edge / name).parent)) as disk:
            place.save(disk, (edge / name).name, one)
        assert (edge / name).read_bytes() == before
    shipped = {
        name[5:]: str(one.position) for name, one in found.items() if one and "ship/" in name
    }
    assert shipped == answers_of(stores.name)["places"]


def test_the_place_of_an_alert_over_two_stores_is_read_and_written_as_it_was(stores):
    """It has format 3 and names the version that wrote it; before 1.0.0 none was made."""
    path = stores / "rules/alerts/1"
    if not path.exists():
        pytest.skip("made before there were such places")
    before = json.loads(path.read_text().rpartition(" ")[0])
    [(name, one, why)] = saved_places(str(stores / "rules"))
    assert (name, why) == ("alerts/1", "") and one
    assert before["format"] == 3 and ",audit/" in before["position"]
    with Disk().open_directory(str(path.parent)) as disk:
        place.save(disk, path.name, one)
    after = json.loads(path.read_text().rpartition(" ")[0])
    assert {**after, "version": before["version"]} == before


def test_silences_are_read_and_written_as_they_were(stores):
    answers = answers_of(stores.name)
    now = datetime.fromisoformat(answers["made"]).timestamp()
    edge = str(stores / "edge")
    path = stores / "edge" / FOLDER / SILENCES_FILE
    before = path.read_bytes()
    with closing(PlaceFolder(edge, FOLDER)) as folder:
        silences = load_silences(folder, now)
        save_silences(edge, folder, silences)
    assert path.read_bytes() == before
    told = answers["requests"]["/api/alerts"]["silences"]
    assert [(one.id, one.alert, one.group, one.reason) for one in silences] == [
        (one["id"], one["alert"], one["group"], one["reason"]) for one in told
    ]


def test_notes_of_a_store_are_read_and_written_as_they_were(stores):
    with at(stores / "edge") as disk:
        kept = identity.load(disk)
        assert kept and identity.identity_text(kept) == (stores / "edge/store").read_bytes()
        for one in packed(stores / "edge"):
            note = (stores / "edge" / one.archived).read_bytes()
            assert encode_manifest(local_manifest(disk, one)) == note
    for path in stores.glob("archive/*/*.json"):
        assert encode_manifest(decode_manifest(path.read_bytes())) == path.read_bytes()
    assert list(archive_urls(str(stores / "edge"))) == ["file:///srv/logsrv-golden/archive"]
    with at(stores / "rules") as disk:
        removed = (stores / "rules/removed").read_bytes()
        runs = segment_notes.read_removed(disk)
        (stores / "rules/removed").unlink()
        segment_notes.note_removed(runs, disk)
    assert (stores / "rules/removed").read_bytes() == removed
    with at(stores / "imported") as disk:
        before = (stores / "imported/erased").read_bytes()
        erased.save_erased(erased.load_erased(disk), disk)
        assert (stores / "imported/erased").read_bytes() == before
        before = (stores / "imported/imported").read_bytes()
        imported.load(disk).save(disk)
        assert (stores / "imported/imported").read_bytes() == before


def test_saved_searches_and_boards_are_read_and_written_as_they_were(stores):
    file = stores / "pages/saved.json"
    web = ServedStore(stores, saved=file)
    answers = answers_of(stores.name)["requests"]
    assert web.ask("/api/saved") == (200, answers["/api/saved"])
    before = json.loads(file.read_bytes())
    for name, value in before.items():
        body = json.dumps(value).encode()
        browser = Browser(web.server.handle, web.reactor)
        headers = {"Content_Type": "application/json", "Content_Length": str(len(body))}
        browser.get(f"/api/saved/{name}", "PUT", **headers)
        browser.channel.dataReceived(body)
        assert b" 200 " in browser.received
    assert json.loads(file.read_bytes()) == before


def test_alerts_of_the_page_are_read_and_written_as_they_were(stores):
    file = stores / "pages/alerts.json"
    before = json.loads(file.read_bytes())
    [(name, entry)] = read_alerts(file).items()
    save_alert(file, name, entry["alert"])
    assert json.loads(file.read_bytes()) == before
