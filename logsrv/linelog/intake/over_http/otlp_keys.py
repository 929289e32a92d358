"""Keys and fields that OTLP does not have: what was meant, how many records they cost (sans-IO).

OTLP's JSON has lowerCamelCase keys only, and a receiver ignores others: a whole body can be ignored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from logsrv.kit.text.words import shown
from logsrv.linelog.lines.bodies import Records

# For each level: the key of its list, then its other keys.
_LEVELS = (
    ("resourceLogs",),
    ("scopeLogs", "resource", "schemaUrl"),
    ("logRecords", "scope", "schemaUrl"),
)
# The keys of what stands beside a list.
_INSIDE = {
    "resource": ("attributes", "droppedAttributesCount", "entityRefs"),
    "scope": ("name", "version", "attributes", "droppedAttributesCount"),
}
_FORMER = {"instrumentationLibraryLogs": "scopeLogs", "instrumentationLibrary": "scope"}
_OF_RECORD = frozenset(
    (
        "timeUnixNano", "observedTimeUnixNano", "severityNumber", "severityText", "body", "attributes",
        "droppedAttributesCount", "flags", "traceId", "spanId", "eventName",
    )
)  # fmt: skip
_UNDERSCORE = re.compile(r"_([a-z])")
# An answer names this many keys at most; a longer key is no misspelling.
_MOST_NAMED = 5
_LONGEST = 64


def camel_case(name: str) -> str:
    """Return a key in snake case as OTLP spells it."""
    return _UNDERSCORE.sub(lambda found: found[1].upper(), name) if "_" in name else name


def with_known_keys(record: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a log record with OTLP's keys, those in snake case too; and its other members."""
    if record.keys() <= _OF_RECORD:
        return record, {}
    known: dict[str, Any] = {}
    others: dict[str, Any] = {}
    for key, value in record.items():
        name = camel_case(key)
        if key in _OF_RECORD or (name in _OF_RECORD and name not in record):
            known[name] = value
        else:
            others[key] = value
    return known, others


def has_unknown_fields(message: Any) -> bool:
    """Return whether a protobuf message has fields, or wire types, that its kind does not have."""
    return len(import_module("google.protobuf.unknown_fields").UnknownFieldSet(message)) > 0


class UnknownKeys:
    """Counts records under unknown keys in `records`, and names the keys.

    foreign: whether something seems to be of another protocol.
    """

    def __init__(self, records: Records) -> None:
        self.records = records
        self.foreign = False
        self._named: dict[str, None] = {}

    @property
    def sentence(self) -> str:
        """Say which keys are unknown; empty if none is."""
        return ", ".join(self._named)

    def note_keys(self, holder: Any, level: int) -> None:
        """Look at the keys of the body (level 0), of a resource's logs (1), or of a scope's (2)."""
        if not isinstance(holder, dict):
            return
        wanted, *beside = _LEVELS[level]
        has_list = wanted in holder
        unknown = holder.keys() - {wanted, *beside}
        found = {key: meant(key, _LEVELS[level]) for key in holder if key in unknown}
        # An object without keys is as one with an empty list.
        if level == 0 and holder and not has_list and not any(found.values()):
            self.foreign = True
        for key, name in found.items():
            if has_list and name is None:
                # A later version of OTLP may have it.
                continue
            hint = f"did you mean {name}?" if name else f"there is no such key here, only {wanted}"
            self._name(f"{shown(key)}: {hint}")
            if (name or wanted) == wanted:
                self.records.count_unknown(records_below(holder[key], len(_LEVELS) - 1 - level))
        for key in beside:
            self._note_keys_inside(key, holder.get(key))

    def _note_keys_inside(self, where: str, found: Any) -> None:
        """Look at the keys of a resource or a scope; those of a later version are like none of ours."""
        names = _INSIDE.get(where, ())
        if not (names and isinstance(found, dict)):
            return
        for key in found:
            if key not in names and (name := meant(key, names)):
                self._name(f"{shown(key)} in {where}: did you mean {name}?")

    def note_fields(self, holder: Any, inside: Sequence[Any]) -> None:
        """Look at the fields of a protobuf message; inside: its list."""
        if not inside and has_unknown_fields(holder):
            self.foreign = True
            self._name("the message has fields of another kind")
            self.records.count_unknown()

    def note_foreign_record(self) -> None:
        """Count a record that has only fields of another kind of message."""
        self.foreign = True
        self._name("a record has fields of another kind")
        self.records.count_unknown()

    def _name(self, what: str) -> None:
        if len(self._named) < _MOST_NAMED:
            self._named[what] = None


def meant(key: str, names: Sequence[str]) -> str | None:
    """Return which of `names` a key was to be; None if it is like none of them."""
    if len(key) > _LONGEST:
        return None
    former = _FORMER.get(camel_case(key))
    if former in names:
        return former
    plain = {name.lower(): name for name in names}
    close = get_close_matches(re.sub("[_-]", "", key).lower(), plain, 1, 0.8)
    return plain[close[0]] if close else None


def records_below(value: Any, levels: int) -> int:
    """Return how many records stand in the list of an unknown key, as far as they can be seen."""
    if not isinstance(value, list) or not levels:
        return max(1, len(value)) if isinstance(value, list) else 1
    lists = (
        [one for one in element.values() if isinstance(one, list)]
        if isinstance(element, dict)
        else []
        for element in value
    )
    return sum(sum(records_below(one, levels - 1) for one in some) or 1 for some in lists) or 1
