"""Turn the entries of Forward events, pairs of a time and a record, into lines (sans-IO).

Usual entries are unpacked and written many at a time, in a tenth of the time that it takes one by one.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import attrs
import msgpack

from logsrv.linelog.formats.forward.msgpack_values import (
    PIECE,
    array_header,
    begins_text,
    has_more_values,
    is_small_integer,
    value_end,
    value_ends,
)
from logsrv.linelog.lines.bodies import Records
from logsrv.linelog.lines.inflated import Buffer
from logsrv.linelog.lines.json_made import (
    json_object_line,
    json_object_lines,
    key_text,
    nanoseconds_as_rfc3339,
    refuse_unknown,
    seconds_as_rfc3339,
)
from logsrv.linelog.lines.records import without_ending

# Entries become lines together only if the tag, which each repeats, takes at most this many bytes in all.
_MOST_TAGS = 1 << 20
# Limits for the keys of a value that are no text: their number, and the bytes of their JSON. Beyond these
# the value is not parsed. If keys are maps whose keys are maps, their JSON doubles with each level.
_MOST_KEYS = 10_000
_MOST_BYTES_OF_KEYS = 1 << 20
_EVENT_TIME = struct.Struct(">II")
# Raised for a whole value that cannot be read, such as a time of an invalid size.
_UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)


MUCH_LONGER = 1 << 20
"""A record up to this many bytes over its limit still becomes JSON, stored as text."""


class _EventTimeText(str):
    """The text made of an EventTime, to tell it from a string that the sender put there."""

    __slots__ = ()


@attrs.frozen
class EntryWriter:
    """A writer of one event's entries to `records`; an entry longer than `longest` bytes becomes text."""

    _tag: str
    _longest: int
    _records: Records

    def add_entries(self, entries: memoryview, number: int | None = None) -> int:
        """Add consecutive entries; return their length in bytes.

        number: how many entries there are; None if they fill `entries`. With None, a damaged rest of at
        most `longest` bytes is stored as text: a sender's file may have been cut off there. So are all
        `entries` if they begin with a small integer, as text does: each of their bytes would be an entry.
        Raises ValueError for any other damage.
        """
        left, at = number, 0
        text = left is None and bool(entries) and is_small_integer(entries[0])
        while at < len(entries) and left != 0 and not text:
            try:
                found = value_ends(entries[at : at + PIECE], left) or [value_end(entries[at:], 0)]
            except ValueError:
                if left is not None:
                    raise
                break
            self._add_whole_entries(entries[at : at + found[-1]], found)
            at += found[-1]
            left = left if left is None else left - len(found)
        if left:
            raise ValueError("an entry has no end")
        if left is None and at < len(entries):
            if len(entries) - at > self._longest:
                raise ValueError("more than a record is damaged")
            self._add_text_record(bytes(entries[at:]))
        return at

    def _add_whole_entries(self, entries: memoryview, found: Sequence[int]) -> None:
        """Add whole entries. found: where each of them ends."""
        # Entries longer than two pieces contain a long record: then each becomes a line by itself.
        lines = self._entries_as_lines(entries) if len(entries) <= 2 * PIECE else None
        if lines is not None:
            self._records.add_whole_lines(*lines)
            return
        for start, end in pairwise([0, *found]):
            self._add_entry(entries[start:end])

    def _entries_as_lines(self, entries: memoryview) -> tuple[bytes, int] | None:
        """Turn all entries into lines at once; return these and their number, or None if one is unusual."""
        try:
            unpacker = msgpack.Unpacker(max_buffer_size=max(len(entries), 1), **_HOW)
            unpacker.feed(entries)
            pairs = list(unpacker)
        except _UNREADABLE:
            return None
        tag = self._tag
        if len(pairs) * len(tag) > _MOST_TAGS:
            return None
        found: list[dict[Any, Any]] = []
        last: Any = None
        stamp: Any = None
        for pair in pairs:
            if type(pair) is not list or len(pair) != 2:
                return None
            time, record = pair
            if type(time) is list and len(time) == 2 and time[1] == {}:
                time = time[0]
            if type(record) is not dict:
                return None
            if type(time) is _EventTimeText:
                stamp, last = str(time), None
            elif type(time) is float:
                stamp, last = seconds_as_rfc3339(time) or time, None
            elif type(time) is not int:
                return None
            elif time != last:
                stamp, last = seconds_as_rfc3339(time) or time, time
            name, name_of_tag = "time", "tag"
            while name in record:
                name = f"_{name}"
            while name_of_tag in record:
                name_of_tag = f"_{name_of_tag}"
            found.append({**record, name: stamp, name_of_tag: tag})
        lines = json_object_lines(found, self._longest, _time_text)
        return None if lines is None else (lines, len(found))

    def _add_entry(self, entry: memoryview) -> None:
        header = array_header(entry)
        if header is None or header[0] != 2:
            self._add_as_text(entry)
            return
        begin = value_end(entry, header[1])
        self.add_pair(entry[header[1] : begin], entry[begin:])

    def add_pair(self, time: memoryview, record: memoryview) -> None:
        """Add an entry; a record that is no map is stored as text."""
        if begins_text(record[0]):
            self._add_text_record(without_ending(unpack_value(record, raw=True)))
            return
        # A record this long, or with more values than a line may have bytes, would have a JSON that is too
        # long as well, unless all values are floats. Making it takes seconds, and 20 times its size in
        # memory.
        line = None
        if len(record) <= self._longest + MUCH_LONGER and not any(
            len(part) > self._longest and has_more_values(part, self._longest)
            for part in (time, record)
        ):
            line = self._json_line(time, record)
        if line is None:
            self._add_as_text(time, record)
        elif len(line) > self._longest:
            self._add_text_record(line)
        else:
            self._records.add(line)

    def _json_line(self, time: memoryview, record: memoryview) -> bytes | None:
        """Return a record as JSON with time, tag and Fluent Bit's metadata; None if that is impossible."""
        ours: dict[str, Any] = {}
        metadata = None
        try:
            stamp, fields = _unpack_text_or_bytes(time), _unpack_text_or_bytes(record)
            if not isinstance(fields, dict):
                return None
            if isinstance(stamp, list) and len(stamp) == 2 and isinstance(stamp[1], dict):
                stamp, metadata = stamp
            if stamp is not None:
                ours["time"] = _as_rfc3339(stamp)
            ours["tag"] = self._tag
            if metadata:
                ours["metadata"] = metadata
            return json_object_line(fields, ours, _time_text)
        except _UNREADABLE:
            return None

    def _add_as_text(self, *values: memoryview) -> None:
        """Add values as text: as JSON if possible and short enough, else their bytes."""
        text = _values_as_json(values) if sum(map(len, values)) <= self._longest else None
        self._add_text_record(text or b"".join(values))

    def _add_text_record(self, text: bytes) -> None:
        self._records.as_text += bool(text)
        self._records.add(text, structured=False)


def _as_rfc3339(value: Any) -> Any:
    """Return a time as RFC 3339 text; a value that is no time, or out of range, stays unchanged."""
    if isinstance(value, (str, msgpack.Timestamp)):
        return _time_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return seconds_as_rfc3339(value) or value
    return value


def _values_as_json(values: Sequence[Buffer]) -> bytes | None:
    """Return one value, or a list of several, as JSON; None if a value cannot become JSON."""
    try:
        found = [unpack_value(one) for one in values]
        # `json_object_line` only makes objects: wrap the value in one.
        return json_object_line({"": found if len(found) > 1 else found[0]}, {}, _time_text)[
            len('{"":') : -1
        ]
    except _UNREADABLE:
        return None


def _unpack_text_or_bytes(part: Buffer) -> Any:
    """Unpack a whole value; if some text is not UTF-8, return all text as bytes. Raises as `unpack_value`.

    `json_object_line` then escapes the bytes as msgpack would.
    """
    try:
        return unpack_value(part, unicode_errors="strict")
    except UnicodeDecodeError:
        return unpack_value(part, raw=True)


def unpack_value(part: Buffer, **more: Any) -> Any:
    """Unpack a whole value. Raises ValueError and TypeError if it is invalid inside.

    more: further options for msgpack.
    """
    how = {**_HOW, **more}
    try:
        return msgpack.unpackb(part, **how)
    except UnicodeDecodeError:
        raise
    except (ValueError, TypeError):
        # Keys that are no text become text: numbers chosen to collide as hashes would make a dict take
        # minutes.
        how["strict_map_key"] = False
        return msgpack.unpackb(part, object_pairs_hook=_TextKeyHook(), **how)


class _TextKeyHook:
    """Make a dict of each map in a value; a key that is no text becomes its JSON."""

    def __init__(self) -> None:
        self._keys = _MOST_KEYS
        self._bytes = _MOST_BYTES_OF_KEYS

    def __call__(self, pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
        return {
            key if isinstance(key, (str, bytes)) else self._key_text(key): value
            for key, value in pairs
        }

    def _key_text(self, key: Any) -> str:
        if isinstance(key, (dict, list)):
            text = json_object_line({"": key}, {}, _time_text).decode()[4:-1]
        else:
            text = key_text(key)
        self._keys -= 1
        self._bytes -= len(text)
        if self._keys < 0 or self._bytes < 0:
            raise ValueError("it has too many keys that are no text")
        return text


def _extension_value(code: int, data: bytes) -> Any:
    if code == 0 and len(data) == _EVENT_TIME.size:
        text = nanoseconds_as_rfc3339(*_EVENT_TIME.unpack(data))
        return _EventTimeText(text)
    return base64.b64encode(data).decode("ascii")


def _time_text(value: Any) -> str:
    """Return the text of a time; raise TypeError for any other value."""
    if isinstance(value, msgpack.Timestamp):
        text = nanoseconds_as_rfc3339(value.seconds, value.nanoseconds)
        return str(value.seconds) if text is None else text
    return str(value) if isinstance(value, str) else refuse_unknown(value)


_HOW: dict[str, Any] = {
    "strict_map_key": True,
    "unicode_errors": "backslashreplace",
    "ext_hook": _extension_value,
}
