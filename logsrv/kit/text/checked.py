"""An object of JSON in a line that shows whether it is whole: `{"a":1} 561bacaf`, with its CRC-32."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any


def checked_line(found: Mapping[str, Any]) -> bytes:
    """Return an object as a line, with its LF."""
    text = json.dumps(found, separators=(",", ":")).encode()
    return b"%s %08x\n" % (text, zlib.crc32(text))


def read_checked(line: bytes) -> dict[str, Any]:
    """Return the object of a line. Raises ValueError, with what is wrong, for one that is damaged."""
    text, _, end = line.rpartition(b" ")
    if end != b"%08x\n" % zlib.crc32(text):
        raise ValueError("its checksum is wrong")
    try:
        found = json.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found
