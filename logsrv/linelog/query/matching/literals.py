"""Literals and expressions that a search over many lines looks for, and the one written as the other.

A literal is found whatever the case of its letters, without lowering all of a megabyte.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from logsrv.linelog.query.matching.needs import AllOf, Literal, Need

Pattern: TypeAlias = str
Literals: TypeAlias = tuple[Literal, ...]
Candidate: TypeAlias = Literals | Pattern
"""Literals of which there has to be one, or an expression."""

SHORTEST = 3
"""Bytes of a literal that is worth looking for instead of an expression."""
# Lowering a megabyte takes about as long as looking at so many wrong places.
_MOST_WRONG = 1000
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_AS_ONE_LETTER = bytes.maketrans(_LETTERS, b"a" * len(_LETTERS))


def of_need(need: Need | None) -> Literals | None:
    """Return the candidate of a need that is one literal."""
    return (need,) if isinstance(need, Literal) else None


def literals_of(need: Need | None) -> list[Literal]:
    """Return the literals that are needed in any case."""
    if isinstance(need, Literal):
        return [need]
    if isinstance(need, AllOf):
        return [one for part in need.parts for one in literals_of(part)]
    return []


def pattern_of(found: Candidate) -> Pattern | None:
    """Return the expression for `found`; None where it cannot be one, as it is no UTF-8."""
    if isinstance(found, str):
        return found
    try:
        return "|".join(quoted(one.text.decode(), ignore_case=one.ignore_case) for one in found)
    except UnicodeDecodeError:
        return None


def quoted(text: str, *, ignore_case: bool) -> Pattern:
    """Return the expression that finds `text`, case of ASCII ignored if wanted."""
    return "".join(_quoted(character, ignore_case) for character in text)


def _quoted(character: str, ignore_case: bool) -> str:
    if character.isascii() and character.isalnum():
        if ignore_case and character.isalpha():
            return f"[{character.upper()}{character.lower()}]"
        return character
    return f"\\x{{{ord(character):x}}}"


def caseless_find(text: bytes, needle: bytes) -> Callable[..., int]:
    """Return `find` of a text, for `needle` only, which is in small letters; case of ASCII is ignored.

    What of the needle has no case, mostly the digits of an id, is looked for as it stands, until it was
    found at too many places where the rest is missing.
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
