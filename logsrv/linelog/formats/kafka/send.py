"""Stored lines as Kafka messages (sans-IO).

The key of a message is the host of the sender. Kafka keeps the order of messages with the same key. So the
lines of a machine stay in order, even over several connections, and the machines are distributed over the
partitions. The key of a sender without an address, such as a local program, is its whole SOURCE. The value
is a JSON object, as in our HTTP API but without a position; the time is TIME.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.read.outgoing_json import line_as_json

_MICROSECONDS = 1000
# The error numbers of the protocol; negative ones are librdkafka's own.
REFUSED = frozenset({2, 10, 18, 32, 87})
"""CORRUPT_MESSAGE, MSG_SIZE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, INVALID_RECORD."""
SETTLED = frozenset({3, 17, 29, 31, 33, 34, 53, 58, -188, -190, -169, -181})
"""Errors that do not pass by themselves: no such topic, no right to it, a refused login or certificate."""


class KafkaMessage(NamedTuple):
    """A message. moment: milliseconds since 1970; a line without TIME has that of the line before, or 0."""

    key: bytes
    value: bytes
    moment: int


def kafka_messages(lines: Sequence[bytes]) -> list[KafkaMessage]:
    """Return one message for each line; there must be a line."""
    outgoing = OutgoingLines(lines)
    columns = outgoing.parsed_sources, outgoing.sources, map(line_as_json, lines), outgoing.moments
    return [
        KafkaMessage((parts.host or source).encode(), value, max(moment, 0) // _MICROSECONDS)
        for parts, source, value, moment in zip(*columns, strict=True)
    ]
