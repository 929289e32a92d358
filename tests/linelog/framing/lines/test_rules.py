"""The rules refuse what cannot be."""

from __future__ import annotations

import pytest

from logsrv.linelog.framing.lines.rules import LineRules, Oversize


def test_a_line_has_room_for_at_least_a_byte() -> None:
    with pytest.raises(ValueError):
        LineRules(max_line=0)


def test_defaults_are_those_of_the_command_line() -> None:
    """64 KiB, split, escaped: design section 5."""
    rules = LineRules()
    assert (rules.max_line, rules.oversize, rules.raw) == (65536, Oversize.SPLIT, False)
    assert [rule.value for rule in Oversize] == ["split", "truncate", "close"]
