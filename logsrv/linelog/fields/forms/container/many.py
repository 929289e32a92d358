"""Find lines of containers among many; their fields are read with those of syslog (`syslog/many.py`)."""

from __future__ import annotations

import numpy

from logsrv.linelog.fields.byte_arrays import Array, rows_at

CRI_LINE = (
    rb"(?P<timestamp>[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
    rb"(?:Z|[+-][0-9]{2}:[0-9]{2})) std(?:out|err) [PF] (?P<text>\{[^\n]*|[^[\n]*)"
)
"""A line of containerd and CRI-O. With a bracket, it may have another header behind the time."""
_SPACE = ord(" ")
# The bytes of a line between the shortest time and the last offset where a container's text begins.
_AFTER_ISO_TIME, _CONTAINER_TIME = 20, 24


def are_of_containers(raw: Array, messages: Array) -> Array:
    """Return which of these messages, with a time of RFC 3339, may be lines of containers."""
    whole = messages + _AFTER_ISO_TIME + _CONTAINER_TIME <= len(raw)
    found: Array = ~whole
    rows = rows_at(raw, messages[whole] + _AFTER_ISO_TIME, _CONTAINER_TIME)
    nanoseconds = (rows[:, :9] - numpy.uint8(ord("0")) < 10).all(1)
    after_space, next_byte = rows[:, 1:-1], rows[:, 2:]
    begins = rows[:, :-2] == _SPACE
    begins &= ((after_space == ord("s")) & (next_byte == ord("t"))) | (after_space == ord("{"))
    found[whole] = nanoseconds | begins.any(1)
    return found
