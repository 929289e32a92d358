"""The patterns of one text's lines, which are counted in the reading process.

Of a JSON object the pattern is that of the text of its message, or its keys.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import repeat
from typing import NamedTuple, TypeAlias

import numpy
import orjson

from logsrv.kit.text.colours import has_colours, text_without_colours, without_colours
from logsrv.linelog.fields.byte_arrays import Array, indexes_of_true, rows_at
from logsrv.linelog.fields.forms.json.one import look_up_field
from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.fields.json_values import Object, json_to_field_value
from logsrv.linelog.fields.known_keys import level_names_of_object
from logsrv.linelog.fields.level.one import level_of_fields
from logsrv.linelog.fields.level_numbers import OF_NUMBERS, levels_of_records
from logsrv.linelog.fields.parsed_line import ALIASES, IN_LOG_RECORDS, ParsedLine
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.values import (
    Value,
    displayable_text,
    elements_of_value,
    text_of_value,
)
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


class NamedSkeleton(NamedTuple):
    """The skeleton of a line whose program is not in it."""

    app: str
    skeleton: object


_Shape: TypeAlias = bytes | PatternKey | NamedSkeleton
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
        apps = _apps_of_first_lines(stamps)
        if has_colours(stamps.text):
            stamps = StampedLines(without_colours(stamps.text))
        # Without values they have no end.
        keys = list(zip(self._shapes_of_lines(stamps, apps), levels, values, strict=False))
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

    def _shapes_of_lines(self, stamps: StampedLines, apps: Mapping[int, str]) -> list[_Shape]:
        """Return a shape for each line, equal for most lines of one pattern.

        apps: the programs of continuation lines.
        """
        ends = stamps.ends
        objects = _keys_of_objects(stamps)
        if objects:
            ends = ends.copy()
            known = list(objects)
            ends[known] = stamps.messages[known]
        shapes: list[_Shape] = [*skeletons(stamps.text, stamps.messages, ends)]
        for row, key in objects.items():
            shapes[row] = key
        # A text in quotes is no part of a skeleton.
        for row in _lines_with_quoted_apps(stamps):
            if row not in objects:
                app = _app_of_record(
                    ParsedLine.of_message(stamps.text[stamps.messages[row] : ends[row]])
                )
                shapes[row] = NamedSkeleton(app_in_pattern(app), shapes[row])
        for row, app in apps.items():
            shapes[row] = NamedSkeleton(app, shapes[row])
        return shapes

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
        messages = stamps.messages_of(numpy.array([first[key] for key in lines], int))
        for (shape, _, _), message in zip(lines, messages, strict=True):
            record = ParsedLine.of_message(message)
            if isinstance(shape, NamedSkeleton):
                apps.append(shape.app)
            else:
                apps.append(app_in_pattern(_app_of_record(record)))
            contents.append(record.content)
        for key, app, skeleton in zip(lines, apps, skeletons_of(contents), strict=True):
            template = template_of_skeleton(skeleton)
            self._keys[key] = PatternKey(app, template, OF_NUMBERS[key[1]] or "", key[2])


def _apps_of_first_lines(stamps: StampedLines) -> dict[int, str]:
    """Return the programs of continuation lines that have one by their first lines."""
    if not stamps.first_lines:
        return {}
    rows, codes, lines, _ = stamps.going_on()
    of_first = [_app_of_record(ParsedLine(line)) for line in lines]
    found = {}
    for row, code in zip(rows.tolist(), codes.tolist(), strict=True):
        app = of_first[code]
        if app and b"=" in (line := stamps.line(row)):
            app = _app_of_record(ParsedLine(line, None, lines[code]))
        if app:
            found[row] = app_in_pattern(app)
    return found


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
        if header is None:
            continue
        app, content = header.fields.get("app"), header.text.removeprefix(b"@cee:")
        if found := read_object(content, app):
            # An object behind a mark is a text.
            parts[row] = found if content is header.text else found._replace(app=app or "")
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
_NAMES_IN_PAIRS = tuple(name.encode() for name in _APP_NAMES)
_ENDS_OF_NAMES = [int.from_bytes(name[-3:], "little") for name in _NAMES_IN_PAIRS]
_KEYS_OF_APP = frozenset(name.partition(".")[0] for name in _APP_NAMES) | frozenset(_APP_NAMES)


class ObjectParts(NamedTuple):
    """The parts of an object.

    app: the program that it names, or "". key: of its message, or "". text: the message, or all keys.
    """

    app: str
    key: str
    text: str


def read_object(content: bytes, app_in_header: str | None = None) -> ObjectParts | None:
    """Return the parts of a message that is a JSON object; None for another."""
    try:
        parsed = orjson.loads(content)
    except ValueError:
        return None
    if not isinstance(parsed, dict):
        return None
    app = _find_app(parsed, frozenset(_KEYS_OF_APP & parsed.keys()), app_in_header)
    for key in MESSAGE_KEYS:
        text = parsed.get(key)
        if type(text) is str and text:
            return ObjectParts(app, key, text_without_colours(text[:LONGEST]))
    more = ", …" if len(parsed) > _MOST_KEYS else ""
    return ObjectParts(app, "", f"{{{', '.join(sorted(parsed)[:_MOST_KEYS])}{more}}}"[:LONGEST])


def _find_app(parsed: Object, present: frozenset[str], in_header: str | None) -> str:
    for name in _names_of_app(present) if present else ():
        if in_header is not None and name != "app":
            break
        value = json_to_field_value(look_up_field(parsed, name))
        if value is None or (name in IN_LOG_RECORDS and not _has_level(parsed)):
            continue
        return _text_of_app(value)
    return (in_header or "")[:100]


def _has_level(parsed: Object) -> bool:
    names = level_names_of_object(parsed)
    found = level_of_fields(lambda name: json_to_field_value(look_up_field(parsed, name)), names)
    return found is not None


def _app_of_record(record: ParsedLine) -> str:
    in_header = record.header.fields.get("app", "") if record.header else ""
    # Nearly all other contents have no fields.
    if b"=" not in record.content and not record.content.lstrip().startswith(b"{"):
        return in_header[:100]
    value = record.get("app", as_written=True)
    return "" if value is None else _text_of_app(value)


def _text_of_app(value: Value) -> str:
    return displayable_text(text_of_value(elements_of_value(value)[0]))[:100]


def _lines_with_quoted_apps(stamps: StampedLines) -> list[int]:
    """Return the rows of lines with a pair that may have the program in quotes."""
    text = stamps.text
    if b'="' not in text:
        return []
    raw: Array = numpy.frombuffer(text, numpy.uint8)
    at = indexes_of_true((raw[:-1] == ord("=")) & (raw[1:] == ord('"')))
    at = at[at >= 4]
    # The last bytes of the key decide about most.
    ends = rows_at(raw, at - 4, 4).view("<u4")[:, 0] >> 8
    at = at[numpy.isin(ends, _ENDS_OF_NAMES)]
    found = [offset for offset in at.tolist() if text.endswith(_NAMES_IN_PAIRS, 0, offset)]
    rows: list[int] = numpy.unique(numpy.searchsorted(stamps.ends, found)).tolist()
    return rows


@lru_cache(maxsize=1000)
def _names_of_app(present: frozenset[str]) -> tuple[str, ...]:
    """Return the names of the program to look up in an object with these keys."""
    return tuple(
        name for name in _APP_NAMES if name in present or name.partition(".")[0] in present
    )
