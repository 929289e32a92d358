"""Bodies in JSON or protobuf: parsed whole, unless that may take more memory than a worker has (sans-IO).

Of JSON also the offsets of an array's elements, or of values in a row.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence
from importlib import import_module
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logsrv.kit.children.child_side import MEMORY
from logsrv.linelog.lines.bodies import RequestRefused, malformed_body, parse_json_text

MOST_MEMORY = MEMORY // 4 * 3
"""The most memory that a body may need while it is parsed: three quarters of what a worker may have."""
# Memory to parse JSON, in bytes. Each byte needs 12 in the parser's own buffer, and up to 4 as text. Each
# value begins behind one of these signs; a small object, with two of them, needs most for its length.
_OF_BYTE = 16
_BEFORE_VALUES = b"[{,"
_OF_VALUE = 130
# Memory to parse protobuf: twice its length, and up to 134 for a message. A small message has its length
# before it, which is one of these bytes; there are more of them than messages.
_OF_PROTOBUF_BYTE = 2
_SMALL_LENGTHS = bytes(range(16))
_OF_MESSAGE = 134
_QUOTE, _OPEN, _CLOSE, _COMMA = range(1, 5)
_KINDS = bytearray(256)
for _sign, _kind in zip(b'"[{]},', (_QUOTE, _OPEN, _OPEN, _CLOSE, _CLOSE, _COMMA), strict=True):
    _KINDS[_sign] = _kind

Offsets: TypeAlias = npt.NDArray[np.intp]


def _require_memory(body: bytes, of_byte: int, signs: bytes, of_value: int) -> None:
    """Raise RequestRefused (413) if a body may need more memory, while it is parsed, than a worker has.

    of_byte, of_value: bytes of memory that each byte of the body, and each value in it, needs. signs: bytes
    that stand before each value, and perhaps elsewhere.
    """
    size = len(body)
    # Most bodies are too small, whatever is in them.
    if (of_byte + of_value) * size <= MOST_MEMORY:
        return
    values = size - len(body.translate(None, signs))
    if of_byte * size + of_value * values > MOST_MEMORY:
        raise RequestRefused(413, "the body has too many values to parse; send fewer at once")


def parse_json_body(body: bytes) -> Any:
    """Return the value of a body. Raises RequestRefused: 400 for invalid JSON, 413 for too many values."""
    _require_memory(body, _OF_BYTE, _BEFORE_VALUES, _OF_VALUE)
    try:
        return parse_json_text(body.removeprefix(BOM_UTF8))
    except ValueError as error:
        raise malformed_body(f"the body is no JSON: {error}") from None


def parse_json_object(body: bytes) -> dict[str, Any]:
    """Return the object of a body. Raises RequestRefused as `parse_json_body` does, also if it is none."""
    value = parse_json_body(body)
    if type(value) is not dict:
        raise malformed_body("the body is no JSON object")
    return value


def count_elements(value: Any, path: Sequence[str]) -> int:
    """Return how many elements the innermost lists of a value have; anything but an object counts as one.

    path: the keys of the lists, from the outside to the inside.
    """
    if not (path and isinstance(value, dict)):
        return 1
    found = value.get(path[0]) or []
    return sum(count_elements(one, path[1:]) for one in found) if type(found) is list else 1


def element_texts(text: bytes) -> list[bytes]:
    """Return the text of each element of a valid JSON array, with the white space around it."""
    offsets, kinds, depths = _find_signs(text)
    commas = offsets[(kinds == _COMMA) & (depths == 1)].tolist()
    begin, end = int(offsets[0]), int(offsets[-1])
    found = [
        text[before + 1 : behind]
        for before, behind in zip([begin, *commas], [*commas, end], strict=True)
    ]
    return found if commas or found[0].strip() else []


def count_begun_elements(text: bytes) -> int:
    """Return how many elements a JSON array has that breaks off; 1 for anything else that is invalid."""
    _, kinds, depths = _find_signs(text)
    if not text.lstrip().startswith(b"[") or not depths[-1]:
        return 1
    return int(np.count_nonzero((kinds == _COMMA) & (depths == 1))) + 1


def value_ends(text: bytes) -> Offsets:
    """Return the offsets behind the objects and arrays that follow each other in a text.

    Raises RequestRefused (413) for too many values.
    """
    _require_memory(text, _OF_BYTE, _BEFORE_VALUES, _OF_VALUE)
    offsets, kinds, depths = _find_signs(text)
    ends: Offsets = offsets[(kinds == _CLOSE) & (depths == 0)] + 1
    return ends


def _find_signs(text: bytes) -> tuple[Offsets, npt.NDArray[np.uint8], Offsets]:
    """Return the signs of JSON outside strings: their offsets, their kinds, the depth behind each."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    kinds = np.frombuffer(text.translate(_KINDS), np.uint8)
    # `flatnonzero` is eight times faster on booleans than on numbers.
    offsets = np.flatnonzero(kinds != 0)
    kinds = kinds[offsets]
    quotes = kinds == _QUOTE
    outside = ~quotes & (np.cumsum(quotes) & 1 == 0)
    offsets, kinds = offsets[outside], kinds[outside]
    steps = (kinds == _OPEN).astype(np.int8) - (kinds == _CLOSE)
    return offsets, kinds, np.cumsum(steps, dtype=np.intp)


def import_extra(module: str, what: str) -> Any:
    """Import a module of the extra `senders`. Raises RequestRefused (501) if it is not installed.

    The server's log tells how to install it. The sender, who may be a stranger, gets no path of the server.

    what: the thing that needs it, in the plural, for the sentence.
    """
    try:
        return import_module(module)
    except ImportError:
        raise RequestRefused(
            501, f"{what} need the extra senders on the server; its log says how to install it"
        ) from None


def parse_protobuf(kind: Any, body: bytes) -> Any:
    """Return a message of the class `kind`.

    Raises RequestRefused: 400 for invalid protobuf, 413 if it may need more memory than a worker has.
    """
    _require_memory(body, _OF_PROTOBUF_BYTE, _SMALL_LENGTHS, _OF_MESSAGE)
    message = kind()
    try:
        message.ParseFromString(body)
    except import_module("google.protobuf.message").DecodeError:
        raise malformed_body("the body is no protobuf message of this kind") from None
    return message
