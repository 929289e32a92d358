"""Drawings and tables are made to fit a web page."""

from __future__ import annotations

import re

from logsrv.gopher.gateway.columns import WIDTHS, room_for, sized
from logsrv.gopher.gateway.pages import STYLE
from logsrv.gopher.wire.columns import Run


def test_room() -> None:
    """The least of the widths that the style sheet has."""
    assert room_for("x" * 41) == 48
    assert room_for("x" * 9999) == WIDTHS[-1]


def test_one_scale() -> None:
    """All drawings of a page are made to fit together; a small table stays large."""
    small, large = Run("/\\\n", "drawing"), Run("-" * 100 + "\n", "drawing")
    blocks = sized([small, Run("a   b\n", "table"), large, Run("text\n", "prose")])
    assert [block.width for block in blocks] == [104, 40, 104, 40]


def test_style_sheet() -> None:
    """The style sheet has a rule for each width."""
    assert tuple(map(int, re.findall(rb"^\.c(\d+) ", STYLE, re.MULTILINE))) == WIDTHS
