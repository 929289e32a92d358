"""Tables of states in docstrings: the program uses the same table that people read."""

from __future__ import annotations

import re

from logsrv.errors import StartError

_ROW = re.compile(r"^    ([A-Z]+) +([a-z]+) +([A-Z]+)\b", re.MULTILINE)


def parse_transitions(docstring: str | None) -> dict[tuple[str, str], str]:
    """Return the next state for each (state, event), from the rows `    STATE event NEXT` of a docstring.

    Raises StartError if there are none, because Python was started without docstrings.
    """
    rows = {(old, event): new for old, event, new in _ROW.findall(docstring or "")}
    if not rows:
        raise StartError(
            "run Python without -OO: it removes the docstrings, and with them the tables of states "
            "that logsrv uses"
        )
    return rows
