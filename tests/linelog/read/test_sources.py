"""Sources of segments: the archive is one, and somebody else's may be another."""

from pathlib import Path

import pytest

from logsrv.linelog.read.sources import SOURCES, environment_variables, source_of
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import save_archive_url
from tests.parts.archived_stores import STORE, archive_all, remove_texts, sealed_store
from tests.parts.commands import logsrv

PLUGIN = """\
from logsrv.linelog.read.sources import SegmentSource

drawer = SegmentSource(
    name="drawer", schemes=("drawer",), example="drawer://desk/2", texts="drawer_of_ours:texts",
    stores="drawer_of_ours:stores", view="drawer_of_ours:view", restore="drawer_of_ours:restore",
)
"""
WORK = """\
from pathlib import Path

from logsrv.linelog.read.view import View
from logsrv.linelog.store.index import segment_index
from logsrv.linelog.store.disk import Disk

class Text:
    def __init__(self, address, segment, disk):
        self.address = address
        self.data = Path(address).read_bytes()
        self.size = len(self.data)
        self.index = lambda: segment_index.load(segment, disk)

    def frame(self, number, at, size):
        return self.data[at : at + size]

def texts(urls):
    [url] = urls
    folder = url.removeprefix("drawer://")
    return lambda segment, disk: Text(f"{folder}/STORE/{segment.name}", segment, disk)

def stores(url):
    return (url,)

def view(url, tell):
    return View(url.removeprefix("drawer://"), tell)

def restore(url, store, directory, tell):
    tell(f"{url} stays there")
    return 1
"""


@pytest.fixture
def strangers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on Python's path with somebody else's source, for commands."""
    folder = tmp_path / "path"
    (folder / "twisted/plugins").mkdir(parents=True)
    (folder / "twisted/plugins/drawer_plugin.py").write_text(PLUGIN)
    (folder / "drawer_of_ours.py").write_text(WORK.replace("STORE", STORE))
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def note_url(store: Path, url: str) -> None:
    with Disk().open_directory(store / "ship") as folder:
        save_archive_url(folder, "far", url)


def test_texts_may_be_at_a_url_that_somebody_else_reads(strangers, tmp_path):
    store = sealed_store(tmp_path / "store", 2, count=50)
    archive_all(store, tmp_path / "archive")
    remove_texts(store)
    note_url(store, f"drawer://{tmp_path}/archive")
    done = logsrv("search", "line OR last", "-d", str(store))
    assert (done.returncode, done.stdout.count(b"\n"), done.stderr) == (0, 101, b"")


def test_a_store_may_be_at_a_url_that_somebody_else_reads(strangers, tmp_path):
    store = sealed_store(tmp_path / "store", 1, count=50)
    done = logsrv("search", "-c", "line", "-d", f"drawer://{store}")
    assert (done.stdout, done.stderr) == (b"50\n", b"")
    done = logsrv("restore", "--from", f"drawer://{store}", str(tmp_path / "back"))
    assert done.returncode == 1
    assert done.stderr.decode() == f"logsrv restore: drawer://{store} stays there\n"


def test_a_url_that_nothing_reads_is_told_with_examples(tmp_path):
    with pytest.raises(ValueError, match=r"such as file:///srv/archive or s3://bucket/archive$"):
        source_of("ftp://here")
    done = logsrv("search", "x", "-d", "ftp://here")
    assert done.returncode == 2
    assert b"an archive is at a URL such as file:///srv/archive" in done.stderr


def test_a_reader_gets_the_variables_of_the_archives_of_its_store(tmp_path):
    (tmp_path / "ship").mkdir()
    assert environment_variables(str(tmp_path)) == set()
    note_url(tmp_path, "gs://logs")
    assert "GOOGLE_SERVICE_ACCOUNT" in environment_variables(str(tmp_path))
    note_url(tmp_path, "gs://?")
    assert environment_variables(str(tmp_path)) == set()


def test_ours_are_found_by_their_files():
    assert [*SOURCES.ours()] == ["archive"]
    assert SOURCES.broken() == {}
