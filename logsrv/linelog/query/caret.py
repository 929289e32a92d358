"""Show a wrong query on a terminal: the error's sentence, the query, and a caret under it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from logsrv.errors import QueryError
from logsrv.kit.text.escape import one_line

BEFORE, BEHIND = 50, 20
"""Characters of the query that are shown before and after the error."""


def error_with_caret(text: str, error: QueryError) -> str:
    """Return three short lines that show an error of the query `text`; safe for a terminal."""
    index = min(error.at - 1, len(text))
    start = max(0, index - BEFORE)
    end = min(len(text), index + BEHIND)
    before = ("…" if start else "") + _escaped_one_line(text[start:index])
    behind = _escaped_one_line(text[index:end]) + ("…" if end < len(text) else "")
    return f"{error.sentence}\n  {before}{behind}\n  {' ' * terminal_columns(before)}^"


def _escaped_one_line(text: str) -> str:
    # The factor 6: escaping turns one character into up to six.
    return one_line(text, 6 * (BEFORE + BEHIND) + 1)


def terminal_columns(text: str) -> int:
    """Return the number of terminal columns that `text` takes."""
    if text.isascii():
        return len(text)
    columns: int = _wcwidth().wcswidth(text)
    return max(0, columns)


def columns_of_characters(text: str) -> Iterator[int]:
    """Yield the number of terminal columns that each character takes; -1 for a control character."""
    return map(_wcwidth().wcwidth, text)


def _wcwidth() -> Any:
    import wcwidth  # 14 ms, which ASCII need not wait for

    return wcwidth
