"""Parse the syslog header of a message: RFC 5424, or RFC 3164 as senders really write it.

Also parses headers without a priority: those that syslog daemons write to files,
`Nov 20 06:18:42 HOST APP[PID]: TEXT`, or with a time of RFC 3339; those of Cisco's devices; and the
prefixes of container runtimes.

Values keep the sender's text: `timestamp` is not parsed. A part that is `-`, or omitted, is a missing
field.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import NamedTuple

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.kit.text.quoted_text import pattern_until
from logsrv.linelog.fields.forms.container.one import BEGIN as BEGIN_CONTAINER
from logsrv.linelog.fields.forms.container.one import parse_container_prefix
from logsrv.linelog.fields.forms.device.one import (
    MNEMONIC,
    HeaderPart,
    match_before_time,
    match_event,
    match_odd_host,
    match_odd_tag,
    match_whole_header,
    parse_device_header,
)
from logsrv.linelog.fields.forms.events.one import APPS, begins_event
from logsrv.linelog.fields.forms.header_words import (
    FACILITIES,
    FACILITY,
    LEVEL,
    MONTH,
    SEVERITIES,
    TAG,
    TAG_OF_WORDS,
    TIME,
    match_host,
    match_host_behind_colon,
    may_be_no_host,
)
from logsrv.linelog.fields.level_names import LEVELS, RANK, is_level_in_header
from logsrv.linelog.fields.level_names import NAMES as NAMES_OF_LEVELS
from logsrv.linelog.fields.stored_line import decode_stored

HEADER_NAMES = frozenset(
    ("facility", "severity", "app", "pid", "msgid", "hostname", "timestamp", "text"),
)
"""The fields of a header; those of structured data have other names, with a dot."""

_PRIORITY = re.compile(rb"<([0-9]{1,3})>")
ANY_PRIORITY = "<[0-9]{1,3}>"
"""A priority, as an expression of RE2."""
_SPACED_TIME = LatePattern(rb" +(?=" + TIME.pattern + rb")")
_RFC5424 = LatePattern(
    rb"[1-9][0-9]{0,2} (-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+)(?: |\Z)"
)
_VALUE = pattern_until('"').encode()
# Senders forget to escape a bracket inside quotes: only a quote ends a value.
_ELEMENT = LatePattern(rb'\[([^ =\]"]+)((?: +[^ =\]"]+="' + _VALUE + rb'")*) *\]')
# One that is not as it should be, with an equals sign; it ends before another one, a space or the end.
_BROKEN_ELEMENT = LatePattern(
    rb"\[(?=[^ =\]\"]+ [^\]\"]*=)(?:(?:[^\"\]]|\"" + _VALUE + rb"\")*\](?=\[| |\Z)|[^ ]*?\](?=\[| )"
    rb"|[^\[\]]*\](?=\[| |\Z))"
)
_PARAM = LatePattern(rb' +([^ =\]"]+)="(' + _VALUE + rb')"')
_ESCAPED = re.compile(rb'\\(["\\\]])')
_LESS = ord("<")
FIRST_OF_HEADERS = b"0123456789[ADFJMNOSTW"
"""A header without a priority begins with one of these, or its line has one of IN_OTHER_HEADERS."""
IN_OTHER_HEADERS = b"%|"
_FIRST = frozenset(FIRST_OF_HEADERS)
_PERCENT, _BAR = (b"%c" % mark for mark in IN_OTHER_HEADERS)
_LEVEL, _FACILITY = rb"(" + LEVEL + rb")", rb"(" + FACILITY + rb")"
# FreeBSD's `<auth.info>` or `<4.6>` before the host.
_BEFORE_HOST = LatePattern(
    rb"<(?:" + _FACILITY + rb"\." + _LEVEL + rb"|([0-9]|1[0-9]|2[0-3])\.([0-7]))> +"
)
# BusyBox' `daemon.info` and F5's `warning` before the tag.
_BEFORE_TAG = LatePattern(rb"(?:" + _FACILITY + rb"\.)?" + _LEVEL + rb" +(?=" + TAG.pattern + rb")")
# AIX: the host that a message comes from.
_FORWARDED = LatePattern(rb"(?:Message forwarded from|From) ([0-9A-Za-z][0-9A-Za-z._:-]*): +")
# The form of nearly all headers of RFC 3164, to be read at once.
_USUAL = LatePattern(
    rb"(" + MONTH + rb" [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}"
    rb"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2}))"
    rb" ([A-Za-z0-9][A-Za-z0-9._-]*) ([A-Za-z_/.(][^\s:\[\]=\",]{0,127})"
    rb"(?:\[([^\]\s]{0,128})\]:?|:)(?: |\Z)"
)
# A header without a priority: stricter rules, because a program's own line may begin with a time, too.
_IN_FILES = (
    r"(?:(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) )?" + MONTH.decode() + r" [ 0-9][0-9] (?:20[0-9]{2} )?"
    r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?: [A-Z]{3,5}| 20[0-9]{2}){0,2}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?(?:Z|[+-][0-9]{2}:[0-9]{2}))"
    r" (?:<[a-z0-9]+\.[a-z0-9]+> )?(?:[A-Za-z0-9][A-Za-z0-9._/-]* |From |Message )[A-Za-z0-9_/.(%]"
)
BEGIN = rf"(?:{_IN_FILES}|{BEGIN_CONTAINER})"
"""The beginning of a header without a priority, but for a device's. No stamp of the store matches: each
source has a colon."""
WITHOUT_PRIORITY = (
    rf"{_IN_FILES}|{MNEMONIC}|"
    r" std(?:out|err) [PF]|[A-Za-z0-9_.-] +\| |\[pod/|\.[0-9]{9}(?:Z|[+-])"
    r"|T[0-9:]{8}[.0-9]*(?:Z|[+-][0-9:]{5}) \{"
)
"""What is in every line with a header without a priority; an expression of RE2, too."""
_FILE_HEADER = LatePattern(_IN_FILES.encode())


class SyslogHeader(NamedTuple):
    """A parsed header and the text after it."""

    fields: dict[str, str]
    severity: int | None
    """The severity from 0, emerg, to 7, debug; None without a priority or a word for it."""
    text: bytes
    """The text after the header, without a NUL at its end."""


def parse_syslog_header(message: bytes) -> SyslogHeader | None:
    """Return the header at the beginning of `message`, or None."""
    first = message[0] if message else 0
    if first != _LESS:
        # `find` takes half the time of `in`.
        if first in _FIRST or message.find(_PERCENT) >= 0 or message.find(_BAR) >= 0:
            return _header_without_priority(message)
        return None
    priority = _PRIORITY.match(message)
    if priority is None or int(priority[1]) > 191:
        return None
    facility, severity = divmod(int(priority[1]), 8)
    fields = {"facility": FACILITIES[facility], "severity": SEVERITIES[severity]}
    new = _RFC5424.match(message, priority.end())
    if new:
        rest = _add_rfc5424(message, new, fields)
    else:
        rest = _add_device(message, priority.end(), fields) if b"%" in message else 0
        rest = rest or _add_rfc3164(message, priority.end(), fields)
    return _make_header(message, rest, fields, severity)


def _header_without_priority(message: bytes) -> SyslogHeader | None:
    fields: dict[str, str] = {}
    rest = _add_device(message, 0, fields) if b"%" in message else 0
    if not rest and _FILE_HEADER.match(message):
        rest = _add_rfc3164(message, 0, fields)
        if not _is_of_file(fields, is_event=begins_event(message, rest)):
            rest = 0
    if rest:
        said = fields.get("severity")
        return _make_header(message, rest, fields, None if said is None else SEVERITIES.index(said))
    prefix = parse_container_prefix(message)
    if prefix is None:
        return None
    fields = {name: decode_stored(value) for name, value in prefix.fields.items()}
    return _make_header(message, prefix.at, fields, None)


def _is_of_file(fields: dict[str, str], *, is_event: bool) -> bool:
    """Tell whether these are fields of a header in a file. is_event: whether CEF or LEEF is behind it.

    Before an event there need be no program. A word before the program names no host in
    `TIME ERROR db: …`; with a facility, the host may be missing.
    """
    app, host = fields.get("app"), fields.get("hostname")
    if app is None:
        return is_event and host is not None and not is_level_in_header(host)
    if is_level_in_header(app):
        return False
    return "facility" in fields or (host is not None and not is_level_in_header(host))


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
        at = add_structured_data(message, at, fields)
    if message.startswith(b" ", at):
        at += 1
    if message.startswith(b"\xef\xbb\xbf", at):
        at += 3
    return at


def add_structured_data(message: bytes, at: int, fields: dict[str, str]) -> int:
    """Add the values of the elements from `at` on; return the offset after them. Skip broken ones."""
    while message.startswith(b"[", at):
        element = _ELEMENT.match(message, at)
        if element is None:
            broken = _BROKEN_ELEMENT.match(message, at)
            if broken is None:
                return at
            at = broken.end()
            continue
        prefix = decode_stored(element[1])
        for name, value in _PARAM.findall(element[2]):
            text = unescape_data(value)
            if text != b"-":
                fields[f"{prefix}.{decode_stored(name)}"] = decode_stored(text)
            else:
                fields.pop(f"{prefix}.{decode_stored(name)}", None)
        at = element.end()
    return at


def unescape_data(value: bytes) -> bytes:
    """Remove the backslashes before quotes, brackets and backslashes in a value of structured data."""
    return _ESCAPED.sub(rb"\1", value) if b"\\" in value else value


def _add_device(message: bytes, at: int, fields: dict[str, str]) -> int:
    """Add the fields of the header of one of Cisco's devices; return where the text begins, or 0."""
    header = parse_device_header(message, at)
    if header is None:
        return 0
    fields.setdefault("severity", SEVERITIES[header.severity])
    fields.update({name: decode_stored(value) for name, value in header.fields.items()})
    return header.at


def _add_rfc3164(message: bytes, at: int, fields: dict[str, str]) -> int:
    """Add the fields of an RFC 3164 header; return the offset of the text.

    Programs on the same machine omit the host, some also the time; a word is a tag only if a colon or a
    PID in brackets follows it.
    """
    usual = _USUAL.match(message, at)
    if usual and not may_be_no_host(usual[2]) and usual[3] not in APPS:
        time, host, tag, pid = usual.groups()
        fields["timestamp"], fields["hostname"] = decode_stored(time), decode_stored(host)
        fields["app"] = decode_stored(tag)
        if pid:
            fields["pid"] = decode_stored(pid)
        return usual.end()
    return _add_odd_rfc3164(message, at, fields)


def _add_odd_rfc3164(message: bytes, at: int, fields: dict[str, str]) -> int:
    time = TIME.match(message, at)
    host = None
    if time is None and at:
        if spaced := _SPACED_TIME.match(message, at):
            return _add_rfc3164(message, spaced.end(), fields)
        if whole := match_whole_header(message, at):
            return _add_part(whole, fields)
        device, begin = match_before_time(message, at)
        time = TIME.match(message, begin)
        if time and device:
            fields["hostname"] = decode_stored(device)
    if time:
        fields["timestamp"] = decode_stored(time[1])
        at = time.end()
        if message.startswith(b"<", at) and (level := _BEFORE_HOST.match(message, at)):
            at = _add_level(level, fields)
        is_text = message.startswith(b":", time.end(1))
        if part := match_odd_host(message, at):
            at = _add_part(part, fields)
        elif not TAG.match(message, at):
            host = (match_host_behind_colon if is_text else match_host)(message, at)
        if host:
            fields["hostname"] = decode_stored(host[1])
            at = host.end()
            if event := match_event(message, at):
                at = _add_part(event, fields)
        if origin := _FORWARDED.match(message, at):
            fields["hostname"] = decode_stored(origin[1])
            at = origin.end()
    if named := match_odd_tag(message, at):
        return _add_part(named, fields)
    tag = None if begins_event(message, at) else TAG.match(message, at)
    if tag is None and time:
        if level := _BEFORE_TAG.match(message, at):
            at = _add_level(level, fields)
            tag = TAG.match(message, at)
        elif host:
            tag = TAG_OF_WORDS.match(message, at)
    if tag:
        fields["app"] = decode_stored(tag[1])
        if tag[2]:
            fields["pid"] = decode_stored(tag[2])
        at = tag.end()
    return at


def _add_part(part: HeaderPart, fields: dict[str, str]) -> int:
    """Add what a part says, its severity if there is no priority; return its end."""
    found = {name: decode_stored(value) for name, value in part.fields.items()}
    if severity := found.pop("severity", None):
        fields.setdefault("severity", SEVERITIES[int(severity)])
    fields.update(found)
    return part.end


def _add_level(said: re.Match[bytes], fields: dict[str, str]) -> int:
    """Add a level and a facility that stand between the parts if there is no priority; return the end."""
    facility, level = (part.decode() if part else None for part in said.group(1, 2))
    if said.re is _BEFORE_HOST.compiled and said[4] and "severity" not in fields:
        fields["facility"], fields["severity"] = FACILITIES[int(said[3])], SEVERITIES[int(said[4])]
    if level and "severity" not in fields:
        fields["severity"] = SEVERITIES[len(LEVELS) - 1 - RANK[NAMES_OF_LEVELS[level]]]
        if facility:
            fields["facility"] = "auth" if facility == "security" else facility
    return said.end()


def expressions_for_severities(severities: Collection[int]) -> Iterator[str]:
    """Yield expressions of RE2 for lines with a priority, or a digit of a device, of these severities."""
    priorities = "|".join(
        str(facility * 8 + severity) for facility in range(24) for severity in severities
    )
    yield rf"<0*(?:{priorities})>"
    if severities:
        digits = "".join(map(str, severities))
        # Devices' `%SEC-3-X` and `%%10IFNET/3/X`, FreeBSD's `<4.3>`.
        yield rf"%[^ ]*[-/][{digits}][-/]"
        yield rf"<[0-9]{{1,2}}\.[{digits}]>"
