"""Parse what appliances put between priority and text where RFC 3164 has time, host and tag.

| Appliance | Form |
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

from logsrv.linelog.fields.header_words import TAG, ZONE

_UNIFI = re.compile(
    rb"(?:([A-Za-z0-9][^\s,:]{0,63})[ ,])?[0-9a-f]{12},[^\s,:]{1,64}: +(?=" + TAG.pattern + rb")"
)
_ADDRESS = re.compile(rb"\[([0-9A-Fa-f.:]{2,45})\] +(?=" + TAG.pattern + rb")")
_EVENT = re.compile(rb"([0-9]{5}) +(?=" + TAG.pattern + rb")")
_COMWARE = re.compile(
    rb"(%%[0-9]{2}[A-Z][A-Za-z0-9_]*/([0-7])/[A-Za-z0-9_]+(?:\([a-z]+\))?)(?:\[[0-9]{1,12}\])?: *"
)
_MERAKI = re.compile(rb"(?:1 )?([0-9]{10}\.[0-9]{1,9}) ([A-Za-z0-9][^\s:=]*) ([a-z_-]{2,30}) +")
_NETSCALER = re.compile(
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
    expression: re.Pattern[bytes], names: tuple[str, ...], message: bytes, at: int
) -> HeaderPart | None:
    found = expression.match(message, at)
    if found is None:
        return None
    said = zip(names, found.groups(), strict=False)
    return HeaderPart({name: value for name, value in said if value}, found.end())
