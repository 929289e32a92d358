"""A folder of kept places: made when it is needed, and each place has one owner."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.cursors.folder import PlaceFolder


def test_it_is_made_when_it_is_needed(tmp_path: Path) -> None:
    folder = PlaceFolder(str(tmp_path), "ship")
    assert not folder.exists()
    folder.disk.put("x", b"1")
    assert folder.exists() and (tmp_path / "ship").stat().st_mode & 0o777 == 0o750
    assert folder.path("x") == str(tmp_path / "ship" / "x")
    folder.close()
    with pytest.raises(FileNotFoundError):
        _ = PlaceFolder(str(tmp_path / "none"), "ship").disk


@pytest.mark.parametrize("name", ["", "far"])
def test_one_process_has_it(tmp_path: Path, name: str) -> None:
    first, second = PlaceFolder(str(tmp_path), "ship"), PlaceFolder(str(tmp_path), "ship")
    assert first.lock(name) and not second.lock(name)
    assert second.lock("another")
    first.close()
    assert second.lock(name)
    second.close()


def test_a_lock_is_never_taken_through_a_link(tmp_path: Path) -> None:
    folder = PlaceFolder(str(tmp_path), "ship")
    _ = folder.disk
    (tmp_path / "ship" / "far.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic"):
        folder.lock("far")
    assert not (tmp_path / "elsewhere").exists()
