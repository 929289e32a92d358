"""Literals and expressions that a search over many lines looks for; a literal can become an expression.

A search that ignores case usually need not lower the whole megabyte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from logsrv.linelog.query.matching.needs import AllOf, Literal, Need

Pattern: TypeAlias = str
Literals: TypeAlias = tuple[Literal, ...]
Candidate: TypeAlias = Literals | Pattern
"""Literals of which a matching line contains at least one, or an expression that it matches."""

SHORTEST = 3
"""Bytes of the shortest literal that is a better candidate than an expression."""
# After so many comparisons in vain, the whole text is lowered: that takes about as long for a megabyte.
_MOST_WRONG = 1000
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_AS_ONE_LETTER = bytes.maketrans(_LETTERS, b"a" * len(_LETTERS))


def as_single_literal(need: Need | None) -> Literals | None:
    """Return the candidate of a need that is one literal, else None."""
    return (need,) if isinstance(need, Literal) else None


def required_literals(need: Need | None) -> list[Literal]:
    """Return the literals that every matching line contains."""
    if isinstance(need, Literal):
        return [need]
    if isinstance(need, AllOf):
        return [one for part in need.parts for one in required_literals(part)]
    return []


def pattern_of_candidate(found: Candidate) -> Pattern | None:
    """Return `found` as an expression, or None if a literal is not UTF-8."""
    if isinstance(found, str):
        return found
    try:
        return "|".join(
            expression_for_text(one.text.decode(), ignore_case=one.ignore_case) for one in found
        )
    except UnicodeDecodeError:
        return None


def expression_for_text(text: str, *, ignore_case: bool) -> Pattern:
    """Return the expression that finds `text`. ignore_case: of ASCII letters."""
    return "".join(_expression_for_character(character, ignore_case) for character in text)


def _expression_for_character(character: str, ignore_case: bool) -> str:
    if character.isascii() and character.isalnum():
        if ignore_case and character.isalpha():
            return f"[{character.upper()}{character.lower()}]"
        return character
    return f"\\x{{{ord(character):x}}}"


def make_caseless_find(text: bytes, needle: bytes) -> Callable[..., int]:
    """Return a function like `text.find` that finds only `needle`, and ignores ASCII case.

    needle: in small letters. Its longest part without letters, mostly the digits of an id, is searched
    first. If that part is found too often without the rest, the whole text is lowered instead.
    """
    anchor = max(needle.translate(_AS_ONE_LETTER).split(b"a"), key=len)
    if len(anchor) < SHORTEST:
        return text.lower().find
    before, size = needle.index(anchor), len(needle)
    wrong = 0
    folded = b""

    def find(_: bytes, start: int = 0, end: int = len(text)) -> int:
        nonlocal wrong, folded
        while wrong < _MOST_WRONG:
            found = text.find(anchor, start + before, end)
            if found < 0:
                return -1
            start = found - before
            if start + size <= end and text[start : start + size].lower() == needle:
                return start
            start += 1
            wrong += 1
        folded = folded or text.lower()
        return folded.find(needle, start, end)

    return find
