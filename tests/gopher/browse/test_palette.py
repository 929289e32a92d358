"""Colours that the first screen can paint without Textual."""

from __future__ import annotations

import re

from logsrv.gopher.browse import palette


def test_every_style_has_a_colour_in_both_themes() -> None:
    for colours in (palette.DARK | palette.DARK_PAGE, palette.LIGHT | palette.LIGHT_PAGE):
        assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours.values())
        assert set(palette.STYLES.values()) <= colours.keys()
