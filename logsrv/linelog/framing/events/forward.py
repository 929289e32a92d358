"""Events of the Forward protocol, version 1, from Fluentd, Fluent Bit and their libraries (sans-IO).

    [tag, time, record]           [tag, [[time, record], …]]        [tag, "the entries, packed"]

A map of options may follow as the last element.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any, TypeAlias

import msgpack

from logsrv.linelog.framing.bodies.bodies import Records, RequestRefused
from logsrv.linelog.framing.bodies.inflated import (
    Buffer,
    UnpackingError,
    bounded,
    in_pieces,
    inflating,
    out_of_zstd,
)
from logsrv.linelog.framing.events.forward_entries import (
    Entries,
    ForwardLimits,
    NoEventError,
    value_of,
)
from logsrv.linelog.framing.events.msgpack_values import array_header, content, end_of, is_text

# An event with a longer tag, or longer options, in bytes, is refused; usual ones have a few dozen.
LONGEST_TAG = 4096
MOST_OPTIONS = 64 << 10
_NIL = b"\xc0"
_LOGS = 0
# The work on an event: each step adds records, other peers are served between two steps, and the result is
# the acknowledgement for the sender, b"" if it asked for none.
EventSteps: TypeAlias = Generator[None, None, bytes]


def event(value: bytes | bytearray, limits: ForwardLimits, records: Records) -> EventSteps:
    """Add the records of one event, a whole MessagePack value, to `records`. Raises NoEventError.

    A nil has no records: Fluentd sends it to keep a connection alive.
    """
    if value == _NIL:
        return b""
    try:
        return (yield from _event(memoryview(value), limits, records))
    except RequestRefused as refusal:
        raise NoEventError(f"an event is too large: {refusal}", refusal.reason) from None
    except UnpackingError as error:
        raise NoEventError(f"an event cannot be unpacked: {error}", "unpacking") from error
    except (ValueError, TypeError, IndexError, RecursionError) as error:
        raise NoEventError("an event is damaged") from error


def _event(value: memoryview, limits: ForwardLimits, records: Records) -> EventSteps:
    header = array_header(value)
    if header is None or not 2 <= header[0] <= 4:
        raise NoEventError("it sent no event: neither [tag, time, record] nor [tag, entries]")
    parts, start = header
    at = yield from end_of(value, start)
    entries = Entries(_tag(value[start:at]), limits, records)
    several = array_header(value[at:])
    packed = is_text(value[at])
    options = parts - (2 if packed or several else 3)
    if not 0 <= options <= 1:
        raise NoEventError("an event has too many parts, or too few")
    if several:
        number, begin = several
        end = at + begin + (yield from entries.add([value[at + begin :]], number))
    else:
        end = yield from end_of(value, at)
    if not (packed or several):
        time, begin = value[at:end], end
        end = yield from end_of(value, begin)
        yield from entries.add_one(time, value[begin:end])
    asked = _options(value[end:]) if options else {}
    if packed:
        way = asked.get("compressed")
        # Check the unpacked size before the first record is made: lines take up to four times as much.
        for _ in _unpacked(value[at:end], way, limits):
            yield
        yield from entries.add(_unpacked(value[at:end], way, limits))
    if asked.get("fluent_signal", _LOGS) != _LOGS:
        raise NoEventError("an event has metrics or traces; only logs are stored", "no_logs")
    chunk = asked.get("chunk")
    if not isinstance(chunk, (str, bytes)):
        return b""
    return bytes(msgpack.packb({"ack": chunk}))


def _tag(part: memoryview) -> str:
    if not is_text(part[0]) or len(part) > LONGEST_TAG:
        raise NoEventError(f"an event has no tag, or one of more than {LONGEST_TAG} bytes")
    return _as_str(value_of(part))


def _as_str(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "backslashreplace")


def _options(part: memoryview) -> dict[str, Any]:
    if part.nbytes > MOST_OPTIONS:
        raise NoEventError(f"the options of an event have more than {MOST_OPTIONS} bytes")
    options = value_of(part)
    if options is None:
        return {}
    if not isinstance(options, dict):
        raise NoEventError("the options of an event are no map")
    return {_as_str(key): value for key, value in options.items() if isinstance(key, (str, bytes))}


def _unpacked(part: memoryview, compressed: object, limits: ForwardLimits) -> Iterator[Buffer]:
    """Yield the content of packed entries in pieces. Raises UnpackingError and NoEventError."""
    data = content(part)
    way = _as_str(compressed) if isinstance(compressed, (str, bytes)) else compressed
    if way in (None, "text"):
        return iter((data,))
    if way == "gzip":
        return bounded(inflating(in_pieces(data)), limits.event)
    if way == "zstd":
        return bounded(out_of_zstd(data), limits.event)
    raise NoEventError("an event is compressed in a way that is unknown here", "unpacking")
