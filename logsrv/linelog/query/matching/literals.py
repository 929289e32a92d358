"""Literals and expressions that a search over many lines looks for, and the one written as the other."""

from __future__ import annotations

from logsrv.linelog.query.matching.needs import AllOf, Literal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import TypeAlias

    from logsrv.linelog.query.matching.needs import Need

Pattern: TypeAlias = str
Literals: TypeAlias = tuple[Literal, ...]
Candidate: TypeAlias = Literals | Pattern
"""Literals of which there has to be one, or an expression."""

SHORTEST = 3
"""Bytes of a literal that is worth looking for instead of an expression."""


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
