"""RE2, the engine of regular expressions: it takes linear time for any expression, and searches bytes.

All options of RE2 are set here. `never_nl` keeps every match within its line, so one search can go over
a megabyte of lines. RE2 logs nothing, and captures only where `captures` asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias

import re2

from logsrv.linelog.query.language.size import WrongExpression

Search: TypeAlias = Callable[[bytes, int, int], tuple[int, int]]
"""text, start, end → offsets at which the leftmost match in that part begins and ends, or (-1, -1)."""

_MEMORY = 16 << 20
# Bytes of memory for a compiled pattern, too few for any: so RE2 stops after parsing.
_NO_MEMORY = 16
_NO_ROOM = "pattern too large"
# Classes that `compile_search` writes as `(?:K|k)` in an expression with alternatives. RE2 reads `[Kk]` as
# "k, case ignored". If a one-character alternative stands beside it, as in `[Kk]|x`, RE2 makes one class of
# both, and that also matches Unicode's other k (U+212A), or for `[Ss]` the long s (U+017F). See google/re2,
# FactorAlternation.
_FOLDED_AS_UNICODE = re.compile(r"\[(?:Kk|Ss)\]")


def require_valid_expression(pattern: str) -> None:
    """Raise WrongExpression unless RE2 accepts `pattern`. RE2 only parses it, and does not compile it."""
    try:
        _compile_with_re2(pattern, _NO_MEMORY)
    except WrongExpression as error:
        if not str(error).startswith(_NO_ROOM):
            raise


def compile_search(pattern: str) -> Search:
    """Return the search for `pattern`. Raises WrongExpression."""
    regexp = _compile_with_re2(_without_mixed_classes(pattern), _MEMORY)
    # The public search makes a generator and an object for each match, which doubles the time if
    # there are many.
    match = regexp._regexp.Match
    unanchored = re2._Anchor.UNANCHORED

    def search(text: bytes, start: int, end: int) -> tuple[int, int]:
        found: tuple[int, int] = match(unanchored, text, start, end)[0]
        return found

    return search


def captures(pattern: str) -> Callable[[bytes], tuple[bytes | None, ...] | None]:
    """Return a function: message → the groups of the leftmost match, or None without a match.

    A group that takes no part in the match is None.
    """
    search = _compile_with_re2(_without_mixed_classes(pattern), _MEMORY, capture=True).search

    def groups(message: bytes) -> tuple[bytes | None, ...] | None:
        found = search(message)
        return found.groups() if found else None

    return groups


def _without_mixed_classes(pattern: str) -> str:
    """Rewrite classes such as `[Kk]` beside alternatives: see _FOLDED_AS_UNICODE."""
    if "|" not in pattern:
        # RE2 finds a text that begins with `[Kk]` five times as fast as with `(?:K|k)`.
        return pattern
    return _FOLDED_AS_UNICODE.sub(lambda found: f"(?:{found[0][1]}|{found[0][2]})", pattern)


def _compile_with_re2(pattern: str, memory: int, *, capture: bool = False) -> Any:
    """Return RE2's compiled pattern, of at most `memory` bytes. Raises WrongExpression."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.UTF8
    options.log_errors = False
    options.never_nl = True
    options.never_capture = not capture
    options.max_mem = memory
    try:
        return re2.compile(pattern.encode(), options)
    except UnicodeEncodeError:
        raise WrongExpression("it is not Unicode text") from None
    except re2.error as error:
        raise WrongExpression(_re2_error_text(error)) from None


def _re2_error_text(error: re2.error) -> str:
    reason = error.args[0] if error.args else b""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
