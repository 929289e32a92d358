"""Trees are values."""

from __future__ import annotations

from logsrv.linelog.query.language.tree import EVERYTHING, And, Has, Not, Or, Regex, Text


def test_nodes_of_different_kinds_differ() -> None:
    assert Text("a") == Text("a") and Text("a") != Text("b")
    assert len({Text("a"), Regex("a"), Has("a"), Not(Text("a")), Text("a")}) == 4
    assert And(()) == EVERYTHING and hash(EVERYTHING) != hash(Or(()))
