"""A run has limits that hurt nobody, unless somebody asks for others."""

from __future__ import annotations

from logsrv.gopher.mirror.tally import Manners, Tally


def test_defaults() -> None:
    assert Manners().connections is None
    assert not Manners().ignore_robots
    assert (Tally().fetched, Tally().failed, Tally().stopped) == (0, {}, None)
