"""Stored lines as JSON objects for other programs: as in our HTTP API, but without a position (no I/O)."""

from __future__ import annotations

import orjson

from logsrv.linelog.fields.parsed_line import ParsedLine
from logsrv.linelog.read.render import record_document, safe_json


def line_as_json(line: bytes) -> bytes:
    """Return a stored line as a JSON object."""
    document = record_document(ParsedLine(line))
    try:
        return orjson.dumps(document)
    except TypeError:
        # orjson refuses integers beyond 64 bits, and half of a surrogate pair.
        return safe_json(document).encode()
