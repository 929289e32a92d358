"""Stored lines as syslog messages, for the targets `syslog:` and `relp:` (no I/O).

A line that was received as syslog is sent unchanged if its header has a time and a host. If its header is
of RFC 5424 and has `-` for one of these, it gets TIME or the host of the sender. If it is of RFC 3164 and
has no host, it becomes RFC 5424 with the same priority, program and text; otherwise its receiver would take
our host for the sender.
Every other line becomes the text of a message of this form:

    <PRI>1 TIME HOSTNAME APP-NAME PROCID - - MESSAGE

PRI has the facility `user`, and the level of the line or `notice` if it has none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from logsrv.linelog.fields.forms.header_words import FACILITIES
from logsrv.linelog.fields.forms.syslog.one import parse_syslog_header
from logsrv.linelog.fields.level_names import BY_SYSLOG
from logsrv.linelog.fields.outgoing import OutgoingLines

_USER = 1
_NOTICE = 5
_SEVERITIES = {level: severity for severity, level in BY_SYSLOG.items()}
_PRIORITIES: dict[str | None, bytes] = {
    level: b"<%d>1" % (8 * _USER + severity) for level, severity in _SEVERITIES.items()
} | {None: b"<%d>1" % (8 * _USER + _NOTICE)}
_FACILITIES = {name: number for number, name in enumerate(FACILITIES)}
_PRIORITY = rb"<(?:0|[1-9][0-9]?|1[0-8][0-9]|19[01])>"
_MONTH = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_RFC5424 = re.compile(
    _PRIORITY + rb"1 (?:-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[!-~]+) [!-~]+ [!-~]+ [!-~]+ [!-~]+ [\[-]"
).match
# The beginning of a message of RFC 5424 that has a time and a host.
_IS_WHOLE = re.compile(
    _PRIORITY + rb"1 [0-9]{4}-[0-9]{2}-[0-9]{2}T[!-~]+ (?!- )[!-~]+ [!-~]+ [!-~]+ [!-~]+ [\[-]"
).match
# The beginning of a message of RFC 3164; its time has the name of a month, as most senders write it.
_RFC3164 = re.compile(
    _PRIORITY + _MONTH + rb" [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [A-Za-z0-9][A-Za-z0-9._-]*"
    rb" [^ :\[\]]{1,48}(?:\[[^ \]]{0,128}\])?: "
).match
_NO_NAME = re.compile(rb"[^!-~]")
_LONGEST_HOST, _LONGEST_APP, _LONGEST_PID = 255, 48, 128
_NONE = b"-"


def syslog_messages(lines: Sequence[bytes]) -> list[bytes]:
    """Return one message for each stored line; there must be a line."""
    outgoing = OutgoingLines(lines)
    messages = outgoing.messages
    # Only the other messages, which are not sent unchanged, need parsing.
    others = [
        row
        for row, message in enumerate(messages)
        if message[:1] != b"<" or not (_RFC3164(message) or _IS_WHOLE(message))
    ]
    if not others:
        return messages
    if len(others) == len(messages):
        return _add_missing_headers(outgoing)
    made = _add_missing_headers(OutgoingLines([lines[row] for row in others]))
    for row, message in zip(others, made, strict=True):
        messages[row] = message
    return messages


def _add_missing_headers(lines: OutgoingLines) -> list[bytes]:
    columns = (
        lines.time_bytes,
        lines.hostnames,
        lines.apps,
        lines.pids,
        lines.levels,
        lines.messages,
    )
    return [
        b"%b %b%b%b"
        % (_PRIORITIES[level], time, _rfc5424_header_after_time(hostname, app, pid), message)
        if message[:1] != b"<"
        else _complete_rfc5424(message, time, hostname)
        if _RFC5424(message)
        else _make_rfc5424(message, time, level, hostname, app, pid)
        for time, hostname, app, pid, level, message in zip(*columns, strict=True)
    ]


def _complete_rfc5424(message: bytes, time: bytes, hostname: str | None) -> bytes:
    """Return a message of RFC 5424, with a time and a host instead of `-`."""
    priority, when, where, rest = message.split(b" ", 3)
    when = time if when == _NONE else when
    where = _header_name(hostname, _LONGEST_HOST) if where == _NONE else where
    return b"%b %b %b %b" % (priority, when, where, rest)


def _make_rfc5424(
    message: bytes,
    time: bytes,
    level: str | None,
    hostname: str | None,
    app: str | None,
    pid: str | None,
) -> bytes:
    priority, text = _parse_priority_and_text(message) or (_PRIORITIES[level], message)
    return b"%b %b%b%b" % (priority, time, _rfc5424_header_after_time(hostname, app, pid), text)


# Most lines repeat the names of an earlier line.
@lru_cache(maxsize=10_000)
def _rfc5424_header_after_time(hostname: str | None, app: str | None, pid: str | None) -> bytes:
    """Return the part of a header after the time: the names and `- -`, with spaces."""
    names = (
        _header_name(hostname, _LONGEST_HOST),
        _header_name(app, _LONGEST_APP),
        _header_name(pid, _LONGEST_PID),
    )
    return b" %b %b %b - - " % names


def _parse_priority_and_text(message: bytes) -> tuple[bytes, bytes] | None:
    """Return priority and text of a message that has a header; None if it has none."""
    header = parse_syslog_header(message)
    if header is None or header.severity is None or not message.startswith(b"<"):
        return None
    facility = _FACILITIES[header.fields["facility"]]
    return b"<%d>1" % (8 * facility + header.severity), header.text


def _header_name(text: str | None, longest: int) -> bytes:
    """Return a name for a header: printable ASCII without spaces, at most `longest` bytes."""
    if not text:
        return _NONE
    return _NO_NAME.sub(b"_", text.encode("utf-8", "backslashreplace"))[:longest]
