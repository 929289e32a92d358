"""Expressions, compiled by RE2 for the search in messages and rewritten for the first pass over many lines.

RE2 checks the syntax and searches. Named groups of an expression are parts of messages as fields.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from logsrv.linelog.fields.stored_line import decode_stored
from logsrv.linelog.query.question import Extraction
from logsrv.linelog.query.text_search.engine import (
    TOKEN,
    Search,
    captures,
    compile_search,
    group_names,
    most_re2_instructions,
    require_valid_expression,
)
from logsrv.linelog.query.text_search.literals import Need
from logsrv.linelog.query.text_search.pattern_reader import PatternReader

_CAPITAL = re.compile(r"[A-Z]")
_SPELLED = re.compile(
    # Parts of a pattern in which a capital is syntax, not text: escapes, names and flags of groups.
    r"\\(?:[pP]\{[^}]*\}|[pP].|x\{[^}]*\}|x[0-9A-Fa-f]{2}|.)|\(\?(?:P?<[^>]*>|[imsU-]*[:)])|\[:\^?[a-z]*:\]",
    re.DOTALL,
)


class CompiledExpression(NamedTuple):
    """An expression, compiled for messages and rewritten for the first pass."""

    in_message: Search
    """The search in one message: `^` and `$` mean its beginning and end."""
    exact: str
    """The pattern of that search, with its named groups."""
    in_text: str
    """A pattern for stored lines that finds at least every match: in it `^` matches anywhere."""
    anchored: bool
    """The pattern has a `^`, so each match of `in_text` has to be tested again."""
    need: Need | None
    begins: bool
    """Each match begins with the same text: then RE2 is as fast as a search for several literals."""
    classes: tuple[frozenset[int], ...]
    """The allowed bytes of each position, if the expression has a fixed width and is ASCII; else empty."""


def pattern_has_capital(pattern: str) -> bool:
    """Return whether `pattern` has a capital outside of escapes: then case counts."""
    return bool(_CAPITAL.search(_SPELLED.sub("", pattern)))


@lru_cache(maxsize=256)
def compile_expression(pattern: str) -> CompiledExpression:
    """Return the expression of `pattern`; it ignores case unless `pattern` has a capital.

    Raises WrongExpression.
    """
    # Checked before it is rewritten, so that an error quotes what the user wrote.
    most_re2_instructions(pattern)
    require_valid_expression(pattern)
    reader = PatternReader(pattern, fold=not pattern_has_capital(pattern))
    reader.read_pattern()
    top = reader.groups[0]
    return CompiledExpression(
        compile_search("".join(reader.exact)),
        "".join(reader.exact),
        "".join(reader.loose),
        reader.anchored,
        top.need(),
        top.begins_with_one_text,
        reader.bytes_by_position(),
    )


_IN_LINES = {r"\A": "(?m:^)", r"\z": "(?m:$)"}
_WITHOUT_WIDTH = {*_IN_LINES, r"\b", r"\B"}


def pattern_in_lines(exact: str) -> str:
    """Return an `exact` pattern for a text of many lines: each match is in one line, as it would be alone.

    The beginning and the end of the message become those of a line.
    """
    return TOKEN.sub(lambda token: _IN_LINES.get(token[0], token[0]), exact)


def may_match_nothing(exact: str) -> bool:
    """Return whether an `exact` pattern may match the empty text, at some place of some text."""
    bare = TOKEN.sub(
        lambda token: "(?:)" if token[0] in _WITHOUT_WIDTH else token[0],
        exact,
    )
    return compile_search(bare)(b"", 0, 0)[0] >= 0


Extractor: TypeAlias = Callable[[bytes], Sequence[str | None]]
"""message → the values, None for one that it lacks. Bytes that are not UTF-8 are lone surrogates."""


ExtractedFields: TypeAlias = Callable[[bytes], dict[str, str]]
"""message → its extracted fields by name, without those that it lacks."""


def extractor(pattern: str, names: Sequence[str]) -> Extractor:
    """Return the function that finds the groups `names` of an expression in a message."""
    groups = captures(compile_expression(pattern).exact)
    known = group_names(pattern)
    indexes = [known.index(name) for name in names]
    missing: tuple[None, ...] = (None,) * len(indexes)

    def values(message: bytes) -> Sequence[str | None]:
        found = groups(message)
        if found is None:
            return missing
        return [
            None if (part := found[index]) is None else decode_stored(part) for index in indexes
        ]

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
