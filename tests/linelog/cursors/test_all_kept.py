"""All places that readers of a store have kept, by the names of their files."""

from __future__ import annotations

from pathlib import Path

from logsrv.linelog.cursors.all_kept import all_kept
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.store.care.stores import flip, small_store


def test_each_is_given_with_its_place_or_why_not(tmp_path: Path) -> None:
    store = small_store(tmp_path / "store")
    (store / "ship" / "centre.lock").write_bytes(b"")
    (store / "ship" / "centre.json").write_bytes(b"{}")
    flip(store / "alerts" / "1", 3)
    target, alert = all_kept(str(store))
    assert target[0] == "ship/centre" and target[1] and target[1].position == Position(4, 0)
    assert alert[:2] == ("alerts/1", None) and "its checksum is wrong" in alert[2]
    assert list(all_kept(str(tmp_path))) == []
