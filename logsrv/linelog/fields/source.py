"""The source of a line taken apart: `web@tcp:10.0.0.1:51234` is a name, a host and a port.

Behind the port of `tls:10.0.0.1:51234,dns=shop.example` stands whom a client's certificate names.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_NAME = re.compile(r"([A-Za-z0-9._-]+)@")
_INET = re.compile(
    r"(?!unix)[a-z]+:(?:\[([^\]\s]+)\]|([^\s\[\],]+)):([0-9]{1,5})(?:,\S+)?", re.ASCII
)


class Source(NamedTuple):
    """The parts of a source; None is what it has none of."""

    name: str | None
    host: str | None
    port: int | None


def parse_source(source: str) -> Source:
    """Return the parts of `source`, as a line has it."""
    named = _NAME.match(source)
    peer = _INET.fullmatch(source, named.end() if named else 0)
    name = named[1] if named else None
    if peer is None:
        return Source(name, None, None)
    return Source(name, peer[1] or peer[2], int(peer[3]))
