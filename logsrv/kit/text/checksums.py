"""Lines with a checksum, which is a CRC-32 in eight hex digits; each line has a text, or a JSON object in
one of two forms.

    17:52311 662d6800
    {"a":1} 561bacaf
    {"a":1,"crc":"a702fc6e"}

The sum of a text, and of an object in the first form, follows after a space. Others can read the second
form as JSON: its last key has the sum of all bytes before that key.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Collection, Mapping
from typing import Any

from logsrv.kit.text.outside_json import MOST_VALUES, parse_json

_KEY = b',"crc":"'


def line_with_checksum(text: bytes) -> bytes:
    """Return a text as a line with its checksum."""
    return b"%s %08x\n" % (text, zlib.crc32(text))


def strip_checksum(line: bytes) -> bytes:
    """Return the text of a line, without the checksum of the line. Raises ValueError for a damaged line."""
    text, _, end = line.rpartition(b" ")
    if end != b"%08x\n" % zlib.crc32(text):
        raise ValueError("its checksum is wrong")
    return text


def repair_one_bit(data: bytes, is_whole: Callable[[bytes], bool]) -> bytes | None:
    """Flip each bit of `data` in turn; return the first result that `is_whole` accepts, or None if it
    accepts none.

    For data as short as this, only one text with one flipped bit can have the same CRC-32.
    """
    for bit in range(8 * len(data)):
        tried = bytearray(data)
        tried[bit // 8] ^= 1 << bit % 8
        if is_whole(bytes(tried)):
            return bytes(tried)
    return None


def json_then_checksum(found: Mapping[str, Any]) -> bytes:
    """Return one line with an object as JSON and, after the JSON, its checksum: `{"a":1}
    561bacaf`.
    """
    return line_with_checksum(_compact_json(found))


def read_json_then_checksum(line: bytes) -> dict[str, Any]:
    """Return the object in a line of the first form, as `json_then_checksum` writes it. Raises ValueError
    for a damaged line.
    """
    return _parse_object(strip_checksum(line))


def json_with_checksum(found: Mapping[str, Any]) -> bytes:
    """Return an object, which must not be empty, as a line of the second form, with the checksum in the
    JSON: `{"a":1,"crc":"a702fc6e"}`.
    """
    text = _compact_json(found)[:-1]
    return b'%s%s%08x"}\n' % (text, _KEY, zlib.crc32(text))


def read_json_with_checksum(
    line: bytes, old: Collection[str] = (), *, most: int = MOST_VALUES
) -> dict[str, Any]:
    """Return the object in a line of the second form, as `json_with_checksum` writes it. Raises ValueError
    for a damaged line.

    old: the keys that an older version wrote, without a sum; a line with only these needs no sum. No
    flipped bit and no cut can turn a line with a sum into such a line. most: the most values in it.
    """
    text, key, end = line.rpartition(_KEY)
    if key and end == b'%08x"}\n' % zlib.crc32(text):
        return _parse_object(text + b"}", most)
    found = _parse_object(line, most)
    if line.endswith(b"}\n") and found and set(found) <= set(old):
        return found
    raise ValueError("its checksum is wrong, or missing")


def _compact_json(found: Mapping[str, Any]) -> bytes:
    return json.dumps(found, separators=(",", ":")).encode()


def _parse_object(text: bytes, most: int = MOST_VALUES) -> dict[str, Any]:
    try:
        found = parse_json(text, most)
    except RecursionError as error:
        raise ValueError(str(error)) from error
    if not isinstance(found, dict):
        raise ValueError("it is no object")
    return found
