"""Needs: literals without which no line can match, for whoever can tell quickly where they are not.

A need is a promise: every line that matches contains it. Where nothing is certain there is none
(None). An index of words cannot answer for an escape such as `\\u00`, by which JSON may write any
character: it had better keep note of where one stands, or take it as present.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TypeAlias

from logsrv.linelog.fields.stamp import IN_STAMP
from logsrv.linelog.fields.values import bytes_of, number_of_text
from logsrv.linelog.query.tree import Part


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

# Characters which a value may have, and its line not: as they are escaped in JSON, logfmt, RFC 5424
# or access logs. All others stand there, or as \u00.. .
_ESCAPABLE = re.compile(r'[\x00-\x1f"\\/\]\x7f-\x9f\u2028\u2029\ud800-\udfff]')
# Objects in lists are written anew, and with them numbers, white space and punctuation.
_REWRITTEN = re.compile(r"[^A-Za-z0-9_.+-]")
_IN_A_NUMBER = re.compile(
    r"-?[0-9]*\.?[0-9]*(?:[eE][+-]?[0-9]*)?|[+-]?[0-9]*|(?i:i?n?f?i?n?i?t?y?|n?a?n?)"
)


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


def literal(text: str, *, ignore_case: bool) -> Need | None:
    """Return the need of a line that contains `text` as it is."""
    needle = bytes_of(text)
    if not needle:
        return None
    # To a literal without letters case makes no difference, but to who looks for it.
    small = needle.lower()
    return Literal(small if ignore_case else needle, ignore_case and small != needle.upper())


def of_field(name: str, op: str, value: str, *, ignore_case: bool) -> Need | None:
    """Return the need of a line whose field `name` is there, and equal to or containing `value`.

    op: `=` or `:`; with any other only the field's being there is sure.
    """
    if name in IN_STAMP or name == "level":
        return None
    if name == "message":
        if op not in ("=", ":") or (op == "=" and number_of_text(value) is not None):
            return None
        return literal(value, ignore_case=op == "=" or ignore_case)
    inner = name.removeprefix("fields.").removeprefix("syslog.")
    parts = [_of_name(name)]
    if inner not in ("facility", "severity"):
        parts.append(of_value(op, value, ignore_case=ignore_case))
    return both(parts)


def _of_name(name: str) -> Need | None:
    """The key stands in the line, unless the shape of the line says what is what."""
    from logsrv.linelog.fields import access, syslog

    inner = name.removeprefix("fields.")
    last = inner.rpartition(".")[2]
    if last in access.NAMES or last in syslog.NAMES or not last:
        return None
    return either((Literal(last.encode(), False), Literal(b"\\u00", False)))


def of_value(op: str, value: str, *, ignore_case: bool) -> Need | None:
    """Return the need of a line in which some field equals (`=`) or contains (`:`) `value`.

    It is None, or an AnyOf of what stands in the line and the escape that may stand for it.
    """
    if op not in ("=", ":") or number_of_text(value) is not None or value[:1] in ("{", "["):
        return None
    if op == "=":
        runs = _ESCAPABLE.split(value)
        ignore_case = True
    else:
        runs = [run for run in _REWRITTEN.split(value) if not _IN_A_NUMBER.fullmatch(run)]
    found = both(literal(run, ignore_case=ignore_case) for run in runs if len(run) > 1)
    if found is None:
        return None
    # Every character outside of ASCII may be escaped by itself.
    escape = b"\\u00" if value.isascii() else b"\\u"
    return AnyOf((found, Literal(escape, False)))
