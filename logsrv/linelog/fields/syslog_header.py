"""Parse the syslog header of a message: RFC 5424, or RFC 3164 as senders really write it.

Also parses the headers that syslog daemons write to files, without a priority:
`Nov 20 06:18:42 HOST APP[PID]: TEXT`, or with a time of RFC 3339.

Values keep the sender's text: `timestamp` is not parsed. A part that is `-`, or omitted, is a missing
field.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logsrv.kit.text.quoted_text import pattern_until
from logsrv.linelog.fields.level import canonical_level
from logsrv.linelog.fields.stored import decode_stored

FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news"),
    *("uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock"),
    *(f"local{number}" for number in range(8)),
)
SEVERITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
NAMES = frozenset(
    ("facility", "severity", "app", "pid", "msgid", "hostname", "timestamp", "text"),
)
"""The fields of a header; those of structured data have other names, with a dot."""

_PRIORITY = re.compile(rb"<([0-9]{1,3})>")
_RFC5424 = re.compile(
    rb"[1-9][0-9]{0,2} (-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)(?: |\Z)"
)
_VALUE = pattern_until('"').encode()
# Senders forget to escape a bracket inside quotes: only a quote ends a value.
_ELEMENT = re.compile(rb'\[([^ =\]"]+)((?: +[^ =\]"]+="' + _VALUE + rb'")*) *\]')
_PARAM = re.compile(rb' +([^ =\]"]+)="(' + _VALUE + rb')"')
_ESCAPED = re.compile(rb'\\(["\\\]])')
_TIME = re.compile(
    rb"((?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9]?[0-9](?: [0-9]{4})?"
    rb" [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?"
    rb"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[^ ]*):? +"
)
_TAG = re.compile(rb"([A-Za-z_/.(][^\s:\[\]=\"]{0,127})(?:\[([^\]\s]{0,128})\]:?|:)(?: |\Z)")
# macOS has tags of several words: `Microsoft Word[14463]:`.
_TAG_OF_WORDS = re.compile(
    rb"([A-Za-z_][^\s:\[\]=\"]{0,63}(?: [A-Z0-9(][^\s:\[\]=\"]{0,63}){1,4})\[([0-9]{1,10})\]:?(?: |\Z)"
)
_HOST = re.compile(rb"([^\s:\[\]=\"]+(?::[^\s\[\]=\"]*[^\s\[\]=\":])?) +")
# A header without a priority: stricter rules, because a program's own line may begin with a time, too.
IN_FILES = (
    r"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2}))"
    r" [A-Za-z0-9][A-Za-z0-9._-]* [A-Za-z_/.(]"
)
"""The beginning of a header without a priority. No stamp of the store matches: each source has a colon."""
_IN_FILES = re.compile(IN_FILES.encode())


class SyslogHeader(NamedTuple):
    """A parsed header and the text after it."""

    fields: dict[str, str]
    severity: int | None
    """The severity from 0, emerg, to 7, debug; None without a priority."""
    text: bytes
    """The text after the header, without a NUL at its end."""


def parse_syslog_header(message: bytes) -> SyslogHeader | None:
    """Return the header at the beginning of `message`, or None."""
    if not message.startswith(b"<"):
        return _header_in_file(message) if _IN_FILES.match(message) else None
    priority = _PRIORITY.match(message)
    if priority is None or int(priority[1]) > 191:
        return None
    facility, severity = divmod(int(priority[1]), 8)
    fields = {"facility": FACILITIES[facility], "severity": SEVERITIES[severity]}
    new = _RFC5424.match(message, priority.end())
    if new:
        rest = _add_rfc5424(message, new, fields)
    else:
        rest = _add_rfc3164(message, priority.end(), fields)
    return _make_header(message, rest, fields, severity)


def _header_in_file(message: bytes) -> SyslogHeader | None:
    """Return a header without a priority.

    None without a host or an app, or if one of them is a level, as in `TIME ERROR db: …`.
    """
    fields: dict[str, str] = {}
    rest = _add_rfc3164(message, 0, fields)
    names = (fields.get("hostname"), fields.get("app"))
    if any(name is None or canonical_level(name) for name in names):
        return None
    return _make_header(message, rest, fields, None)


def _make_header(
    message: bytes, rest: int, fields: dict[str, str], severity: int | None
) -> SyslogHeader:
    # Python's SysLogHandler ends each message with a NUL. It is stored as the four characters `\x00`, with
    # --raw as a NUL.
    text = message[rest:].removesuffix(rb"\x00").removesuffix(b"\0")
    fields["text"] = decode_stored(text)
    return SyslogHeader(fields, severity, text)


def _add_rfc5424(message: bytes, header: re.Match[bytes], fields: dict[str, str]) -> int:
    """Add the fields of an RFC 5424 header; return the offset of the text."""
    names = ("timestamp", "hostname", "app", "pid", "msgid")
    for name, value in zip(names, header.groups(), strict=True):
        if value != b"-":
            fields[name] = decode_stored(value)
    at = header.end()
    if message.startswith(b"-", at) and message[at + 1 : at + 2] in (b" ", b""):
        at += 1
    else:
        while element := _ELEMENT.match(message, at):
            prefix = decode_stored(element[1])
            for name, value in _PARAM.findall(element[2]):
                text = _ESCAPED.sub(rb"\1", value)
                if text != b"-":
                    fields[f"{prefix}.{decode_stored(name)}"] = decode_stored(text)
                else:
                    fields.pop(f"{prefix}.{decode_stored(name)}", None)
            at = element.end()
    if message.startswith(b" ", at):
        at += 1
    if message.startswith(b"\xef\xbb\xbf", at):
        at += 3
    return at


def _add_rfc3164(message: bytes, at: int, fields: dict[str, str]) -> int:
    """Add the fields of an RFC 3164 header; return the offset of the text.

    Programs on the same machine omit the host, some also the time; a word is a tag only if a colon or a
    PID in brackets follows it.
    """
    time = _TIME.match(message, at)
    host = None
    if time:
        fields["timestamp"] = decode_stored(time[1])
        at = time.end()
        host = None if _TAG.match(message, at) else _HOST.match(message, at)
        if host:
            fields["hostname"] = decode_stored(host[1])
            at = host.end()
    tag = _TAG.match(message, at) or (host and _TAG_OF_WORDS.match(message, at))
    if tag:
        fields["app"] = decode_stored(tag[1])
        if tag[2]:
            fields["pid"] = decode_stored(tag[2])
        at = tag.end()
    return at
