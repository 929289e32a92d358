"""Where things are kept; no file of the user's is replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.gopher.browse.places import download_directory, unused


def test_xdg_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert download_directory({"XDG_DOWNLOAD_DIR": "/d"}) == Path("/d")
    assert download_directory({}) == Path.cwd()
    (tmp_path / "Downloads").mkdir()
    assert download_directory({}) == tmp_path / "Downloads"


def test_no_file_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine")
    (tmp_path / "a-2.txt").symlink_to("nowhere")
    taken = {tmp_path / "a-3.txt"}
    assert unused(tmp_path, "a.txt", taken) == tmp_path / "a-4.txt"
    assert unused(tmp_path, "b", set()) == tmp_path / "b"
