"""`-d URL` above the stores of archives: one question over all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store.archive.directory import DirectoryArchive
from logsrv.linelog.store.archive.putting import put_segment
from logsrv.linelog.store.segments.disk import Disk
from tests.cli.command import logsrv
from tests.linelog.store.archive.segments import packed, sealed_store

ONE, OTHER, THIRD = 32 * "a", 32 * "b", 32 * "c"
LAYOUTS = {
    "one store": {"": [ONE]},
    "two stores in one archive": {"": [ONE, OTHER]},
    "three stores in one archive": {"": [ONE, OTHER, THIRD]},
    "an archive for each": {"edge-1": [ONE], "edge-2": [OTHER]},
    "one archive in a folder": {"edge-1": [ONE]},
    "archives of several stores": {"north": [ONE, OTHER], "south": [THIRD]},
    "archives at two depths": {"north/edge-1": [ONE], "edge-2": [OTHER]},
    "stores beside an archive": {"": [ONE], "edge-2": [OTHER]},
    "three folders deep": {"a/b/c": [ONE], "a/b/d": [OTHER]},
}
LINES = 30


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sealed_store(tmp_path_factory.mktemp("store"), segments=1, count=LINES)


def archive_as(store: Path, place: Path, identity: str) -> None:
    """Archive a store under an identity."""
    place.mkdir(parents=True, exist_ok=True)
    with Disk().open_directory(store) as disk:
        for one in packed(store):
            put_segment(DirectoryArchive(str(place)), one, disk, identity)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_all_stores_below_a_url_are_searched_as_one(
    store: Path, tmp_path: Path, layout: str
) -> None:
    (tmp_path / "lost+found").mkdir()
    for folder, stores in LAYOUTS[layout].items():
        for identity in stores:
            archive_as(store, tmp_path / folder, identity)
    count = sum(map(len, LAYOUTS[layout].values()))
    url = f"file://{tmp_path}"
    found = logsrv("search", "-d", url, "-c", "segment")
    assert (found.stdout, found.stderr) == (b"%d\n" % (LINES * count), b"")
    table = logsrv("sql", "-d", url, "--output", "csv", "select count(*) as n from logs")
    assert table.stdout.split() == [b"n", b"%d" % (LINES * count)], table.stderr
    last = logsrv("tail", "-d", url, "-n", "1000")
    assert last.stdout.count(b"\n") == LINES * count
    shown = logsrv("show", "-d", url, "1:0")
    if count == 1:
        assert b"line 0" in shown.stdout
    else:
        assert shown.returncode == 2
        assert b"a position is a place in one store" in shown.stderr
        assert b"a" * 32 in shown.stderr and b"b" * 32 in shown.stderr


@pytest.mark.parametrize(
    ("folders", "there"),
    [([], b"any store\n"), (["x", "y"], b"it has the folders x, y\n"), (["\x1bx"], b"\\x1bx\n")],
)
def test_what_is_there_is_named_if_no_store_is(
    tmp_path: Path, folders: list[str], there: bytes
) -> None:
    for name in folders:
        (tmp_path / name).mkdir()
    found = logsrv("search", "-d", f"file://{tmp_path}", "x")
    assert found.returncode == 2
    assert found.stderr.endswith(there) and b"no segment of any store" in found.stderr
