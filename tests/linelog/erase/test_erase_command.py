"""`logsrv erase`: what it asks, says and returns."""

import subprocess
from pathlib import Path
from subprocess import PIPE

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.lock import locked
from logsrv.linelog.store.notes.erase_plan import locked_plan
from tests.parts.at_terminal import AtTerminal
from tests.parts.commands import LOGSRV, logsrv
from tests.parts.disks import Crash, CrashingDisk, at, text_of
from tests.parts.erasing import erase, files_with_person, store_with_person
from tests.parts.warm.process import popen

QUERY = "zebulon OR quist"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return store_with_person(tmp_path / "store", columns=True)


def test_it_says_how_many_erases_them_and_finds_nothing_then(store):
    text = text_of(store)
    dry = logsrv("erase", QUERY, "--dry-run", "-d", str(store))
    times = "from 2026-11-20T06:00:03.000000Z to 2026-11-20T06:02:37.000000Z"
    said = f"23 lines in 4 segments, {times}, in the store {store}"
    assert dry.returncode == 0 and f"would be overwritten: {said}\n".encode() in dry.stdout
    assert text_of(store) == text and not (store / "erased").exists()
    done = logsrv("erase", QUERY, "--yes", "--reason", "request 17", "-d", str(store))
    assert (done.returncode, done.stderr) == (0, b"")
    assert f"erased: {said}\n".encode() in done.stdout and b"a backup has the lines" in done.stdout
    assert files_with_person(store) == []
    again = logsrv("erase", QUERY, "--yes", "-d", str(store))
    assert again.returncode == 1 and b"no line is left that matches" in again.stdout
    listed = logsrv("erase", "--list", "-d", str(store))
    assert listed.returncode == 0 and b"request 17" in listed.stdout and b" 23 " in listed.stdout


def test_nothing_is_erased_without_a_yes(store):
    text = text_of(store)
    piped = logsrv("erase", QUERY, "-d", str(store))
    assert piped.returncode == 2 and b"--yes erases" in piped.stderr
    with AtTerminal(*LOGSRV, "erase", QUERY, "-d", str(store), environment={}) as terminal:
        terminal.expect("[y/N]")
        terminal.type("n\n")
        assert terminal.wait() == 2
    assert text_of(store) == text and not (store / "erasing").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([], b"which lines?"),
        (["--all", "ann"], b"--all takes all lines"),
        (["--list", "ann"], b"take no query"),
        (["ann", "|", "count"], b"takes lines as they come"),
        (["(ann"], b"never closed"),
        (["ann", "--since", "nonsense"], b"--since"),
        (["ann", "--reason", "a\nb"], b"no line break"),
    ],
)
def test_what_makes_no_sense_is_refused(store, words, why):
    text = text_of(store)
    shown = logsrv("erase", *words, "--yes", "-d", str(store))
    assert shown.returncode == 2 and why in shown.stderr
    assert text_of(store) == text


def test_all_lines_can_be_erased(store):
    shown = logsrv("erase", "--all", "--yes", "-d", str(store))
    assert shown.returncode == 0 and b"160 lines in 4 segments" in shown.stdout
    assert b"ann" not in text_of(store)


def test_an_interrupted_erase_is_finished_first(store):
    with pytest.raises(Crash):
        erase(store, disk=CrashingDisk(at=10).open_directory(store))
    shown = logsrv("erase", "--finish", "-d", str(store))
    assert shown.returncode == 0 and b"was interrupted" in shown.stderr
    assert b"erased: 23 lines in 4 segments" in shown.stdout
    assert files_with_person(store) == []
    shown = logsrv("erase", "--finish", "-d", str(store))
    assert shown.returncode == 0 and b"no erase of" in shown.stdout


def test_an_erase_that_a_full_disk_ends_says_what_continues_it(store):
    """A limit for files has the same effect: the plan is written, and a segment cannot be."""
    limited = ["prlimit", "--fsize=700", *LOGSRV, "erase", QUERY, "--yes", "-d", str(store)]
    full = subprocess.run(limited, capture_output=True, timeout=PATIENCE)
    assert full.returncode == 2 and b"File too large" in full.stderr
    assert b"`logsrv erase --finish` continues, as does the next start of a server" in full.stderr
    done = logsrv("erase", "--finish", "-d", str(store))
    assert done.returncode == 0 and b"erased: 23 lines in 4 segments" in done.stdout
    assert files_with_person(store) == []


def test_one_erase_at_a_time_and_beside_an_owner(store):
    words = [*LOGSRV, "erase", QUERY, "--yes", "-d", str(store)]
    with locked_plan(at(store)):
        process = popen(words, stdin=PIPE, stdout=PIPE, stderr=PIPE)
        assert process.stderr is not None
        assert b"another erase is under way" in process.stderr.readline()
        assert len(files_with_person(store)) > 3
    said, why = process.communicate(timeout=PATIENCE)
    assert (process.returncode, why) == (0, b"") and b"erased: 23 lines" in said
    with locked(store):
        assert logsrv("erase", QUERY, "--yes", "-d", str(store)).returncode == 1


@pytest.mark.parametrize("name", ["importing", "restoring"])
def test_an_incomplete_store_is_refused(store, name):
    (store / name).touch()
    shown = logsrv("erase", QUERY, "--yes", "-d", str(store))
    assert shown.returncode == 2 and b"is not complete" in shown.stderr


def test_a_damaged_note_or_no_store_is_refused(store, tmp_path):
    (store / "erased").write_bytes(b"damaged")
    shown = logsrv("erase", QUERY, "--yes", "-d", str(store))
    assert shown.returncode == 2 and b"cannot be erased in" in shown.stderr
    assert len(files_with_person(store)) == 6 and not (store / "erasing").exists()
    shown = logsrv("erase", QUERY, "--yes", "-d", str(tmp_path))
    assert shown.returncode == 2 and b"is no store" in shown.stderr
