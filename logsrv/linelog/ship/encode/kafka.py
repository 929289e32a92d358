"""Stored lines as messages of Kafka, and what its errors mean (sans-IO).

The key is the host of the sender: Kafka keeps the order of what has the same key, so the lines of a machine
stay in their order, also when it connects anew, and machines spread over partitions. A sender without an
address, such as one of this machine, has its whole source as a key. The value is an object of JSON, as by
`ndjson+https:`; the time is TIME.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from logsrv.linelog.ship.encode.ndjson import objects
from logsrv.linelog.ship.encode.outgoing import Outgoing

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
