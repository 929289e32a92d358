"""Where the Gopher programs keep things."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.gopher.fetch.places import data_directory, pins_path


def test_xdg_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_directory({"XDG_DATA_HOME": "/data"}) == Path("/data/logsrv")
    assert data_directory({"XDG_DATA_HOME": "relative"}) == tmp_path / ".local/share/logsrv"


def test_pins_are_kept_where_the_user_keeps_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pins_path({"XDG_DATA_HOME": "/data"}) == Path("/data/logsrv/gopher-pins")
    monkeypatch.setenv("HOME", "/home/me")
    expected = Path("/home/me/.local/share/logsrv/gopher-pins")
    assert pins_path({}) == pins_path({"XDG_DATA_HOME": "relative"}) == expected
