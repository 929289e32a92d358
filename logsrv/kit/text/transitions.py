"""Tables of states as a module's docstring has them: what people read is what the program goes by."""

from __future__ import annotations

import re

from logsrv.errors import StartError

_ROW = re.compile(r"^    ([A-Z]+) +([a-z]+) +([A-Z]+)\b", re.MULTILINE)


def transitions(docstring: str | None) -> dict[tuple[str, str], str]:
    """Return state and event → the next state, of the rows `    STATE event STATE` in a docstring.

    Raises StartError if there are none: a program without docstrings would stand still.
    """
    rows = {(old, event): new for old, event, new in _ROW.findall(docstring or "")}
    if not rows:
        raise StartError(
            "run Python without -OO: it takes the docstrings away, and with them the tables of states "
            "that logsrv goes by"
        )
    return rows
