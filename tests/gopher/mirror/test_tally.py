"""A run has limits that hurt nobody, unless somebody asks for others."""

from __future__ import annotations

from logsrv.gopher.mirror.tally import Manners, Tally


def test_defaults() -> None:
    """pygopherd lets no more than five wait."""
    assert 1 <= Manners().connections <= 5
    assert not Manners().ignore_robots
    assert (Tally().fetched, Tally().failed, Tally().stopped) == (0, {}, None)
