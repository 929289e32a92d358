"""The benchmark of archives makes one, searches it, and says what it took."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.archive import main

pytestmark = [pytest.mark.long, pytest.mark.nightly]

pytest.importorskip("obstore")


def test_searches_are_counted(tmp_path: Path) -> None:
    said: list[str] = []
    size = ["--segments", "5", "--megabytes", "2", "--runs", "1", "--delay", "0"]
    main([*size, "--directory", str(tmp_path)], say=said.append)
    assert "5 segments" in said[0]
    rows = [row.split("|")[1:-1] for row in said[1].splitlines()[2:]]
    assert [row[2].strip() for row in rows[:2]] == ["3", "3"]
    assert all(int(row[3]) < 40 for row in rows)
    assert list(tmp_path.iterdir()) == []
