"""Both themes have the same colours."""

from __future__ import annotations

import re

from logsrv.gopher.browse import palette


def test_both_themes_have_all_colours() -> None:
    assert palette.DARK.keys() == palette.LIGHT.keys()
    assert palette.DARK_PAGE.keys() == palette.LIGHT_PAGE.keys()
    for colours in (palette.DARK, palette.DARK_PAGE, palette.LIGHT, palette.LIGHT_PAGE):
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours.values())
