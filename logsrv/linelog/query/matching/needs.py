"""Needs: literals without which no line can match. An index can rule out the texts that lack them.

A need is a promise: every matching line contains it. If nothing is certain, the need is None. JSON may
write any character as an escape such as `\\u00`, and a word index finds no literal written so. So a word
index must record where escapes stand, or assume that they are present.
"""

from __future__ import annotations

from collections.abc import Iterable
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


Need: TypeAlias = Literal | AllOf | AnyOf


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
