"""Events of the Forward protocol, version 1: what Fluentd, Fluent Bit and their libraries send (sans-IO).

    [tag, time, record]           [tag, [[time, record], …]]        [tag, "the entries, packed"]

each with a map of options behind it, or without.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

import attrs
import msgpack

from logsrv.linelog.framing import times
from logsrv.linelog.framing.inflated import UnpackingError, from_zstd, inflated
from logsrv.linelog.framing.json_made import in_base64, made, unknown
from logsrv.linelog.framing.msgpack_values import crowded, cut, elements
from logsrv.linelog.framing.records import Run, in_runs, without_ending

# Bytes of a tag, and of the options with the name of a chunk: theirs have a few dozen.
LONGEST_TAG = 4096
MOST_OPTIONS = 64 << 10
# Times as many bytes as an event may have unpacked that its lines may have: each has the tag, and a time.
_GROWTH = 4
_NIL = b"\xc0"
_MOST_PARTS = 4
_EVENT_TIME = struct.Struct(">II")
_LOGS = 0


class NoEventError(Exception):
    """Bytes that are no event, or not one that can be taken; `reason` is for the metrics."""

    def __init__(self, sentence: str, reason: str = "protocol") -> None:
        super().__init__(sentence)
        self.reason = reason


@attrs.frozen
class Limits:
    """Limits of what is taken. record: bytes of a line. event: bytes of an event, unpacked as well."""

    record: int
    event: int


@attrs.frozen
class Event:
    """The records of an event, and what its sender waits for: b"" if it waits for nothing.

    as_text: how many of them are text where a map belongs.
    """

    records: Sequence[Run]
    acknowledgement: bytes
    as_text: int = 0


class _Stamp(str):
    """The text of a time, which its sender had as one."""

    __slots__ = ()


def event_of(value: bytes, limits: Limits) -> Event:
    """Return the event that a whole MessagePack value is. Raises NoEventError.

    A nil has no records: Fluentd keeps its connections alive with it.
    """
    if value == _NIL:
        return Event((), b"")
    try:
        return _event(value, limits)
    except UnpackingError as error:
        raise NoEventError(f"an event cannot be unpacked: {error}", "unpacking") from error
    except (ValueError, TypeError, RecursionError) as error:
        raise NoEventError("an event is damaged") from error


def _event(value: bytes, limits: Limits) -> Event:
    parts = _few(value)
    if not 2 <= len(parts) <= _MOST_PARTS:
        raise NoEventError("what came is no event: neither [tag, time, record] nor [tag, entries]")
    tag = _tag(parts[0])
    first = parts[1][0]
    packed = _is_text(first)
    entries = None if packed else elements(parts[1])
    without_options = 2 if packed or entries is not None else 3
    if not 0 <= len(parts) - without_options <= 1:
        raise NoEventError("an event has too many parts, or too few")
    options = _options(parts[-1]) if len(parts) > without_options else {}
    chunk = options.get("chunk")
    acknowledgement = msgpack.packb({"ack": chunk}) if isinstance(chunk, (str, bytes)) else b""
    if options.get("fluent_signal", _LOGS) != _LOGS:
        raise NoEventError("an event has metrics or traces; only logs are stored", "no_logs")
    pairs: Iterator[tuple[memoryview, memoryview]]
    if packed:
        pairs = _pairs(cut(_unpacked(parts[1], options.get("compressed"), limits)))
    elif entries is not None:
        pairs = _pairs(entries)
    else:
        pairs = iter(((parts[1], parts[2]),))
    records, as_text = _records(pairs, tag, limits, bool(acknowledgement))
    return Event(tuple(in_runs(records)), acknowledgement, as_text)


def _is_text(code: int) -> bool:
    return code & 0xE0 == 0xA0 or 0xC4 <= code <= 0xC6 or 0xD9 <= code <= 0xDB


def _tag(part: memoryview) -> str:
    if not _is_text(part[0]) or len(part) > LONGEST_TAG:
        raise NoEventError(f"an event has no tag, or one of more than {LONGEST_TAG} bytes")
    return _text(_value(part))


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _options(part: memoryview) -> dict[str, Any]:
    if part.nbytes > MOST_OPTIONS:
        raise NoEventError(f"the options of an event have more than {MOST_OPTIONS} bytes")
    options = _value(part)
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise NoEventError("the options of an event are no map")
    return {_text(key): value for key, value in options.items() if isinstance(key, (str, bytes))}


def _unpacked(part: memoryview, compressed: object, limits: Limits) -> bytes:
    data = _value(part, raw=True)
    assert isinstance(data, bytes)
    way = _text(compressed) if isinstance(compressed, (str, bytes)) else compressed
    if way in (None, "text"):
        return data
    if way == "gzip":
        return inflated(data, limits.event)
    if way == "zstd":
        return from_zstd(data, limits.event)
    raise NoEventError("an event is compressed in a way that is unknown here", "unpacking")


def _few(array: bytes | memoryview) -> list[memoryview]:
    """Return the elements of an array, not many more than any event has; none if it is no array."""
    return list(islice(elements(array) or (), _MOST_PARTS + 1))


def _pairs(
    entries: Iterator[memoryview],
) -> Iterator[tuple[memoryview, memoryview]]:
    for entry in entries:
        pair = _few(entry)
        if len(pair) != 2:
            raise NoEventError("an entry of an event is no pair of a time and a record")
        yield pair[0], pair[1]


def _records(
    pairs: Iterator[tuple[memoryview, memoryview]], tag: str, limits: Limits, chunked: bool
) -> tuple[list[tuple[bytes, bool]], int]:
    """Return each record and whether it is structured, and how many are text where a map belongs."""
    found: list[tuple[bytes, bool]] = []
    as_text = 0
    size, most = 0, _GROWTH * limits.event
    for time, record in pairs:
        if _is_text(record[0]):
            line, structured = without_ending(_value(record, raw=True)), False
            as_text += 1
        else:
            line = _line(time, record, tag, limits)
            structured = len(line) <= limits.record
            if chunked and not structured:
                raise NoEventError(f"a record is longer than {limits.record} bytes", "oversize")
        size += len(line)
        if size > most:
            raise NoEventError(f"an event becomes lines of more than {most} bytes", "oversize")
        found.append((line, structured))
    return found, as_text


def _line(time: memoryview, record: memoryview, tag: str, limits: Limits) -> bytes:
    """Return a record as JSON, with its time, its tag and Fluent Bit's metadata."""
    for part in (time, record):
        # As many values as bytes are the most that a record within its limit can have.
        if len(part) > limits.record and crowded(part, limits.record):
            raise NoEventError(f"a record has more than {limits.record} values", "oversize")
    stamp, fields = _value(time), _value(record)
    ours: dict[str, Any] = {}
    metadata = None
    if isinstance(stamp, list):
        if len(stamp) != 2 or not isinstance(stamp[1], dict):
            raise NoEventError("an entry of an event has neither a time nor one with metadata")
        stamp, metadata = stamp
    if not isinstance(fields, dict):
        raise NoEventError("a record of an event is no map")
    if stamp is not None:
        ours["time"] = _time(stamp)
    ours["tag"] = tag
    if metadata:
        ours["metadata"] = metadata
    return made(fields, ours, _known)


def _time(value: Any) -> Any:
    """Return a time as it is stored: a number that no calendar has stays one."""
    if isinstance(value, (str, msgpack.Timestamp)):
        return _known(value)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return times.of_seconds(value) or value
    raise NoEventError("an entry of an event has no time")


def _value(part: bytes | memoryview, raw: bool = False) -> Any:
    """Unpack a whole value. Raises ValueError and TypeError for what only looks like one."""
    how: dict[str, Any] = {
        "raw": raw,
        "strict_map_key": False,
        "unicode_errors": "backslashreplace",
        "ext_hook": _extended,
    }
    try:
        return msgpack.unpackb(part, **how)
    except TypeError:
        # A key may be an array or a map, which no dict has.
        return msgpack.unpackb(part, object_pairs_hook=_with_any_keys, **how)


def _with_any_keys(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    """Return a dict; a key that cannot be one is text: its JSON."""
    return {
        made({"": key}, {}, _known).decode()[4:-1] if isinstance(key, (dict, list)) else key: value
        for key, value in pairs
    }


def _extended(code: int, data: bytes) -> Any:
    if code == 0 and len(data) == _EVENT_TIME.size:
        text = times.of_nanoseconds(*_EVENT_TIME.unpack(data))
        return _Stamp(text)
    return in_base64(data)


def _known(value: Any) -> str:
    """Return the text of a time."""
    if isinstance(value, msgpack.Timestamp):
        text = times.of_nanoseconds(value.seconds, value.nanoseconds)
        return str(value.seconds) if text is None else text
    return str(value) if isinstance(value, str) else unknown(value)
