"""Stored lines as our HTTP API writes them: an object of JSON in each line, without positions (sans-IO)."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from logsrv.linelog.fields.record import Record
from logsrv.linelog.read.render import described, safe_json


def ndjson(lines: Sequence[bytes]) -> bytes:
    """Return an object for each line, with LFs."""
    return b"\n".join([*objects(lines), b""])


def objects(lines: Sequence[bytes]) -> list[bytes]:
    """Return an object for each line."""
    return [_object(line) for line in lines]


def _object(line: bytes) -> bytes:
    document = described(Record(line))
    try:
        return orjson.dumps(document)
    except TypeError:
        # Integers beyond 64 bits, half of a surrogate pair.
        return safe_json(document).encode()
