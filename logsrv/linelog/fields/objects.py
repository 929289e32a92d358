"""Read chosen fields from many messages that are JSON objects, each parsed once.

Only a value that is a list, an object, an inexact number or a decimal as it was written needs a Record.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import attrs
import orjson

from logsrv.linelog.fields.json import Object, is_inexact, look_up_field, parse_json_exactly
from logsrv.linelog.fields.record import ALIASES, IN_LOG_RECORDS, Record
from logsrv.linelog.fields.values import Value

_EXACT = frozenset((str, int, bool))
_UNCLEAR: Object = {}
# An escape that may stand for a character of a name.
_ESCAPE = b"\\u"


class ObjectReader:
    """A reader of the fields called `names`, which have words and dots, in messages that begin with `{`.

    as_written: those whose decimals are read with the sender's text.
    """

    def __init__(self, names: Sequence[str], as_written: Collection[str] = ()) -> None:
        self._names = [
            (place, name, _AlternativeNames.of_names(_names_to_look_up(name)), name in as_written)
            for place, name in enumerate(names)
            if not name.startswith("syslog.")
        ]
        self._ends = (
            []
            if ALIASES.keys() & names
            else [name.rpartition(".")[2].encode() for _, name, _, _ in self._names]
        )

    def may_have_fields(self, text: bytes) -> bool:
        """Tell whether any object in a text may have one of the fields."""
        if not self._names:
            return False
        return not self._ends or any(part in text for part in (*self._ends, _ESCAPE))

    def read_into(
        self, messages: Sequence[bytes], rows: Sequence[int], columns: Sequence[list[Value | None]]
    ) -> list[int]:
        """Put the values of each message into its row of `columns`.

        rows: the row of each message. Returns the rows of messages that are no JSON objects.
        """
        named = [
            (columns[place], name, known_as, as_written)
            for place, name, known_as, as_written in self._names
        ]
        others = []
        for row, message in zip(rows, messages, strict=True):
            try:
                parsed = orjson.loads(message)
            except ValueError:
                parsed = parse_json_exactly(message)
                if parsed is None:
                    others.append(row)
                    continue
            for column, name, known_as, as_written in named:
                value = known_as.first_value(parsed) if known_as else parsed.get(name)
                kind = type(value)
                is_exact = kind is float and not as_written and not is_inexact(value)
                if value is None or kind in _EXACT or is_exact:
                    column[row] = value
                else:
                    record = Record.of_object(message, parsed)
                    column[row] = record.get(name, as_written=as_written)
        return others


@attrs.frozen
class _AlternativeNames:
    """The alternative names of a field, in order, each with the top-level keys that may lead to it.

    Few objects have any of these keys; checking that takes a tenth of the time of looking up each name.
    """

    names: tuple[tuple[str, frozenset[str]], ...]
    keys: frozenset[str]

    @classmethod
    def of_names(cls, names: tuple[str, ...]) -> _AlternativeNames | None:
        found = tuple((name, _top_level_keys(name)) for name in names)
        return cls(found, frozenset().union(*(keys for _, keys in found))) if names else None

    def first_value(self, parsed: Object) -> Any:
        """Return the first value found, or None; an empty object if only a Record can decide."""
        present = parsed.keys() & self.keys
        if not present:
            return None
        for name, keys in self.names:
            if keys.isdisjoint(present):
                continue
            value = look_up_field(parsed, name)
            if value is not None:
                other = name in IN_LOG_RECORDS and name != self.names[0][0]
                return _UNCLEAR if other else value
        return None


def _top_level_keys(name: str) -> frozenset[str]:
    """Return the keys of an object that may lead to a dotted name: the name, and its parts before dots."""
    return frozenset([name, *(name[:at] for at in range(len(name)) if name[at] == ".")])


def _names_to_look_up(name: str) -> tuple[str, ...]:
    """Return the names to look up for a field, in order; none if it can only be a key of the object."""
    if name.startswith("fields."):
        return name[7:], name
    return (name, *ALIASES.get(name, ())) if "." in name or name in ALIASES else ()
