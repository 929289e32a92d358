"""RE2, the engine of expressions: linear time whatever the expression, on bytes.

Here alone is said how it is asked. `never_nl` keeps every match within its line, so that one search
goes over a megabyte of lines; nothing is captured and nothing is logged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import re2

Search: TypeAlias = Callable[[bytes, int, int], tuple[int, int]]
"""text, start, end → where the leftmost match in that part begins and ends, or (-1, -1)."""

LARGEST_PROGRAM = 20_000
"""Instructions. RE2's time is that of the text times this when it runs out of memory for its states."""
_MEMORY = 16 << 20


class WrongExpression(Exception):
    """RE2 does not take an expression; `str()` of it says why."""


def compiled(pattern: str) -> Search:
    """Return the search for `pattern`. Raises WrongExpression."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8
    options.log_errors = False
    options.never_nl = True
    options.never_capture = True
    options.max_mem = _MEMORY
    try:
        regexp = re2.compile(pattern.encode(), options)
    except UnicodeEncodeError:
        raise WrongExpression("it is not Unicode text") from None
    except re2.error as error:
        raise WrongExpression(_words(error)) from None
    if regexp.programsize > LARGEST_PROGRAM:
        raise WrongExpression("it is too large once its repetitions are written out")
    # The public search makes a generator and an object for each match: twice the time where
    # matches are many.
    match = regexp._regexp.Match
    unanchored = re2._Anchor.UNANCHORED

    def search(text: bytes, start: int, end: int) -> tuple[int, int]:
        found: tuple[int, int] = match(unanchored, text, start, end)[0]
        return found

    return search


def _words(error: re2.error) -> str:
    reason = error.args[0] if error.args else b""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
