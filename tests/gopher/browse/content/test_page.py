"""What the browser does with an item follows from its type."""

from __future__ import annotations

import pytest

from logsrv.gopher.browse.content.page import way_to_show
from logsrv.gopher.wire.url import GopherURL


@pytest.mark.parametrize(
    ("letters", "way"),
    [
        ("17", "menu"),
        ("0cM", "text"),
        ("gIp:", "picture"),
        ("h", "html"),
        ("9546s;dPXZ+", "download"),
    ],
)
def test_pages_pictures_and_files(letters: str, way: str) -> None:
    assert {way_to_show(GopherURL("h", item_type=letter)) for letter in letters} == {way}
