"""The patterns of one text's lines, which are counted in the reading process.

Of a JSON object the pattern is that of the text of its message, or its keys.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple, TypeAlias

import numpy
import orjson

from logsrv.kit.text.colours import has_colours, text_without_colours, without_colours
from logsrv.linelog.fields.byte_places import Array
from logsrv.linelog.fields.json import Object, look_up_field
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, levels_of_records
from logsrv.linelog.fields.record import ALIASES
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.syslog_header import parse_syslog_header
from logsrv.linelog.read.patterns.skeletons import (
    LONGEST,
    app_in_pattern,
    skeletons,
    template_of_skeleton,
)

MOST_SKELETONS = 50_000
"""Different skeletons that a process looks at closely; then at FEW of each further text."""
FEW = 100
_BRACE = ord("{")
# The beginning of an object after a syslog header.
_OBJECT_WITHIN = re.compile(rb' (?:@cee: ?)?\{"')


class PatternKey(NamedTuple):
    """A program, the pattern of its messages, and their level; "" for an unknown one.

    value: of the field by which patterns are told apart, too.
    """

    app: str
    template: str
    level: str = ""
    value: str | None = None


class CountedPattern(NamedTuple):
    """A pattern in a text: the number of its lines, and the row of the first one."""

    key: PatternKey
    lines: int
    row: int


_Shape: TypeAlias = bytes | PatternKey
"""The skeleton of a line; of a JSON object its program and the skeleton of its text."""
_Key: TypeAlias = tuple[_Shape, int, str | None]
"""The shape of a line, the number of its level, and its value."""


class LinePatterns:
    """The patterns of lines, text by text. It remembers those of skeletons that it has seen."""

    def __init__(self) -> None:
        self._keys: dict[_Key, PatternKey] = {}
        self._looked_at = 0

    def count(
        self, stamps: StampedLines, rows: Array, values: Iterable[str | None] = repeat(None)
    ) -> tuple[list[CountedPattern], int]:
        """Return the patterns of some lines, and the number of lines whose pattern is not known.

        values: of all lines, by which patterns are told apart, too.
        """
        levels = levels_of_records(stamps).tolist()
        if has_colours(stamps.text):
            stamps = StampedLines(without_colours(stamps.text))
        # Without values they have no end.
        keys = list(zip(self._shapes_of_lines(stamps), levels, values, strict=False))
        numbers = rows.tolist()
        if len(numbers) < len(keys):
            keys = [keys[row] for row in numbers]
        counts = Counter(keys)
        first = dict(zip(reversed(keys), reversed(numbers), strict=True))
        self._look_at_new(stamps, counts, first)
        merged: dict[PatternKey, CountedPattern] = {}
        unknown = 0
        for key, lines in counts.items():
            known = self._keys.get(key)
            if known is None:
                unknown += lines
                continue
            one = merged.get(known, CountedPattern(known, 0, first[key]))
            merged[known] = CountedPattern(known, one.lines + lines, min(first[key], one.row))
        return list(merged.values()), unknown

    def _shapes_of_lines(self, stamps: StampedLines) -> list[_Shape]:
        """Return a shape for each line, equal for most lines of one pattern."""
        ends = stamps.ends
        objects = _keys_of_objects(stamps)
        if objects:
            ends = ends.copy()
            known = list(objects)
            ends[known] = stamps.messages[known]
        found: list[_Shape] = [*skeletons(stamps.text, stamps.messages, ends)]
        for row, key in objects.items():
            found[row] = key
        return found

    def _look_at_new(
        self, stamps: StampedLines, counts: Counter[_Key], first: dict[_Key, int]
    ) -> None:
        """Find the patterns of keys that are seen for the first time."""
        new = [key for key in counts if key not in self._keys]
        left = max(FEW, MOST_SKELETONS - self._looked_at)
        if len(new) > left:
            new.sort(key=lambda key: -counts[key])
            del new[left:]
        self._looked_at += len(new)
        if len(self._keys) > MOST_SKELETONS:
            self._keys.clear()
        lines = []
        for key in new:
            shape, level, value = key
            if isinstance(shape, PatternKey):
                template = template_of_skeleton(shape.template.encode())
                self._keys[key] = PatternKey(shape.app, template, OF_NUMBERS[level] or "", value)
            else:
                lines.append(key)
        apps, contents = [], []
        for message in stamps.messages_of(numpy.array([first[key] for key in lines], int)):
            header = parse_syslog_header(message)
            apps.append(app_in_pattern(header.fields.get("app", "")) if header else "")
            contents.append(header.text if header else message)
        for key, app, skeleton in zip(lines, apps, skeletons_of(contents), strict=True):
            template = template_of_skeleton(skeleton)
            self._keys[key] = PatternKey(app, template, OF_NUMBERS[key[1]] or "", key[2])


def _keys_of_objects(stamps: StampedLines) -> dict[int, PatternKey]:
    """Return the keys of the lines that are JSON objects, perhaps after a header."""
    parts: dict[int, ObjectParts] = {}
    rows = numpy.flatnonzero(numpy.frombuffer(stamps.text, numpy.uint8)[stamps.messages] == _BRACE)
    for row, message in zip(rows.tolist(), stamps.messages_of(rows), strict=True):
        if found := read_object(message):
            parts[row] = found
    within = [found.start() for found in _OBJECT_WITHIN.finditer(stamps.text)]
    rows = numpy.unique(numpy.searchsorted(stamps.ends, within))
    for row, message in zip(rows.tolist(), stamps.messages_of(rows), strict=True):
        header = None if row in parts else parse_syslog_header(message)
        if header and (found := read_object(header.text.removeprefix(b"@cee:"))):
            parts[row] = found._replace(app=header.fields.get("app", found.app))
    named = [row for row, one in parts.items() if one.key]
    texts = [parts[row].text.encode(errors="replace") for row in named]
    known = {row: PatternKey(app_in_pattern(one.app), one.text) for row, one in parts.items()}
    for row, skeleton in zip(named, skeletons_of(texts), strict=True):
        known[row] = known[row]._replace(template=skeleton.decode(errors="replace"))
    return known


def skeletons_of(texts: list[bytes]) -> list[bytes]:
    """Return the skeletons of texts, which may contain LFs."""
    if not texts:
        return []
    joined = b"".join([text[:LONGEST].replace(b"\n", b" ") + b"\n" for text in texts])
    ends = numpy.flatnonzero(numpy.frombuffer(joined, numpy.uint8) == ord("\n"))
    starts = numpy.concatenate(([0], ends[:-1] + 1))
    return skeletons(joined, starts, ends)


MESSAGE_KEYS = ("message", "msg", "MESSAGE", "short_message", "event")
"""Keys of the message, the first that has a text."""
_MOST_KEYS = 30
_APP_NAMES = ("app", *ALIASES["app"])
_KEYS_OF_APP = frozenset(name.partition(".")[0] for name in _APP_NAMES) | frozenset(_APP_NAMES)


class ObjectParts(NamedTuple):
    """The parts of an object.

    app: the program that it names, or "". key: of its message, or "". text: the message, or all keys.
    """

    app: str
    key: str
    text: str


def read_object(content: bytes) -> ObjectParts | None:
    """Return the parts of a message that is a JSON object; None for another."""
    try:
        parsed = orjson.loads(content)
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    app = _find_app(parsed, frozenset(_KEYS_OF_APP & parsed.keys()))
    for key in MESSAGE_KEYS:
        text = parsed.get(key)
        if type(text) is str and text:
            return ObjectParts(app, key, text_without_colours(text[:LONGEST]))
    more = ", …" if len(parsed) > _MOST_KEYS else ""
    return ObjectParts(app, "", f"{{{', '.join(sorted(parsed)[:_MOST_KEYS])}{more}}}"[:LONGEST])


def _find_app(parsed: Object, present: frozenset[str]) -> str:
    for name in _names_of_app(present) if present else ():
        value = parsed.get(name) or look_up_field(parsed, name)
        if type(value) is str:
            return value[:100]
    return ""


@lru_cache(maxsize=1000)
def _names_of_app(present: frozenset[str]) -> tuple[str, ...]:
    """Return the names of the program to look up in an object with these keys."""
    return tuple(
        name for name in _APP_NAMES if name in present or name.partition(".")[0] in present
    )
