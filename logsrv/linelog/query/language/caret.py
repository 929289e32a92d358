"""A wrong query as a terminal shows it: the sentence, the query, a caret under the place."""

from __future__ import annotations

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line

BEFORE, BEHIND = 50, 20
"""Characters of the query that are shown around the place."""


def caret(text: str, error: QueryError) -> str:
    """Return three lines on what is wrong with the query `text`, safe to show and short."""
    place = min(error.at - 1, len(text))
    start = max(0, place - BEFORE)
    end = min(len(text), place + BEHIND)
    before = ("…" if start else "") + _safe(text[start:place])
    behind = _safe(text[place:end]) + ("…" if end < len(text) else "")
    return f"{error.sentence}\n  {before}{behind}\n  {' ' * _columns(before)}^"


def _safe(text: str) -> str:
    # Escaped, a character is up to six.
    return one_line(text, 6 * (BEFORE + BEHIND) + 1)


def _columns(text: str) -> int:
    """The columns of a terminal that `text` takes."""
    # Loaded only for a query that is wrong.
    from wcwidth import wcswidth

    return max(0, wcswidth(text))
