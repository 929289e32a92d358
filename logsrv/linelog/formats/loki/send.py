"""Stored lines as a push to Loki, and the reading of its refusals (sans-IO).

There are few labels, because each set of labels is a separate stream: `job`, the name of the listener, the
host of the sender, the level. Hosts beyond the first MOST_HOSTS share one label. The line is MESSAGE.

Loki drops a line that repeats the time and text of another line in its stream. Equal lines of one push get
different nanoseconds, so that Loki keeps them all. A push that is sent again has the same nanoseconds, so
that Loki drops the lines that it has already.
"""

from __future__ import annotations

import re
from datetime import datetime

import orjson

from logsrv.linelog.fields.outgoing import OutgoingLines
from logsrv.linelog.fields.stored_line import Source

MOST_HOSTS = 1000
OTHERS = "others"
"""The label of all hosts beyond MOST_HOSTS."""
_JOB = "logsrv"
_NANOSECONDS = 1000
# Words in an answer: Loki has refused some lines of a push because of their time, and taken the others.
_BY_TIME = ("too far behind", "timestamp too old", "timestamp too new", "out of order")
_OLDEST = re.compile(r"oldest acceptable timestamp is: ([0-9T:.+-]{19,40}Z?)")
_NUMBER = re.compile(r"total ignored: ([0-9]{1,9}) out of")


class LokiEncoder:
    """Makes the pushes to one Loki, and remembers which hosts have their own label."""

    def __init__(self, most_hosts: int = MOST_HOSTS) -> None:
        self._most_hosts = most_hosts
        self._hosts: set[str] = set()

    def encode_push(self, lines: OutgoingLines) -> bytes:
        """Return the body of a push."""
        streams: dict[tuple[Source, str | None], list[list[str]]] = {}
        seen: dict[tuple[Source, str | None, int, str], int] = {}
        columns = lines.parsed_sources, lines.levels, lines.moments, lines.message_texts
        for parts, level, moment, text in zip(*columns, strict=True):
            # The port is not a label.
            key = parts._replace(port=None), level
            same = (*key, moment, text)
            again = seen[same] = seen.get(same, -1) + 1
            nanoseconds = moment * _NANOSECONDS + again % _NANOSECONDS
            streams.setdefault(key, []).append([str(nanoseconds), text])
        pushed = [
            {"stream": self._stream_labels(*key), "values": values}
            for key, values in streams.items()
        ]
        return orjson.dumps({"streams": pushed})

    def _stream_labels(self, parts: Source, level: str | None) -> dict[str, str]:
        labels: dict[str, str | None] = {
            "job": _JOB,
            "listener": parts.name,
            "host": parts.host and self._host_label(parts.host),
            "level": level,
        }
        return {name: value for name, value in labels.items() if value}

    def _host_label(self, host: str) -> str:
        if host not in self._hosts:
            if len(self._hosts) >= self._most_hosts:
                return OTHERS
            self._hosts.add(host)
        return host


def count_refused_by_time(said: str, lines: OutgoingLines) -> int:
    """Return how many lines Loki has refused because of their time; 0 if it had another reason.

    said: the text of its answer with status 400. Without a number in it, the result is an estimate, at
    least 1.
    """
    if not any(reason in said for reason in _BY_TIME):
        return 0
    if numbers := _NUMBER.findall(said):
        return min(sum(map(int, numbers)), len(lines))
    oldest = [_parse_microseconds(text) for text in _OLDEST.findall(said)]
    limit = max((moment for moment in oldest if moment is not None), default=None)
    older = 0 if limit is None else sum(moment < limit for moment in lines.moments)
    return older or 1


def _parse_microseconds(text: str) -> int | None:
    """Return a time in microseconds since 1970; None if the text is no time."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1_000_000)
    except (ValueError, OverflowError):
        return None
