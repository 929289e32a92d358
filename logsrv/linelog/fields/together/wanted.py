"""Names of wanted fields, and which of them the lines of a text may have at all: most texts lack most."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy

from logsrv.linelog.fields.byte_places import Array, indexes_of_true
from logsrv.linelog.fields.events import HEADER_NAMES as EVENT_NAMES
from logsrv.linelog.fields.events import may_have_events
from logsrv.linelog.fields.line_kinds import (
    haproxy_time_ends,
    lines_beginning_like_sshd,
    spaced_brackets,
)
from logsrv.linelog.fields.logfmt import has_marks_of_audit
from logsrv.linelog.fields.servers import ALL_ACCESS_NAMES, DURATION, SSHD_NAMES, SSHD_WORDS
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.fields.syslog_header import HEADER_NAMES

# Names that are written without escapes in every kind of line, but for `\u…` and `\/`.
_USUAL = re.compile(r'[^\x00-\x1f"\\.\ud800-\udfff]+(?:\.[^\x00-\x1f"\\.\ud800-\udfff]+)*')
# Behind the time in every line of an access log; there is no quote in those of HAProxy, and may be more
# spaces.
_BEHIND_TIME = b'] "'
_IN_KEYS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_@-."
_FEW = 3
_SSHD = tuple(f"{word} ".encode() for word in SSHD_WORDS)


class WantedNames(NamedTuple):
    """The names of wanted fields.

    in_objects, in_headers: those that JSON objects and headers of the text may have. parts: each content
    that has a field has one of these, or begins like those of sshd if `of_sshd`. has_pairs: whether pairs
    may have a field.
    """

    names: frozenset[str]
    in_objects: frozenset[str]
    in_headers: frozenset[str]
    parts: tuple[bytes, ...]
    has_pairs: bool
    of_sshd: bool

    @property
    def in_contents(self) -> bool:
        """Tell whether contents may have a field."""
        return bool(self.parts) or self.of_sshd

    def numbers_of(self, contents: Sequence[bytes]) -> Sequence[int]:
        """Return the indexes of contents that may have a field."""
        found: set[int] = set()
        for part in self.parts:
            some = [at for at, content in enumerate(contents) if part in content]
            if len(some) == len(contents):
                return some
            found.update(some)
        if self.of_sshd:
            found.update(at for at, content in enumerate(contents) if content.startswith(_SSHD))
        return sorted(found)


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
    begins = False
    if not names.isdisjoint(SSHD_NAMES):
        parts.append(b"sshd")
        # Behind a header, the content does not name the program.
        begins = b"sshd" in text or bool(lines_beginning_like_sshd(raw, stamps.messages))
    if not names.isdisjoint(EVENT_NAMES) and may_have_events(text):
        # The first bars are those of the header; the words before them may seem to be a syslog header's.
        parts.append(b"|")
    if "duration" in names:
        parts.append(DURATION.encode())
    found = tuple(part for part in parts if part in text)
    return WantedNames(names, in_objects, names & HEADER_NAMES, found, bool(pairs), begins)


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


@lru_cache(maxsize=1000)
def keys_leading_to(names: Collection[str], prefix: str) -> tuple[str, ...]:
    """Return the keys that may lead to a name, in an object whose own name is `prefix`."""
    found = set()
    for name in names:
        if name.startswith(prefix):
            inner = name[len(prefix) :]
            found.add(inner)
            found.update(inner[:at] for at, letter in enumerate(inner) if letter == ".")
    return tuple(sorted(found))
