"""Turn the entries of Forward events, pairs of a time and a record, into lines (sans-IO).

Usual entries are unpacked and written many at a time, in a tenth of the time that it takes one by one.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Generator, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, pairwise
from typing import Any

import attrs
import msgpack

from logsrv.linelog.formats.forward.msgpack_values import (
    PIECE,
    ValueEndFinder,
    array_header,
    begins_text,
    find_value_end,
    has_more_values,
    is_small_integer,
    value_ends,
)
from logsrv.linelog.lines import times
from logsrv.linelog.lines.bodies import Records
from logsrv.linelog.lines.inflated import Buffer, in_pieces
from logsrv.linelog.lines.json_made import (
    json_object_line,
    json_object_lines,
    key_text,
    refuse_unknown,
)
from logsrv.linelog.lines.long_work import call_as_long_work
from logsrv.linelog.lines.records import without_ending

# Entries become lines together only if the tag, which each repeats, takes at most this many bytes in all.
_MOST_TAGS = 1 << 20
# Bytes of entries that are written one by one before other peers have a turn.
_TURN = 4 << 10
# Limits for the keys of a value that are no text: their number, and the bytes of their JSON. Beyond these
# the value is not parsed. If keys are maps whose keys are maps, their JSON doubles with each level.
_MOST_KEYS = 10_000
_MOST_BYTES_OF_KEYS = 1 << 20
_EVENT_TIME = struct.Struct(">II")
# Raised for a whole value that cannot be read, such as a time of an invalid size.
_UNREADABLE = (ValueError, TypeError, OverflowError, RecursionError)


MUCH_LONGER = 1 << 20
"""A record up to this many bytes over its limit still becomes JSON, stored as text."""


class RefusedEventError(Exception):
    """Bytes that are no event, or an event that is refused.

    reason: the label in the metrics. records: number of refused records, None if unknown.
    """

    def __init__(self, sentence: str, reason: str = "protocol", records: int | None = None) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.records = records


@attrs.frozen
class ForwardLimits:
    """Limits in bytes. record: of a line. event: of an event, also after unpacking."""

    record: int
    event: int


class _EventTimeText(str):
    """The text made of an EventTime, to tell it from a string that the sender put there."""

    __slots__ = ()


class EntryWriter:
    """A writer of one event's entries to `records`; an entry longer than `limits.record` becomes text."""

    def __init__(self, tag: str, limits: ForwardLimits, records: Records) -> None:
        self._tag = tag
        self._limits = limits
        self._records = records

    def add_entries(
        self, pieces: Iterable[Buffer], number: int | None = None
    ) -> Generator[None, None, int]:
        """Add consecutive entries, cut anywhere; return their length in bytes.

        number: how many entries there are; None if they fill `pieces`. With None, a damaged rest of at most
        `limits.record` bytes is stored as text: a sender's file may have been cut off there. So is all of
        `pieces` if it begins with a small integer, as text does: each of its bytes would be an entry.
        Raises ValueError for any other damage.
        """
        left, done = number, 0
        # The beginning of an entry, and the bytes after a long one.
        rest = after_long = b""
        windows = chain.from_iterable(in_pieces(piece, PIECE) for piece in pieces)
        while left != 0 and (piece := after_long or next(windows, None)) is not None:
            rest += piece
            after_long = b""
            if left is None and not done and is_small_integer(rest[0]):
                break
            if len(rest) > self._limits.record + PIECE:
                after_long, end = yield from self._add_long_entry(rest, windows)
                rest = b""
                found = [end]
            else:
                try:
                    found = value_ends(rest, left)
                except ValueError:
                    if left is not None:
                        raise
                    break
                if found:
                    yield from self._add_whole_entries(rest, found)
                    rest = rest[found[-1] :]
            if found:
                done += found[-1]
            left = left if left is None else left - len(found)
            yield
        if left:
            raise ValueError("an entry has no end")
        if left is None and rest:
            yield from self._add_rest_as_text(rest, windows)
        return done

    def _add_rest_as_text(
        self, rest: bytes, windows: Iterator[Buffer]
    ) -> Generator[None, None, None]:
        """Add a rest that is no entry as text. Raises ValueError if it is longer than a record."""
        while len(rest) <= self._limits.record:
            piece = next(windows, None)
            if piece is None:
                self._add_text_record(rest)
                return
            rest += piece
            yield
        raise ValueError("more than a record is damaged")

    def _add_whole_entries(
        self, entries: bytes, found: Sequence[int]
    ) -> Generator[None, None, None]:
        """Add whole entries. found: where each of them ends."""
        # Entries longer than two pieces contain a long record: then each becomes a line by itself.
        lines = self._entries_as_lines(entries[: found[-1]]) if found[-1] <= 2 * PIECE else None
        if lines is not None:
            self._records.add_whole_lines(*lines)
            return
        view, size = memoryview(entries), 0
        for start, end in pairwise([0, *found]):
            yield from self._add_entry(view[start:end])
            size += end - start
            if self._records.should_yield_once or size > _TURN:
                size = 0
                yield

    def _entries_as_lines(self, entries: bytes) -> tuple[bytes, int] | None:
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
                stamp, last = times.seconds_as_rfc3339(time) or time, None
            elif type(time) is not int:
                return None
            elif time != last:
                stamp, last = times.seconds_as_rfc3339(time) or time, time
            name, name_of_tag = "time", "tag"
            while name in record:
                name = f"_{name}"
            while name_of_tag in record:
                name_of_tag = f"_{name_of_tag}"
            found.append({**record, name: stamp, name_of_tag: tag})
        lines = json_object_lines(found, self._limits.record, _time_text)
        return None if lines is None else (lines, len(found))

    def _add_long_entry(
        self, entry: bytes, windows: Iterator[Buffer]
    ) -> Generator[None, None, tuple[bytes, int]]:
        """Add an entry that may be longer than a line; return the bytes after it, and its length."""
        held = bytearray(entry)
        finder = ValueEndFinder(self._limits.event)
        end = finder.length_if_whole(held)
        while not end:
            piece = next(windows, None)
            if piece is None:
                raise ValueError("an entry has no end")
            held += piece
            end = finder.length_if_whole(piece)
            yield
        view = memoryview(held)
        yield from self._add_entry(view[:end])
        return bytes(view[end:]), end

    def _add_entry(self, entry: memoryview) -> Generator[None, None, None]:
        header = array_header(entry)
        if header is None or header[0] != 2:
            yield from self._add_as_text(entry)
            return
        begin = yield from find_value_end(entry, header[1])
        yield from self.add_pair(entry[header[1] : begin], entry[begin:])

    def add_pair(self, time: memoryview, record: memoryview) -> Generator[None, None, None]:
        """Add an entry; a record that is no map is stored as text."""
        if begins_text(record[0]):
            self._add_text_record(without_ending(unpack_value(record, raw=True)))
            return
        if len(record) > self._limits.record + MUCH_LONGER:
            # The JSON would be too long as well, unless all values are floats. Making it takes seconds, and
            # 20 times its size in memory.
            yield from self._add_as_text(time, record)
            return
        for part in (time, record):
            # With more values than the limit has bytes, its JSON would be longer than the limit.
            if len(part) > self._limits.record and (
                yield from has_more_values(part, self._limits.record)
            ):
                yield from self._add_as_text(time, record)
                return
        line = yield from call_as_long_work(
            partial(self._json_line, time, record), len(time) + len(record)
        )
        if line is None:
            yield from self._add_as_text(time, record)
            return
        if len(line) > self._limits.record:
            self._add_text_record(line)
            return
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

    def _add_as_text(self, *values: memoryview) -> Generator[None, None, None]:
        """Add values as text: as JSON if possible and short enough, else their bytes."""
        size = sum(map(len, values))
        long = size > self._limits.record
        text = (
            None if long else (yield from call_as_long_work(partial(_values_as_json, values), size))
        )
        self._add_text_record(text or b"".join(values))

    def _add_text_record(self, text: bytes) -> None:
        self._records.as_text += bool(text)
        self._records.add(text, structured=False)


def _as_rfc3339(value: Any) -> Any:
    """Return a time as RFC 3339 text; a value that is no time, or out of range, stays unchanged."""
    if isinstance(value, (str, msgpack.Timestamp)):
        return _time_text(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return times.seconds_as_rfc3339(value) or value
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

    `json_object_line` then escapes the bytes as msgpack would, but lets other threads run in between.
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
        text = times.nanoseconds_as_rfc3339(*_EVENT_TIME.unpack(data))
        return _EventTimeText(text)
    return base64.b64encode(data).decode("ascii")


def _time_text(value: Any) -> str:
    """Return the text of a time; raise TypeError for any other value."""
    if isinstance(value, msgpack.Timestamp):
        text = times.nanoseconds_as_rfc3339(value.seconds, value.nanoseconds)
        return str(value.seconds) if text is None else text
    return str(value) if isinstance(value, str) else refuse_unknown(value)


_HOW: dict[str, Any] = {
    "strict_map_key": True,
    "unicode_errors": "backslashreplace",
    "ext_hook": _extension_value,
}
