"""Stores of each earlier version, made by its release: every file is read, and none is called damaged.

A format that is only tested by writing and reading it back can change without a test that fails.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from logsrv.kit.text.checksums import json_with_checksum
from tests.parts.archived_stores import ARCHIVES, unpack_stores
from tests.parts.commands import logsrv


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda path: path.name.removesuffix(".tar.xz"))
def release(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with edge, centre, archive and backup of a version."""
    found = tmp_path_factory.mktemp("stores")
    unpack_stores(request.param, found)
    return found


def lines(release: Path) -> list[bytes]:
    """Return the lines that were sent, as they are stored."""
    sent = (release / "lines").read_bytes()
    return sent.replace(b"\xff", rb"\xff").replace(b"\x1b", rb"\x1b").splitlines()


def quiet(*words: str | Path) -> bytes:
    """Run a command that has nothing to complain of; return its output."""
    done = logsrv(*map(str, words))
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.parametrize("store", ["edge", "centre", "backup"])
def test_every_line_is_found(release, store):
    assert quiet("search", "-d", release / store, "--output", "raw").splitlines() == lines(release)


@pytest.mark.parametrize("store", ["edge", "backup"])
def test_the_indexes_say_which_text_cannot_have_a_word(release, store):
    """The large segment is left out by its word index; small ones have none, and are read."""
    done = logsrv("search", "-d", str(release / store), "--stats", "-c", "nowhere")
    assert done.stdout == b"0\n"
    assert re.search(rb"frames: 258 read, 1 skipped;", done.stderr)


@pytest.mark.parametrize("store", ["edge", "backup"])
def test_an_id_is_found_by_the_word_index(release, store):
    ids = re.findall(rb'"trace": "([0-9a-f]{32})"', (release / "lines").read_bytes())
    assert quiet("search", "-d", release / store, "-c", ids[50].decode()) == b"1\n"


@pytest.mark.parametrize("store", ["edge", "centre", "backup"])
def test_levels_are_counted(release, store):
    errors = sum(b"plain" not in line for line in lines(release))
    assert quiet("search", "-d", release / store, "-c", "level>=error") == b"%d\n" % errors


@pytest.mark.parametrize("store", ["edge", "centre", "backup"])
def test_every_part_is_sound(release, store):
    assert quiet("doctor", release / store).endswith(b": sound\n")


def test_an_archive_is_searched_and_restored(release, tmp_path):
    archived = quiet("search", "-d", f"file://{release}/archive", "--output", "raw").splitlines()
    assert len(archived) > 3000 and archived == lines(release)[: len(archived)]
    quiet("restore", "--from", f"file://{release}/archive", tmp_path / "back")
    assert quiet("search", "-d", tmp_path / "back", "--output", "raw").splitlines() == archived


@pytest.fixture
def newer(release: Path, tmp_path: Path) -> Path:
    """The same, with one segment's manifest, and its note in the store, in a format of the future."""
    shutil.copytree(release, tmp_path / "newer")
    [catalogs] = (tmp_path / "newer" / "archive").glob("*/catalog")
    shutil.rmtree(catalogs)
    for pattern in ("archive/*/0000000002-*.json", "edge/0000000002-*.archived"):
        [path] = (tmp_path / "newer").glob(pattern)
        document = json.loads(path.read_bytes().rpartition(b" ")[0] or path.read_bytes())
        path.write_bytes(json_with_checksum({**document, "format": 2, "more": True}))
    return tmp_path / "newer"


NEWER = b"has format 2, and this logsrv reads up to 1: a newer one wrote it"


@pytest.mark.slow
def test_what_a_newer_version_wrote_is_said_to_be_that(newer):
    """It is neither called damaged nor repaired, replaced or removed."""
    before = {path: path.read_bytes() for path in newer.glob("*/*/0000000002-*.json")}
    found = logsrv("search", "-d", f"file://{newer}/archive", "-c", "needle3")
    restored = logsrv("restore", "--from", f"file://{newer}/archive", str(newer / "back"))
    for done, status in ((found, 2), (restored, 1)):
        assert NEWER in done.stderr and b"damaged" not in done.stderr
        assert done.returncode == status
    looked = logsrv("doctor", str(newer / "edge"), "--repair")
    assert NEWER in looked.stderr and b"damaged:" not in looked.stdout
    assert len(list((newer / "edge").glob("0000000002-*.archived"))) == 1
    assert {path: path.read_bytes() for path in before} == before


def test_a_server_removes_the_catalogs_of_a_version_before(release, tmp_path, open_store):
    """They had the words of small segments; without them, each of these is read."""
    store = tmp_path / "edge"
    shutil.copytree(release / "edge", store)
    if not list(store.glob("*.catalog")):
        pytest.skip("this version made none")
    open_store(directory=store)
    assert not list(store.glob("*.catalog"))
    assert quiet("search", "-d", store, "--output", "raw").splitlines() == lines(release)


def test_places_of_targets_are_known(release):
    shown = json.loads(logsrv("ship", "--json", "--status", str(release / "edge")).stdout)
    assert {target["name"]: target["saved"][:4] for target in shown} == {
        "centre": "2026",
        "archive": "2026",
    }
