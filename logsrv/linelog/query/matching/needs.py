"""Needs: literals without which no line can match, for whoever can tell quickly where they are not.

A need is a promise: every line that matches contains it. Where nothing is certain there is none
(None). An index of words cannot answer for an escape such as `\\u00`, by which JSON may write any
character: it had better keep note of where one stands, or take it as present.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from logsrv.linelog.fields.stored import bytes_of
from logsrv.linelog.query.language.tree import Part


class Literal(Part):
    """Bytes that stand in the line; with `ignore_case` in small letters, A–Z in the line being a–z."""

    __slots__ = ("ignore_case", "text")

    def __init__(self, text: bytes, ignore_case: bool) -> None:
        self.text = text
        self.ignore_case = ignore_case


class AllOf(Part):
    """All of `parts` stand in the line."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Need, ...]) -> None:
        self.parts = parts


class AnyOf(Part):
    """At least one of `parts` stands in the line."""

    __slots__ = ("parts",)

    def __init__(self, parts: tuple[Need, ...]) -> None:
        self.parts = parts


Need: TypeAlias = Literal | AllOf | AnyOf


def both(parts: Iterable[Need | None]) -> Need | None:
    """Return the need of a line that has to have all of `parts`."""
    flat: dict[Need, None] = {}
    for part in parts:
        if part is not None:
            flat.update(dict.fromkeys(part.parts if isinstance(part, AllOf) else (part,)))
    known = tuple(flat)
    if len(known) > 1:
        return AllOf(known)
    return known[0] if known else None


def either(parts: Iterable[Need | None]) -> Need | None:
    """Return the need of a line that has to have one of `parts`."""
    known = tuple(dict.fromkeys(parts))
    if not known or None in known:
        return None
    return AnyOf(known) if len(known) > 1 else known[0]  # type: ignore[arg-type]


def has_capital(text: str) -> bool:
    """Tell whether `text` has a letter of A–Z: then its case counts."""
    return any("A" <= character <= "Z" for character in text)


def literal(text: str, *, ignore_case: bool) -> Need | None:
    """Return the need of a line that contains `text` as it is."""
    needle = bytes_of(text)
    if not needle:
        return None
    # To a literal without letters case makes no difference, but to who looks for it.
    small = needle.lower()
    return Literal(small if ignore_case else needle, ignore_case and small != needle.upper())
