"""Parse the headers of network devices and appliances, which put more than RFC 3164 does before the text.

Cisco's messages are named `%FACILITY-SEVERITY-MNEMONIC`. IOS, IOS XE, IOS XR, NX-OS, ASA, FTD and AireOS
put counters, names, times and processes before that name in different orders, and relays put their own time
and host before these.

| Appliance | Form, behind the priority |
| --- | --- |
| UniFi | `TIME MODEL,MAC,VERSION: TAG: TEXT`, `TIME NAME MAC,VERSION: TAG: TEXT` |
| ProCurve, ArubaOS-Switch | `TIME HOST 00076 TAG: TEXT`; the number is that of the event |
| Huawei, H3C, HPE Comware | `TIME HOST %%01MODULE/4/MNEMONIC(l)[12]:TEXT`; the digit is the severity |
| Meraki | `1 1720692000.123456 HOST TYPE TEXT` |
| NetScaler | `07/11/2026:10:00:00 GMT HOST 0-PPE-0 : TEXT` |
| Solaris, AIX | `TIME [ADDRESS] TAG: TEXT`, if the address has no name |
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logsrv.kit.text.late_pattern import LatePattern
from logsrv.linelog.fields.forms.header_words import OLD_TIME, TAG, TIME, ZONE

MNEMONIC = r"%[A-Z][A-Z0-9_]*[A-Za-z0-9_-]*-[0-7]-"
"""The beginning of the name of a message."""
_MNEMONIC = LatePattern(
    rb"(%(?<![^\s:]%)[A-Z][A-Z0-9_]*(?:-[A-Za-z0-9_]+){0,4}?-([0-7])-[A-Za-z0-9_]+) ?:(?: +|\Z)"
)
_LONGEST = 200
"""The name of a message ends within this many bytes."""
_MOST_PARTS = 12
# `00:20:10:`, `1d02h:`, `1y2w:`: how long the device has been running.
_UPTIME = (
    rb"(?P<uptime>[0-9]{2,4}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?|[0-9]{1,4}y[0-9]{1,2}w|[0-9]{1,3}w[0-9]d"
    rb"|[0-9]{1,3}d[0-9]{1,2}h): +"
)
_DEVICE_TIME = (
    rb"[*.]?(?P<time>"
    + TIME.pattern.removesuffix(rb":? +")
    + rb"(?: [A-Z]{2,5}(?=:))?) ?(?:: *| +|\Z)"
)
_NAME = (
    rb"(?=[^\s]*[A-Za-z:]|[0-9]+\.[0-9]+\.)[0-9A-Za-z_\x80-\xff][^\s:\[\]=\"]*"
    rb"(?::[^\s\[\]=\":]+)*(?:::)?"
)
_PART = LatePattern(
    rb"(?P<counter>[0-9]{1,12}: +|: *|%\$ \S{1,40} %\$ +|\*[A-Za-z]\w{0,60}: +"
    rb"|[A-Z0-9]{1,4}/\S{1,30}?:(?! ))"
    rb"|" + _UPTIME + rb"|" + _DEVICE_TIME
    + rb"|(?P<app>[A-Za-z_][^\s:\[\]=\"]{0,60})\[(?P<pid>[0-9]{1,10})\] ?: +"
    rb"|(?P<name>" + _NAME + rb")(?P<colon> ?:)? +"
)  # fmt: skip
# Before the time of a message without a name, behind its priority: `45: sw01: 46: *`, `: ` of NX-OS.
_COUNTER = rb"[0-9]{1,12}: +"
_COUNTERS = LatePattern(rb"(?:" + _COUNTER + rb")*")
_BEFORE_TIME = LatePattern(
    rb"(?:" + _COUNTER + rb"(?:(" + _NAME + rb"): +(?:" + _COUNTER + rb")?)?"
    rb"|(" + _NAME + rb"): +" + _COUNTER + rb"|: *)?[*.]? ?(?=" + OLD_TIME + rb"[^:]{0,16}:)"
)  # fmt: skip


class DeviceHeader(NamedTuple):
    """The parts of a header of a device.

    at: offset of the text. severity: the digit in the name of the message.
    """

    fields: dict[str, bytes]
    severity: int
    at: int


def parse_device_header(message: bytes, start: int) -> DeviceHeader | None:
    """Return the header from offset `start` on, or None if anything else stands before a message's name."""
    name = _MNEMONIC.search(message, start, start + _LONGEST)
    if name is None:
        return None
    fields: dict[str, bytes] = {}
    at, end, last = start, name.start(), ""
    for _ in range(_MOST_PARTS):
        if at == end:
            break
        part = _PART.match(message, at, end)
        is_last = part is not None and _COUNTERS.fullmatch(message, part.end(), end) is not None
        if part is None or not _add_part(part, fields, last, is_last=is_last):
            return None
        last, at = str(part.lastgroup), part.end()
    if at != end:
        return None
    if "app" in fields:
        return DeviceHeader(fields, int(name[2]), name.start())
    return DeviceHeader({**fields, "app": name[1]}, int(name[2]), name.end())


def _add_part(part: re.Match[bytes], fields: dict[str, bytes], last: str, *, is_last: bool) -> bool:
    """Add what a part says; return False if it cannot stand here. last: the kind of the part before it."""
    if part["time"]:
        fields["timestamp"] = part["time"]
    elif part["uptime"]:
        fields.setdefault("timestamp", part["uptime"])
    elif part["app"]:
        fields["app"], fields["pid"] = part["app"], part["pid"]
        return is_last
    elif part["name"]:
        if is_last and part["colon"] and "hostname" in fields:
            fields["app"] = part["name"]
        elif part["colon"] or last in ("time", "counter"):
            fields["hostname"] = part["name"]
        else:
            return False
    return True


def match_before_time(message: bytes, at: int) -> tuple[bytes | None, int]:
    """Return the name of a device, if there is one, and the offset of the time behind it."""
    found = _BEFORE_TIME.match(message, at)
    return (found[1] or found[2], found.end()) if found else (None, at)


_UNIFI = LatePattern(
    rb"(?:([A-Za-z0-9][^\s,:]{0,63})[ ,])?[0-9a-f]{12},[^\s,:]{1,64}: +(?=" + TAG.pattern + rb")"
)
_ADDRESS = LatePattern(rb"\[([0-9A-Fa-f.:]{2,45})\] +(?=" + TAG.pattern + rb")")
_EVENT = LatePattern(rb"([0-9]{5}) +(?=" + TAG.pattern + rb")")
_COMWARE = LatePattern(
    rb"(%%[0-9]{2}[A-Z][A-Za-z0-9_]*/([0-7])/[A-Za-z0-9_]+(?:\([a-z]+\))?)(?:\[[0-9]{1,12}\])?: *"
)
_MERAKI = LatePattern(rb"(?:1 )?([0-9]{10}\.[0-9]{1,9}) ([A-Za-z0-9][^\s:=]*) ([a-z_-]{2,30}) +")
_NETSCALER = LatePattern(
    rb" ?([0-9]{2}/[0-9]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2}(?: "
    + ZONE
    + rb")?) ([A-Za-z0-9][^\s:=]*) ([0-9]+-PPE-[0-9]+) : +"
)
_HOST, _TAG = ("hostname",), ("app", "severity")
_WHOLE = ("timestamp", "hostname", "app")


class HeaderPart(NamedTuple):
    """A part of a header. fields: what it says; the severity as a digit. end: offset behind it."""

    fields: dict[str, bytes]
    end: int


def match_whole_header(message: bytes, at: int) -> HeaderPart | None:
    """Return time, host and program from right behind a priority on, or None."""
    return _match(_MERAKI, _WHOLE, message, at) or _match(_NETSCALER, _WHOLE, message, at)


def match_odd_host(message: bytes, at: int) -> HeaderPart | None:
    """Return the host behind a time, or None for a usual one."""
    return _match(_UNIFI, _HOST, message, at) or _match(_ADDRESS, _HOST, message, at)


def match_event(message: bytes, at: int) -> HeaderPart | None:
    """Return the number of an event behind a host, or None."""
    return _match(_EVENT, ("msgid",), message, at)


def match_odd_tag(message: bytes, at: int) -> HeaderPart | None:
    """Return the name of a message of Comware, and its severity, or None."""
    return _match(_COMWARE, _TAG, message, at) if message.startswith(b"%%", at) else None


def _match(
    expression: LatePattern[bytes], names: tuple[str, ...], message: bytes, at: int
) -> HeaderPart | None:
    found = expression.match(message, at)
    if found is None:
        return None
    said = zip(names, found.groups(), strict=False)
    return HeaderPart({name: value for name, value in said if value}, found.end())
