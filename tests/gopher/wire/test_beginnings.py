"""Places to begin are places that can be followed."""

from __future__ import annotations

from logsrv.gopher.wire.beginnings import BEGINNINGS
from logsrv.gopher.wire.url import GopherURL


def test_places() -> None:
    assert [GopherURL.parse(address).host for address, _ in BEGINNINGS]
    assert any(GopherURL.parse(address).item_type == "7" for address, _ in BEGINNINGS)
    assert all(title.isascii() and title for _, title in BEGINNINGS)
