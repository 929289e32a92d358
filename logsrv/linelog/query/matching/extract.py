"""Parts of messages as fields: the named groups of an expression."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from logsrv.linelog.fields.stored_line import decode_stored
from logsrv.linelog.query.language.engine import captures
from logsrv.linelog.query.language.question import Extraction
from logsrv.linelog.query.language.size import group_names
from logsrv.linelog.query.matching.expression import compile_expression

Extractor: TypeAlias = Callable[[bytes], Sequence[str | None]]
"""message → the values, None for one that it lacks. Bytes that are not UTF-8 are lone surrogates."""


ExtractedFields: TypeAlias = Callable[[bytes], dict[str, str]]
"""message → its extracted fields by name, without those that it lacks."""


def extractor(pattern: str, names: Sequence[str]) -> Extractor:
    """Return the function that finds the groups `names` of an expression in a message."""
    groups = captures(compile_expression(pattern).exact)
    known = group_names(pattern)
    places = [known.index(name) for name in names]
    missing: tuple[None, ...] = (None,) * len(places)

    def values(message: bytes) -> Sequence[str | None]:
        found = groups(message)
        if found is None:
            return missing
        return [None if (part := found[place]) is None else decode_stored(part) for place in places]

    return values


def extracted_fields(extractions: Iterable[Extraction]) -> ExtractedFields:
    """Return the function that finds all extracted fields of a message."""
    parts = [(one.names, extractor(one.pattern, one.names)) for one in extractions]

    def fields(message: bytes) -> dict[str, str]:
        return {
            name: value
            for names, values in parts
            for name, value in zip(names, values(message), strict=True)
            if value is not None
        }

    return fields
