"""The header of an answer with hints: sentences on a query that probably means something else.

The query is answered all the same. The live page, the form of an alert and programs show them.
"""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.kit.web.channel import WebRequest

HINT = "Logsrv-Hint"


def set_hints(request: WebRequest, hints: Sequence[str]) -> None:
    """Send these sentences with the answer; without one there is no such header."""
    if hints:
        # Escaped, because a header must be ASCII.
        request.setHeader(HINT, "; ".join(hints).encode("ascii", "backslashreplace"))
