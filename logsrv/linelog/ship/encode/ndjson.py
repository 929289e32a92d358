"""Stored lines as our HTTP API writes them, objects of JSON without positions; and for Kafka (sans-IO).

The key of a message is the host of the sender: Kafka keeps the order of what has the same key, so the lines
of a machine stay in their order, also when it connects anew, and machines spread over partitions. A sender
without an address, such as one of this machine, has its whole source as a key. The value is such an object;
the time is TIME.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import orjson

from logsrv.linelog.fields.record import Record
from logsrv.linelog.read.render import described, safe_json
from logsrv.linelog.ship.encode.outgoing import Outgoing


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


_MICROSECONDS = 1000
# The numbers of errors are those of the protocol; negative ones are of librdkafka itself.
REFUSED = frozenset({2, 10, 18, 32, 87})
"""CORRUPT_MESSAGE, MSG_SIZE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, INVALID_RECORD."""
SETTLED = frozenset({3, 17, 29, 31, 33, 34, 53, 58, -188, -190, -169, -181})
"""An unknown topic, one that may not be written to, a login or a certificate that is refused."""


class KafkaMessage(NamedTuple):
    """A message. moment: milliseconds since 1970; 0 where a line has no time."""

    key: bytes
    value: bytes
    moment: int


def kafka_messages(lines: Sequence[bytes]) -> list[KafkaMessage]:
    """Return a message for each of some lines, at least one."""
    outgoing = Outgoing(lines)
    columns = outgoing.parts, outgoing.sources, objects(lines), outgoing.moments
    return [
        KafkaMessage((parts.host or source).encode(), value, max(moment, 0) // _MICROSECONDS)
        for parts, source, value, moment in zip(*columns, strict=True)
    ]
