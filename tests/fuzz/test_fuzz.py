"""Fuzzing finds a planted defect, saves it, and the command that is printed repeats it."""

import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.segment import parse_position
from tests.fuzz import engine
from tests.fuzz.engine import ENGINE_PATH, by_hypothesis, keep
from tests.fuzz.target import TARGETS, Target


def planted(data: bytes) -> None:
    """A target with a defect."""
    assert b"x1" not in data


def positions(data: bytes) -> None:
    try:
        parse_position(data.decode("latin-1"))
    except ValueError:
        pass


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A corpus of its own, and two targets."""
    monkeypatch.setitem(TARGETS, "planted", Target("planted", planted, (), 100))
    monkeypatch.setitem(TARGETS, "positions", Target("positions", positions, (), 100))
    folder = tmp_path / "corpus"
    monkeypatch.setattr(engine, "CORPUS", folder)
    for name in ("planted", "positions"):
        (folder / name).mkdir(parents=True)
    return folder


@pytest.mark.slow
def test_an_input_that_shows_a_defect_is_saved(corpus, tmp_path):
    (corpus / "planted" / "one").write_bytes(b"some x")
    (corpus / "planted" / "two").write_bytes(b"and 1 more")
    with pytest.raises(AssertionError):
        by_hypothesis("planted", 60, tmp_path / "found")
    (file,) = (tmp_path / "found").iterdir()
    assert b"x1" in file.read_bytes()


def test_only_an_input_with_a_new_code_path_is_kept(corpus, tmp_path):
    work = tmp_path / "work"
    work.mkdir()
    for number, data in enumerate((b"17:5", b"18:6", b"no", b"none", b"17:5" * 300)):
        (work / str(number)).write_bytes(data)
    (corpus / "positions" / "seed").write_bytes(b"wrong")
    keep("positions", work, 60)
    assert {file.read_bytes() for file in (corpus / "positions").iterdir()} == {b"wrong", b"17:5"}


@pytest.mark.slow
def test_an_input_can_be_tried_again(tmp_path):
    file = tmp_path / "input"
    file.write_bytes(b"\0" * 7 + b"\2ab")
    subprocess.run(
        [sys.executable, str(ENGINE_PATH), "worker_messages", str(file)],
        check=True,
        timeout=PATIENCE,
    )


@pytest.mark.long
def test_make_fuzz_prints_how_much_was_tried(tmp_path):
    """`make fuzz SECONDS=1 TARGET=…` prints how many inputs it tried; an unknown target is named."""
    command = [sys.executable, str(ENGINE_PATH.with_name("fuzz.py")), "--engine", "hypothesis"]
    done = subprocess.run(
        [*command, "--seconds", "1", "worker_messages"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert "0 of 1 targets found something" in done.stdout
    done = subprocess.run(
        [*command, "nothing"], capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert done.returncode == 2 and "no target is called nothing" in done.stderr
