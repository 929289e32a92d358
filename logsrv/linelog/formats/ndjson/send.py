"""Stored lines as JSON objects, as in our HTTP API but without positions (sans-IO)."""

from __future__ import annotations

from collections.abc import Sequence

from logsrv.linelog.read.outgoing_json import line_as_json


def encode_ndjson(lines: Sequence[bytes]) -> bytes:
    """Return a JSON object for each line, each followed by an LF."""
    return b"\n".join([*map(line_as_json, lines), b""])
