"""A table in a docstring is one that a program can go by."""

import pytest

from logsrv.errors import StartError
from logsrv.kit.text.transitions import parse_transitions


def test_the_rows_of_a_table_are_read():
    table = """The stages of a door.

    OPEN    close  CLOSED   with a bang
    CLOSED  open   OPEN
    Not a row, and this neither: OPEN close OPEN
    """
    assert parse_transitions(table) == {("OPEN", "close"): "CLOSED", ("CLOSED", "open"): "OPEN"}


@pytest.mark.parametrize("docstring", [None, "The stages of a door."])
def test_a_missing_table_ends_the_start(docstring):
    with pytest.raises(StartError, match="run Python without -OO"):
        parse_transitions(docstring)
