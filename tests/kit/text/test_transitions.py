"""A table in a docstring is one that a program can go by."""

from __future__ import annotations

import pytest

from logsrv.errors import StartError
from logsrv.kit.text.transitions import transitions


def test_rows() -> None:
    table = """The stages of a door.

    OPEN    close  CLOSED   with a bang
    CLOSED  open   OPEN
    Not a row, and this neither: OPEN close OPEN
    """
    assert transitions(table) == {("OPEN", "close"): "CLOSED", ("CLOSED", "open"): "OPEN"}


@pytest.mark.parametrize("docstring", [None, "The stages of a door."])
def test_nothing_goes_by_a_table_that_is_not_there(docstring: str | None) -> None:
    with pytest.raises(StartError, match="run Python without -OO"):
        transitions(docstring)
