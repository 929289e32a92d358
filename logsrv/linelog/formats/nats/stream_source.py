"""Parse `--listen nats:SERVERS/STREAM:KEY=VALUE…`, and adapt the headers of its blocks (no I/O)."""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from logsrv.kit.text.words import listed, shown
from logsrv.linelog.store.packed_block import UNKNOWN
from logsrv.linelog.store.segment import Position, parse_position

PORT = 4222
"""The default port of NATS."""
STREAM = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""The name of a stream."""
API = "$JS.API"
"""The prefix of JetStream's subjects, unless another account exports them under another prefix."""
PREFIX = re.compile(r"[A-Za-z0-9$_-]{1,64}(\.[A-Za-z0-9$_-]{1,64}){0,7}")
"""A valid prefix of JetStream's subjects."""


EXAMPLE = "nats:n1.example.net,n2.example.net/LOGS:part=1/3"
_KEYS = ("part", "holes", "tls", "ca", "cert", "key", "user", "creds", "api")
# The keys of files, and the fields of a StreamSource that they become.
_FILES = {"ca": "ca", "cert": "certificate", "key": "key", "creds": "creds"}
_SERVER = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:(?P<port>[0-9]{1,5}))?")
AFTER, START, GAP = "Logsrv-After", "Logsrv-From", "Logsrv-Gap"
_PART = re.compile(r"([0-9]{1,4})/([0-9]{1,4})")
# The argument of a file in the text of a source; a backslash escapes a colon in it.
_FILE_ARGUMENT = rf":(?:{'|'.join(_FILES)})=(?:\\.|[^:\\])*"


def without_files(text: str) -> str:
    """Return the text of a source without its files, for metrics and the log."""
    return re.sub(_FILE_ARGUMENT, "", text)


@attrs.frozen
class StreamSource:
    """A stream to fetch blocks from.

    servers: host and port of each. part, parts: fetch only the stores of this part, from 1. passes_holes:
    whether to skip missing blocks. encrypts: whether to use TLS; ca, certificate, key: PEM files. user:
    name for the password that is the secret. creds: a credentials file. api: prefix of JetStream subjects.
    """

    servers: tuple[tuple[str, int], ...]
    stream: str
    part: int = 1
    parts: int = 1
    passes_holes: bool = False
    encrypts: bool = False
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    user: str | None = None
    creds: Path | None = None
    api: str = API

    def includes_store(self, origin: str) -> bool:
        """Return whether a store belongs to this part, by the CRC-32 of its identity."""
        return zlib.crc32(origin.encode()) % self.parts == self.part - 1


def parse_stream_source(text: str) -> StreamSource:
    """Parse the text after `nats:`. Raises ValueError with a sentence for the operator."""
    servers, slash, rest = text.partition("/")
    stream, *arguments = re.split(r"(?<!\\):", rest)
    if not slash or not STREAM.fullmatch(stream):
        raise ValueError(f"names no stream, such as {EXAMPLE}")
    given: dict[str, str] = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key not in _KEYS or not equals or not value or key in given:
            raise ValueError(
                f"{shown(argument)}: each of {listed(_KEYS)} may be there once, such as part=1/3"
            )
        given[key] = value.replace("\\:", ":")
    for key in _FILES:
        if key in given and not given[key].startswith("/"):
            raise ValueError(f"{key}= takes a whole path, such as {key}=/etc/logsrv/{key}.pem")
    part, parts = _parse_part(given.get("part", "1/1"))
    holes = given.get("holes", "refuse")
    if holes not in ("refuse", "pass"):
        raise ValueError("holes= has to be refuse or pass")
    if given.get("tls", "yes") != "yes":
        raise ValueError("tls= is yes, or is left out")
    if not PREFIX.fullmatch(given.get("api", API)):
        raise ValueError("api= has to be the prefix of JetStream subjects, such as api=JS.API")
    if "key" in given and "cert" not in given:
        raise ValueError("key= is the key of a cert=, which is missing")
    more: dict[str, Any] = {_FILES[key]: Path(given[key]) for key in _FILES if key in given}
    more |= {key: given[key] for key in ("user", "api") if key in given}
    hosts = tuple(_parse_server(one) for one in servers.split(","))
    encrypts = any(one in given for one in ("tls", "ca", "cert"))
    return StreamSource(hosts, stream, part, parts, holes == "pass", encrypts, **more)


def _parse_part(text: str) -> tuple[int, int]:
    found = _PART.fullmatch(text)
    if found is None or not 1 <= int(found[1]) <= int(found[2]):
        raise ValueError(
            "part= has to be a part and the number of parts, from part=1/3 to part=3/3"
        )
    return int(found[1]), int(found[2])


def _parse_server(text: str) -> tuple[str, int]:
    found = _SERVER.fullmatch(text)
    port = int(found["port"] or PORT) if found is not None else 0
    if found is None or not 1 <= port <= 65535:
        raise ValueError(f"{shown(text)} is not a server such as n1.example.net or 10.0.0.1:{PORT}")
    return found["host"].strip("[]"), port


def adapted_headers(
    headers: Mapping[str, str], position: Position | None, *, passes_holes: bool
) -> dict[str, str]:
    """Return the headers of a fetched block, adapted to the position where its store ends here.

    A sender to a stream cannot ask for that position, and the stream may have dropped earlier blocks: the
    oldest, by its limits, or all.

    position: None for a store that is new here: any block may be its first. A block that begins at the
    position follows it. passes_holes: whether a block that begins later follows it too, with a gap.
    """
    found = {name: value for name, value in headers.items() if name.startswith("Logsrv-")}
    if position is None:
        found.pop(AFTER, None)
        return found
    try:
        start = parse_position(found.get(START, ""))
    except ValueError:
        return found
    if start == position:
        found.setdefault(AFTER, str(position))
    elif start > position and passes_holes and found.get(AFTER) != str(position):
        found[AFTER] = str(position)
        same = start.segment == position.segment
        found.setdefault(GAP, str(start.offset - position.offset) if same else UNKNOWN)
    return found


def passed_hole(headers: Mapping[str, str], adapted: Mapping[str, str]) -> str:
    """Return the positions between which adapted headers pass over missing lines; "" if they do not."""
    after, start = adapted.get(AFTER), adapted.get(START)
    return f"{after} to {start}" if after and after not in (start, headers.get(AFTER)) else ""
