"""A run has limits that hurt nobody, unless somebody asks for others."""

from __future__ import annotations

from logsrv.gopher.mirror.tally import Manners, MirrorTally


def test_defaults() -> None:
    assert Manners().connections is None
    assert not Manners().ignore_robots
    assert (MirrorTally().fetched, MirrorTally().failed, MirrorTally().stopped) == (0, {}, None)
