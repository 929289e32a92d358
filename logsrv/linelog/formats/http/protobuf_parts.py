"""Split large protobuf messages by the lengths of their fields, to parse one part at a time (sans-IO)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any

from logsrv.kit.framing.frames import Varint
from logsrv.linelog.lines.bodies import (
    Records,
    RequestRefused,
    malformed_body,
)

PIECE = 256 << 10
# A body is refused if it has more bytes outside its records, which every part repeats, or more fields in a
# message.
_MOST_BESIDE = 1 << 20
_MOST_FIELDS = 2_000_000
# Fields scanned before other peers have a turn.
_STEP = 4096
_LENGTHS = {1: 8, 5: 4}


def message_parts(
    message: bytes, path: Sequence[int], most: int, records: Records
) -> Iterator[bytes | None]:
    """Yield a message in smaller messages of the same kind, and None to let other peers have a turn.

    path: numbers, up to 15, of the repeated fields, from the outside to the inside. A part has some of
    these fields, and all other fields. most: longest record in bytes; an innermost field that could only
    become a longer record is left out and counted in `records`. Raises RequestRefused.
    """
    if len(message) <= PIECE:
        yield message
    else:
        yield from _split_large_message(memoryview(message), path, most, records)


def count_fields(message: memoryview, path: Sequence[int]) -> int:
    """Return how many innermost fields of `path` a message has. Raises RequestRefused."""
    number = 0
    for field in _field_spans(message):
        if field is not None and field[0] == path[0]:
            inside = message[field[2] : field[3]]
            number += count_fields(inside, path[1:]) if path[1:] else 1
    return number


def _split_large_message(
    body: memoryview, path: Sequence[int], most: int, records: Records
) -> Iterator[bytes | None]:
    beside: list[memoryview] = []
    size = 0
    for field in _field_spans(body):
        if field is None:
            yield None
            continue
        number, start, _, stop = field
        if number != path[0]:
            size += stop - start
            if size > _MOST_BESIDE:
                raise RequestRefused(413, "the body has too much beside its records")
            beside.append(body[start:stop])
    rest, tag = b"".join(beside), bytes((path[0] << 3 | 2,))
    yield rest
    begin = end = 0
    for field in _field_spans(body):
        if field is None:
            yield None
            continue
        number, start, content, stop = field
        large = stop - start > PIECE
        if begin < end and (number != path[0] or large or stop - begin > PIECE):
            yield rest + body[begin:end]
            begin = end
        if number != path[0]:
            continue
        if not large:
            begin = begin if begin < end else start
            end = stop
        elif len(path) > 1:
            for part in _split_large_message(body[content:stop], path[1:], most, records):
                yield None if part is None else rest + tag + Varint().pack(part)
        elif stop - start > 4 * most:
            records.count_oversize(stop - start)
        else:
            yield rest + body[start:stop]
    if begin < end:
        yield rest + body[begin:end]


def _field_spans(body: memoryview) -> Iterator[tuple[int, int, int, int] | None]:
    """Yield number, start, start of content, and end of each field; None to let other peers have a turn."""
    at, count = 0, 0
    while at < len(body):
        start = at
        tag, at = _read_varint(body, at)
        kind = tag & 7
        if kind == 2:
            length, at = _read_varint(body, at)
            stop = at + length
        elif kind == 0:
            _, stop = _read_varint(body, at)
        elif kind in _LENGTHS:
            stop = at + _LENGTHS[kind]
        else:
            raise malformed_body("the body is no protobuf message of this kind")
        if stop > len(body):
            raise malformed_body("the body ends in the middle of a field")
        yield tag >> 3, start, at, stop
        at = stop
        count += 1
        if count % _STEP == 0:
            if count > _MOST_FIELDS:
                raise RequestRefused(413, f"a message has more than {_MOST_FIELDS} fields")
            yield None


def _read_varint(body: memoryview, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(body) and shift < 64:
        code = body[at]
        at += 1
        number |= (code & 127) << shift
        if code < 128:
            return number, at
        shift += 7
    raise malformed_body("the body ends in the middle of a field")


def import_extra(module: str, what: str) -> Any:
    """Import a module of the extra `senders`. Raises RequestRefused (501) if it is not installed.

    what: the thing that needs it, in the plural, for the sentence.
    """
    try:
        return import_module(module)
    except ImportError:
        raise RequestRefused(
            501, f"{what} need pip install 'logsrv[senders]' on the server"
        ) from None


def parse_protobuf(kind: Any, body: bytes) -> Any:
    """Parse a protobuf message; kind: its class. Raises RequestRefused (400)."""
    message = kind()
    try:
        message.ParseFromString(body)
    except import_module("google.protobuf.message").DecodeError:
        raise malformed_body("the body is no protobuf message of this kind") from None
    return message
