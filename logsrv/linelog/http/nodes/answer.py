"""Lines of an answer of `/api/search`, checked: a node may send anything (no I/O)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from logsrv.kit.text.escape import one_line
from logsrv.kit.text.outside_json import parse_json
from logsrv.linelog.store.segments.segment import Position, parse_position

_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z", re.ASCII)
_SOURCE = re.compile(r"[^ \n]+")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class NodeLine(NamedTuple):
    """A line of a node.

    moment: its TIME in microseconds since 1970. line: it as a store has it, `TIME SOURCE MESSAGE`,
    without LF. Bytes that are not UTF-8 are in it as `\\xNN`, as in every answer of the API.
    """

    moment: int
    line: bytes
    position: Position


class NotALine(ValueError):
    """The answer has something else in it; the text says what, as the end of a sentence."""


def moment_of(time: str) -> int:
    """Return a TIME in microseconds since 1970. Raises ValueError."""
    if not _TIME.fullmatch(time):
        raise ValueError(time)
    return (datetime.fromisoformat(time) - _EPOCH) // _MICROSECOND


def time_of(moment: int) -> str:
    found = _EPOCH + timedelta(microseconds=moment)
    return found.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_line(data: bytes, before: int) -> NodeLine:
    """Return the line of an object as the API has it. Raises NotALine.

    before: the moment of the line before it, which a line without a TIME takes.
    """
    try:
        found = parse_json(data)
    except (ValueError, RecursionError):
        raise NotALine("it answers with something that is no line of JSON") from None
    if not isinstance(found, dict):
        raise NotALine("it answers with something that is no line of a log")
    if "error" in found and "position" not in found:
        raise NotALine(f"it says: {one_line(str(found['error']), 300)}")
    return line_of(found, before)


def line_of(found: dict[str, Any], before: int) -> NodeLine:
    """Return the line of an object that was parsed. Raises NotALine."""
    try:
        time: Any = found.get("time")
        source: Any = found.get("source")
        message: Any = found.get("message")
        position = parse_position(found["position"])
        if time is None and source is None:
            moment, head = before, ""
        else:
            moment, head = moment_of(time), f"{time} {source} "
            if not _SOURCE.fullmatch(source):
                raise ValueError
        # A store has no LF in a line; here one would make two of it.
        text = head + message.replace("\n", "\\x0a")
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NotALine("it answers with something that is no line of a log") from None
    return NodeLine(moment, text.encode("utf-8", "backslashreplace"), position)
