"""Literals that every matching line contains (needs), and those that a search looks for (candidates).

A need is a promise: every matching line contains it. If nothing is certain, the need is None. An index can
rule out the texts that lack it. JSON may write any character as an escape such as `\\u00`, and a word index
finds no literal written so. So a word index must record where escapes stand, or assume that they are
present.

A literal can become an expression. A search that ignores case usually need not lower the whole megabyte.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from logsrv.linelog.fields.stored_line import to_stored_bytes
from logsrv.value import Value


class Literal(Value):
    """Bytes that the line contains. ignore_case: they are in small letters; A–Z in a line counts as a–z."""

    text: bytes
    ignore_case: bool


class AllOf(Value):
    """The line contains all of `parts`."""

    parts: tuple[Need, ...]


class AnyOf(Value):
    """The line contains at least one of `parts`."""

    parts: tuple[Need, ...]


class Inherited(Value):
    """The line contains the one part, or the first line of its record does, which may stand further up."""

    parts: tuple[Need]


Need: TypeAlias = Literal | AllOf | AnyOf | Inherited


def fulfils_need(line: bytes, need: Need) -> bool:
    """Return whether a line contains what is needed."""
    if isinstance(need, Literal):
        return need.text.lower() in line.lower() if need.ignore_case else need.text in line
    together = any if isinstance(need, AnyOf) else all
    return together(fulfils_need(line, part) for part in need.parts)


def need_of_all(parts: Iterable[Need | None]) -> Need | None:
    """Return the need of a line that must contain all of `parts`."""
    flat: dict[Need, None] = {}
    for part in parts:
        if part is not None:
            flat.update(dict.fromkeys(part.parts if isinstance(part, AllOf) else (part,)))
    known = tuple(flat)
    if len(known) > 1:
        return AllOf(known)
    return known[0] if known else None


def need_of_any(parts: Iterable[Need | None]) -> Need | None:
    """Return the need of a line that must contain at least one of `parts`."""
    known = tuple(dict.fromkeys(parts))
    if not known or None in known:
        return None
    return AnyOf(known) if len(known) > 1 else known[0]  # type: ignore[arg-type]


def has_ascii_capital(text: str) -> bool:
    """Return whether `text` has a letter of A–Z: then its case counts."""
    return any("A" <= character <= "Z" for character in text)


def need_of_text(text: str, *, ignore_case: bool | None = None) -> Literal | None:
    """Return the need of a line that contains `text`; None for the empty text.

    ignore_case: None for a text whose case counts if it has a capital.
    """
    needle = to_stored_bytes(text)
    if not needle:
        return None
    # A literal without letters is found faster if its case counts.
    small = needle.lower()
    ignore_case = not has_ascii_capital(text) if ignore_case is None else ignore_case
    return Literal(small if ignore_case else needle, ignore_case and small != needle.upper())


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
