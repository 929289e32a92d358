"""Golden stores are read: every line is found, no file is called damaged, and each answer is as it was.

A format that is only tested by writing and reading it back can change without a test that fails.
"""

import json
import re
import shutil
from pathlib import Path

import pytest

from logsrv.kit.text.checksums import json_with_checksum
from tests.golden.golden import CHANGED, VERSIONS, answers_of, lake_query
from tests.parts.commands import logsrv

ASKED = [
    pytest.param(version, asked, id=f"{version}-{' '.join(asked['words'])}")
    for version in VERSIONS
    for asked in answers_of(version)["asked"]
]


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
def test_the_word_index_says_which_text_cannot_have_a_word(release, store):
    """The large segment is left out by its word index; small ones have none, and are read."""
    done = logsrv("search", "-d", str(release / store), "--stats", "-c", "nowhere")
    assert done.stdout == b"0\n"
    found = re.search(rb"frames: (\d+) read, (\d+) skipped;", done.stderr)
    small = len(list((release / store).glob("*.zst"))) - 1
    # The active segment is one frame; the large one has one or two.
    assert found and int(found[1]) == small + 1 and int(found[2]) in (1, 2)


@pytest.mark.parametrize("store", ["edge", "backup"])
def test_an_id_is_found_by_the_word_index(release, store):
    ids = re.findall(rb'"trace": "([0-9a-f]{32})"', (release / "lines").read_bytes())
    assert quiet("search", "-d", release / store, "-c", ids[50].decode()) == b"1\n"


@pytest.mark.parametrize(("version", "asked"), ASKED)
def test_a_command_answers_as_that_version_did(answered_of, version, asked):
    """The answer has the same positions, times, fields, counts and figures; what hints say may change."""
    place = answered_of(version)
    words = [word.replace("{here}", f"file://{place}") for word in asked["words"]]
    done = logsrv(*words, directory=place)
    assert asked.get("has_message") or done.stderr == b""
    assert (done.returncode, done.stdout.decode()) == (asked["status"], asked["output"])


@pytest.mark.slow
def test_rows_of_the_lake_are_the_same(answered):
    for statement, rows in answers_of(answered.name)["lake"].items():
        assert lake_query(answered, statement) == rows, statement


@pytest.mark.parametrize("store", ["edge", "centre", "backup"])
def test_levels_are_counted(release, store):
    errors = sum(b"plain" not in line for line in lines(release))
    assert quiet("search", "-d", release / store, "-c", "level>=error") == b"%d\n" % errors


@pytest.mark.parametrize("store", ["edge", "centre", "backup"])
def test_every_part_is_sound(release, store):
    assert quiet("doctor", release / store).endswith(b": sound\n")


@pytest.mark.parametrize("version", [one for one in VERSIONS if "columns" in CHANGED.get(one, ())])
def test_files_by_earlier_rules_are_a_note_until_they_are_made_again(
    answered_of, version, tmp_path
):
    """A store that only was upgraded is sound, and its answers are the same before and after `reindex`."""
    edge = shutil.copytree(answered_of(version) / "edge", tmp_path / "edge")
    errors = ("search", "-d", edge, "level>=error | count by app")
    before = quiet(*errors)
    assert b"note: made by the rules of an earlier version: " in quiet("doctor", edge)
    quiet("reindex", "-d", edge)
    looked = quiet("doctor", edge)
    assert b"note:" not in looked and looked.endswith(b": sound\n")
    assert quiet(*errors) == before


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


def test_places_of_targets_are_known(release):
    shown = json.loads(logsrv("ship", "--json", "--status", str(release / "edge")).stdout)
    assert {"centre", "archive"} <= {target["name"] for target in shown}
    assert all(re.match("20[0-9][0-9]-", target["saved"]) for target in shown)


def test_targets_are_where_they_were(answered):
    shown = json.loads(logsrv("ship", "--json", "--status", str(answered / "edge")).stdout)
    found = {target["name"]: target["position"] for target in shown}
    assert found == answers_of(answered.name)["places"]


def test_a_backup_is_restored(answered, tmp_path):
    quiet("restore", "--from", answered / "backup", tmp_path / "back")
    raw = ("search", "--output", "raw", "-d")
    assert quiet(*raw, tmp_path / "back") == quiet(*raw, answered / "backup")
    assert quiet("doctor", tmp_path / "back").endswith(b": sound\n")


@pytest.mark.parametrize("store", ["rules", "imported"])
def test_other_stores_are_sound(answered, store):
    looked = quiet("doctor", answered / store)
    assert looked.count(b": sound\n") == 2 if store == "rules" else 1


def test_erases_are_listed(answered):
    listed = quiet("erase", "--list", "-d", answered / "imported").splitlines()[1].split()
    assert listed[1:4] == [b"9", b"0", b"1"] and listed[-2:] == [b"request", b"17"]
