"""Stored lines as a push of Loki's, and what its refusals say (sans-IO).

Labels are few, because each set of them is a stream of its own: `job`, the name of the listener, the host
of the sender, the level. Hosts beyond MOST_HOSTS are one. The line is MESSAGE.

Loki keeps a line once that comes again with the same time in the same stream. Lines that are equal in all
of this, though there were several, get nanoseconds of their own; so what is sent again is not doubled.
"""

from __future__ import annotations

import re
from datetime import datetime

import orjson

from logsrv.linelog.fields.source import Source
from logsrv.linelog.ship.encode.outgoing import Outgoing

MOST_HOSTS = 1000
OTHERS = "others"
"""The label of all hosts beyond those."""
_JOB = "logsrv"
_NANOSECONDS = 1000
# Loki takes the other lines of a push of which it refuses some for their time.
_BY_TIME = ("too far behind", "timestamp too old", "timestamp too new", "out of order")
_OLDEST = re.compile(r"oldest acceptable timestamp is: ([0-9T:.+-]{19,40}Z?)")
_NUMBER = re.compile(r"total ignored: ([0-9]{1,9}) out of")


class LokiEncoder:
    """Makes pushes to one Loki: it knows which hosts have had a label."""

    def __init__(self, most_hosts: int = MOST_HOSTS) -> None:
        self._most_hosts = most_hosts
        self._hosts: set[str] = set()

    def push(self, lines: Outgoing) -> bytes:
        """Return the body of a push."""
        streams: dict[tuple[Source, str | None], list[list[str]]] = {}
        seen: dict[tuple[Source, str | None, int, str], int] = {}
        columns = lines.parts, lines.levels, lines.moments, lines.texts
        for parts, level, moment, text in zip(*columns, strict=True):
            # The port is none of the labels.
            key = parts._replace(port=None), level
            same = (*key, moment, text)
            again = seen[same] = seen.get(same, -1) + 1
            nanoseconds = moment * _NANOSECONDS + again % _NANOSECONDS
            streams.setdefault(key, []).append([str(nanoseconds), text])
        pushed = [
            {"stream": self._labels(*key), "values": values} for key, values in streams.items()
        ]
        return orjson.dumps({"streams": pushed})

    def _labels(self, parts: Source, level: str | None) -> dict[str, str]:
        labels: dict[str, str | None] = {
            "job": _JOB,
            "listener": parts.name,
            "host": parts.host and self._host(parts.host),
            "level": level,
        }
        return {name: value for name, value in labels.items() if value}

    def _host(self, host: str) -> str:
        if host not in self._hosts:
            if len(self._hosts) >= self._most_hosts:
                return OTHERS
            self._hosts.add(host)
        return host


def refused_by_time(said: str, lines: Outgoing) -> int:
    """Return how many lines Loki has refused for their time, as far as it says; 0 for another reason.

    said: its answer with the status 400.
    """
    if not any(reason in said for reason in _BY_TIME):
        return 0
    if numbers := _NUMBER.findall(said):
        return min(sum(map(int, numbers)), len(lines))
    oldest = [_moment(text) for text in _OLDEST.findall(said)]
    limit = max((moment for moment in oldest if moment is not None), default=None)
    older = 0 if limit is None else sum(moment < limit for moment in lines.moments)
    return older or 1


def _moment(text: str) -> int | None:
    """Return microseconds since 1970."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        return None
