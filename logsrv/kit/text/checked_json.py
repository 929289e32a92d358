"""An object of JSON in a line that shows whether it is whole, in two shapes.

    {"a":1} 561bacaf
    {"a":1,"crc":"a702fc6e"}

The first has its CRC-32 behind it, as sums.py has it; the second, which others can read as JSON, has that
of all before it as its last key.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Mapping
from typing import Any

from logsrv.kit.text.outside_json import MOST_VALUES, parse_json
from logsrv.kit.text.sums import with_sum, without_sum

_KEY = b',"crc":"'


def checked_line(found: Mapping[str, Any]) -> bytes:
    """Return an object as a line with its sum behind it."""
    return with_sum(_text(found))


def read_checked(line: bytes) -> dict[str, Any]:
    """Return the object of a line. Raises ValueError, with what is wrong, for one that is damaged."""
    return _object(without_sum(line))


def checked_object(found: Mapping[str, Any]) -> bytes:
    """Return an object, which is not empty, as a line with its sum in it."""
    text = _text(found)[:-1]
    return b'%s%s%08x"}\n' % (text, _KEY, zlib.crc32(text))


def read_object(
    line: bytes, old: Collection[str] = (), *, most: int = MOST_VALUES
) -> dict[str, Any]:
    """Return the object of a line without its sum. Raises ValueError for one that is damaged.

    old: the keys of a version that wrote no sums; a line with these alone needs none. No flipped bit and no
    cut turns a line with a sum into such a line. most: values that it may have.
    """
    text, key, end = line.rpartition(_KEY)
    if key and end == b'%08x"}\n' % zlib.crc32(text):
        return _object(text + b"}", most)
    found = _object(line, most)
    if line.endswith(b"}\n") and found and set(found) <= set(old):
        return found
    raise ValueError("its checksum is wrong, or missing")


def _text(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


def _object(text: bytes, most: int = MOST_VALUES) -> dict[str, Any]:
    try:
        found = parse_json(text, most)
    except RecursionError as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found
