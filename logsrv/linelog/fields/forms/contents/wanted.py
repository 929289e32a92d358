"""The wanted fields that the lines of a text may have at all: most texts lack most."""

from __future__ import annotations

import re
from functools import lru_cache

import numpy

from logsrv.linelog.fields.byte_arrays import Array, indexes_of_true
from logsrv.linelog.fields.forms.access.many import haproxy_time_ends, spaced_brackets
from logsrv.linelog.fields.forms.access.one import ALL_ACCESS_NAMES
from logsrv.linelog.fields.forms.events.one import HEADER_NAMES as EVENT_NAMES
from logsrv.linelog.fields.forms.events.one import may_have_events
from logsrv.linelog.fields.forms.logfmt.one import has_marks_of_audit
from logsrv.linelog.fields.forms.programs.many import lines_beginning_like_sshd
from logsrv.linelog.fields.forms.programs.one import DURATION, SSHD_NAMES, SSHD_WORDS
from logsrv.linelog.fields.forms.syslog.one import HEADER_NAMES
from logsrv.linelog.fields.forms.wanted_names import WantedNames
from logsrv.linelog.fields.stamps import StampedLines

# Names that are written without escapes in every kind of line, but for `\u…` and `\/`.
_USUAL = re.compile(r'[^\x00-\x1f"\\.\ud800-\udfff]+(?:\.[^\x00-\x1f"\\.\ud800-\udfff]+)*')
# Behind the time in every line of an access log; there is no quote in those of HAProxy, and may be more
# spaces.
_BEHIND_TIME = b'] "'
_IN_KEYS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@-."
_FEW = 3
_SSHD = tuple(f"{word} ".encode() for word in SSHD_WORDS)


def wanted_in_lines(names: frozenset[str], stamps: StampedLines) -> WantedNames:
    """Return what is wanted in lines, which have no colours."""
    text = stamps.text
    in_objects = names if b"{" in text else frozenset()
    # A search for many names takes longer than to look at the keys; an escape may stand for a character.
    if len(names) <= _FEW and b"\\u" not in text:
        in_objects = frozenset(name for name in in_objects if _is_key_in_objects(name, text))
    pairs = _keys_of_pairs(names, text) if b"=" in text else set()
    parts = [*[b"{"][: len(in_objects)], *sorted(pairs)]
    raw: Array = numpy.frombuffer(text, numpy.uint8)
    if not names.isdisjoint(ALL_ACCESS_NAMES):
        brackets = indexes_of_true(raw == ord("]"))
        is_odd = len(haproxy_time_ends(raw, brackets)) or len(spaced_brackets(raw, brackets))
        parts.append(_BEHIND_TIME[: 2 if is_odd else 3])
    beginnings: tuple[bytes, ...] = ()
    if not names.isdisjoint(SSHD_NAMES):
        parts.append(b"sshd")
        # Behind a header, the content does not name the program.
        if b"sshd" in text or lines_beginning_like_sshd(raw, stamps.messages):
            beginnings = _SSHD
    if not names.isdisjoint(EVENT_NAMES) and may_have_events(text):
        # The first bars are those of the header; the words before them may seem to be a syslog header's.
        parts.append(b"|")
    if "duration" in names:
        parts.append(DURATION.encode())
    found = tuple(part for part in parts if part in text)
    return WantedNames(names, in_objects, names & HEADER_NAMES, found, bool(pairs), beginnings)


@lru_cache(maxsize=1000)
def _last_part(name: str) -> bytes:
    """Return what is written wherever a field is; nothing if the name may be written with escapes."""
    return name.rpartition(".")[2].encode() if _USUAL.fullmatch(name) else b""


def _is_key_in_objects(name: str, text: bytes) -> bool:
    key = _last_part(name)
    if not key or (b"/" in key and b"\\/" in text):
        return True
    return b'"%s"' % key in text or ("." in name and b'.%s"' % key in text)


def _keys_of_pairs(names: frozenset[str], text: bytes) -> set[bytes]:
    """Return the ends of keys that pairs in a text may have, with their `=`."""
    # The longer ones last: they may have the last part of another name.
    in_order = sorted(names, key=lambda name: "." in name)
    possible = {_last_part(name) + b"=": "." in name for name in in_order}
    if len(names) > _FEW:
        # All are compared at once by their last bytes.
        raw: Array = numpy.frombuffer(text, numpy.uint8)
        fours: Array = numpy.ndarray((max(0, len(raw) - 3),), "<u4", raw, 0, (1,))
        at = indexes_of_true(raw == ord("="))
        ends = {sign: int.from_bytes(sign[-4:], "little") for sign in possible if len(sign) > 3}
        said = fours[at[at >= 3] - 3]
        there = {*said[numpy.isin(said, [*ends.values()])].tolist()}
        possible = {sign: may for sign, may in possible.items() if ends.get(sign) in {*there, None}}
    there = {sign for sign in possible if sign in text}
    keys = {sign for sign in there if _is_key_of_pairs(sign, text, possible[sign])}
    # The separators of pairs of auditd and LEEF may look like a part of a key.
    is_sure = keys == there or not (has_marks_of_audit(text) or may_have_events(text))
    return keys if is_sure else there


def _is_key_of_pairs(sign: bytes, text: bytes, is_part: bool) -> bool:
    at = text.find(sign)
    # In structured data of RFC 5424, only the last part of a name stands before the `=`.
    before = _IN_KEYS[: -1 if is_part else None]
    while at > 0 and text[at - 1] in before and len(sign) > 1:
        at = text.find(sign, at + 1)
    return at >= 0
