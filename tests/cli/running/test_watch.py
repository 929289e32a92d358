"""Noticing that a file was saved."""

import os
from pathlib import Path

import pytest

from logsrv.cli.running.watch import MISSING_CHECKS, WatchedFiles


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shout.py"
    path.write_text("one")
    return path


def test_nothing_is_noticed_where_nothing_happens(file):
    watched = WatchedFiles(str(file))
    assert not watched.saved()
    assert not watched.saved()


def test_a_save_is_noticed_once_it_is_over(file):
    """The first look sees it, the second that nothing more happens."""
    watched = WatchedFiles(str(file))
    file.write_text("two!")
    assert not watched.saved()
    assert watched.saved()
    watched.remember_fingerprints()
    assert not watched.saved()


def test_an_editor_that_replaces_the_file_is_one_save(file):
    """In between there is no file, which is no reason to start anything."""
    watched = WatchedFiles(str(file))
    file.unlink()
    assert not watched.saved()
    assert not watched.saved()
    new = file.with_suffix(".new")
    new.write_text("one")
    os.replace(new, file)
    assert not watched.saved()
    assert watched.saved()


def test_files_that_are_added_count_from_then_on(file, tmp_path):
    other = tmp_path / "voice.py"
    other.write_text("one")
    watched = WatchedFiles(str(file))
    watched.add([str(other)])
    assert not watched.saved()
    other.write_text("three")
    assert not watched.saved()
    assert watched.saved()


def looks(watched: WatchedFiles) -> bool:
    """Whether any of as many looks as a missing file has says that there was a save."""
    return True in [watched.saved() for _ in range(MISSING_CHECKS + 1)]


def test_a_file_that_stays_away_is_gone(file):
    """Not while an editor replaces it; and it is no reason to start anything."""
    watched = WatchedFiles(str(file))
    file.unlink()
    assert not watched.saved()
    assert not watched.is_gone
    assert not looks(watched)
    assert watched.is_gone
    file.write_text("two")
    assert looks(watched)
    assert not watched.is_gone


def test_another_file_that_stays_away_is_a_change(file, tmp_path):
    other = tmp_path / "voice.py"
    other.write_text("one")
    watched = WatchedFiles(str(file))
    watched.add([str(other)])
    other.unlink()
    assert not watched.saved()
    assert not watched.saved()
    assert looks(watched)
    assert not watched.is_gone
