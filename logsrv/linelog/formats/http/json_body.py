"""JSON bodies: parsed whole, and the places of an array's elements or of values in a row (sans-IO)."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logsrv.linelog.lines.bodies import malformed_body, parse_json_text, require_memory

# Memory to parse JSON, in bytes. Each byte needs 12 in the parser's own buffer, and up to 4 as text. Each
# value begins behind one of these signs; a small object, with two of them, needs most for its length.
_OF_BYTE = 16
_BEFORE_VALUES = b"[{,"
_OF_VALUE = 130
_QUOTE, _OPEN, _CLOSE, _COMMA = range(1, 5)
_KINDS = bytearray(256)
for _sign, _kind in zip(b'"[{]},', (_QUOTE, _OPEN, _OPEN, _CLOSE, _CLOSE, _COMMA), strict=True):
    _KINDS[_sign] = _kind

Places: TypeAlias = npt.NDArray[np.intp]


def parse_json_body(body: bytes) -> Any:
    """Return the value of a body. Raises RequestRefused: 400 for invalid JSON, 413 for too many values."""
    require_memory(body, _OF_BYTE, _BEFORE_VALUES, _OF_VALUE)
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
    places, kinds, depths = _find_signs(text)
    commas = places[(kinds == _COMMA) & (depths == 1)].tolist()
    begin, end = int(places[0]), int(places[-1])
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


def value_ends(text: bytes) -> Places:
    """Return the places behind the objects and arrays that follow each other in a text.

    Raises RequestRefused (413) for too many values.
    """
    require_memory(text, _OF_BYTE, _BEFORE_VALUES, _OF_VALUE)
    places, kinds, depths = _find_signs(text)
    ends: Places = places[(kinds == _CLOSE) & (depths == 0)] + 1
    return ends


def _find_signs(text: bytes) -> tuple[Places, npt.NDArray[np.uint8], Places]:
    """Return the signs of JSON outside strings: their places, their kinds, the depth behind each."""
    if b"\\" in text:
        text = text.replace(b"\\\\", b"__").replace(b'\\"', b"__")
    kinds = np.frombuffer(text.translate(_KINDS), np.uint8)
    # `flatnonzero` is eight times faster on booleans than on numbers.
    places = np.flatnonzero(kinds != 0)
    kinds = kinds[places]
    quotes = kinds == _QUOTE
    outside = ~quotes & (np.cumsum(quotes) & 1 == 0)
    places, kinds = places[outside], kinds[outside]
    steps = (kinds == _OPEN).astype(np.int8) - (kinds == _CLOSE)
    return places, kinds, np.cumsum(steps, dtype=np.intp)
