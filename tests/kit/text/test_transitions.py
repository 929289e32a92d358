"""A table in a docstring is one that a program can go by."""

from __future__ import annotations

from logsrv.kit.text.transitions import transitions


def test_rows() -> None:
    table = """The stages of a door.

    OPEN    close  CLOSED   with a bang
    CLOSED  open   OPEN
    Not a row, and this neither: OPEN close OPEN
    """
    assert transitions(table) == {("OPEN", "close"): "CLOSED", ("CLOSED", "open"): "OPEN"}
    assert transitions(None) == {}
