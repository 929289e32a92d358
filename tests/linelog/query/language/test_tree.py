"""Trees are values."""

from __future__ import annotations

from logsrv.linelog.query.language.tree import EVERYTHING, And, HasField, Not, Or, Regex, Term


def test_nodes_of_different_kinds_differ() -> None:
    assert Term("a") == Term("a") and Term("a") != Term("b")
    assert len({Term("a"), Regex("a"), HasField("a"), Not(Term("a")), Term("a")}) == 4
    assert And(()) == EVERYTHING != Or(())
