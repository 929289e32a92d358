"""Refused lines: kept as they were stored, for people to look at, and never without bound."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.cursors.folder import PlaceFolder
from logsrv.linelog.ship.shipping import refused
from logsrv.linelog.ship.shipping.refused import RefusedLines


def refused_lines(directory: Path) -> RefusedLines:
    return RefusedLines(PlaceFolder(str(directory), "ship"), "far")


def test_they_are_kept_one_behind_the_other(tmp_path: Path) -> None:
    lines = refused_lines(tmp_path)
    lines.sync()
    lines.add([b"one", b"two"])
    lines.sync()
    lines.close()
    again = refused_lines(tmp_path)
    again.add([b"three"])
    assert again.path == str(tmp_path / "ship" / "far.refused")
    assert (tmp_path / "ship" / "far.refused").read_bytes() == b"one\ntwo\nthree\n"
    assert (tmp_path / "ship" / "far.refused").stat().st_mode & 0o777 == 0o640


def test_the_last_ones_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refused, "LARGEST", 100)
    lines = refused_lines(tmp_path)
    for number in range(100):
        lines.add([b"line %03d" % number])
    lines.add([b"x" * 1000])
    lines.add([b"last"])
    lines.sync()
    kept = {path.name: path.read_bytes() for path in (tmp_path / "ship").iterdir()}
    assert kept.keys() == {"far.refused", "far.refused.old"}
    assert kept["far.refused"] == b"last\n"
    assert kept["far.refused.old"].endswith(b"line 099\n" + b"x" * 99 + b"\n")
    assert max(map(len, kept.values())) < 300
