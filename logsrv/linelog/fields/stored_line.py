"""The bytes of a stored line: `TIME SOURCE MESSAGE`, its stamp, its source, its text without loss.

The source `web@tcp:10.0.0.1:51234` has the name `web`, a host and a port. After the port of
`tls:10.0.0.1:51234,dns=shop.example` stands the name in the client's certificate.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from fnmatch import translate
from typing import NamedTuple, TypeAlias


def to_stored_bytes(text: str) -> bytes:
    """Return text as bytes of the store: UTF-8, the original bytes for surrogates of `decode_stored`."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def decode_stored(text: bytes) -> str:
    """Return bytes of the store as text; bytes that are not UTF-8 become lone surrogates."""
    return text.decode("utf-8", "surrogateescape")


STAMP = re.compile(
    rb"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z) ([^ \n]+) "
)
TIME_LENGTH = len("2026-11-20T06:18:42.123456Z ")
OF_SOURCE = ("source", "name", "host", "port")
"""The fields that a line's source tells."""
IN_STAMP = ("time", "source", "name", "host", "port", "position")
"""The fields in the stamp, and the position of the line."""


IsOf: TypeAlias = Callable[[bytes, int, int], bool]
"""A function of a text, a start and an end: whether the line between them has a matching source."""

FirstLines: TypeAlias = Mapping[int, bytes]
"""The offsets in a text where continuation lines begin → the first line of the record of each."""
Choice: TypeAlias = Callable[[bytes], Collection[int]]
"""A text of whole lines → where those of its lines begin that are wanted."""
NO_FIRST_LINES: FirstLines = {}
REACH = 2 << 20
"""Bytes of the store from a record's first line to the beginning of a line that has its level."""
INHERITED = frozenset(("level", "hostname", "app", "pid", "timestamp"))
"""The fields that a continuation line has from the first line of its record."""

_NAME = re.compile(r"([A-Za-z0-9._-]+)@")
_INET = re.compile(
    r"(?!unix)[a-z]+:(?:\[([^\]\s]+)\]|([^\s\[\],]+)):([0-9]{1,5})(?:,\S+)?", re.ASCII
)


class Source(NamedTuple):
    """The parts of a source; None for a missing part."""

    name: str | None
    host: str | None
    port: int | None


def source_of_line(line: bytes) -> bytes:
    """Return the source of a stored line; b"" for one without a stamp."""
    stamp = STAMP.match(line)
    return stamp[2] if stamp else b""


def parse_source(source: str) -> Source:
    """Return the parts of the source of a line."""
    named = _NAME.match(source)
    peer = _INET.fullmatch(source, named.end() if named else 0)
    name = named[1] if named else None
    if peer is None:
        return Source(name, None, None)
    return Source(name, peer[1] or peer[2], int(peer[3]))


def source_matcher(pattern: str) -> Callable[[bytes], bool]:
    """Return a function: a stored source → whether a pattern such as `tcp:10.*` matches it."""
    wanted = re.compile(to_stored_bytes(translate(pattern)))
    return lambda source: wanted.match(source) is not None


def make_source_test(pattern: str) -> IsOf | None:
    """Return a test for lines whose source matches a pattern such as `tcp:10.*`; None for an empty one."""
    if not pattern:
        return None
    matches = source_matcher(pattern)

    def is_of(text: bytes, start: int, end: int) -> bool:
        stamp = STAMP.match(text, start, end)
        return stamp is not None and matches(stamp[2])

    return is_of
