"""Split large JSON texts at brackets and commas, and parse one part at a time (sans-IO).

A body of 64 MiB may contain twenty million values, which would take gigabytes as objects, and 30 seconds.
So 256 KiB at a time are searched for the commas between the elements of an array, and the elements found
there are parsed together. Invalid JSON fails to parse wherever it was split.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from logsrv.linelog.lines.bodies import (
    Records,
    RequestRefused,
    malformed_body,
    parse_json_text,
)

PIECE = 256 << 10
"""Bytes scanned or parsed at a time."""
# A text may be this many times as long as its record, because white space, keys and quotes may disappear. A
# longer text is not parsed, because its record would be too long.
SPARE = 4
# A body with more bytes, or more members, outside its large arrays is refused: every part repeats these.
_MOST_BESIDE = 4 << 20
_MOST_MEMBERS = 100_000
# Members parsed before other peers have a turn.
_TURN = 2048
_SPACE = b" \t\r\n"
_BLANK = re.compile(rb"[ \t\r\n]*")
_BACKSLASHES = re.compile(rb"\\*")
_BACKSLASH, _BRACKET, _COLON_SIGN = b"\\]:"
_QUOTE, _OPEN, _CLOSE, _COMMA, _COLON = range(1, 6)
_KINDS = bytearray(256)
for _sign, _kind in zip(
    b'"[{]},:', (_QUOTE, _OPEN, _OPEN, _CLOSE, _CLOSE, _COMMA, _COLON), strict=True
):
    _KINDS[_sign] = _kind

Places: TypeAlias = npt.NDArray[np.intp]
Span: TypeAlias = tuple[int, int]


def skip_space(text: bytes, start: int = 0) -> int:
    """Return the place of the first character from `start` on that is no white space."""
    found = _BLANK.match(text, start)
    return found.end() if found else start


def element_spans(text: bytes, start: int, stop: int) -> Iterator[list[Span]]:
    """Yield lists, some of them empty, of the spans of an array's elements.

    start: the place of its bracket. stop: only white space may stand between the end of the array and here.
    The spans of one list end within the same 256 KiB of text; only the first may begin before these.
    Other peers may have a turn after each list. Raises RequestRefused (400) for a broken array.
    """
    begin = start + 1
    for commas, _, end in _find_separators(text, start):
        found: list[Span] = []
        for comma in commas.tolist():
            found.append((begin, comma))
            begin = comma + 1
        if end >= 0 and (begin > start + 1 or text[begin:end].strip(_SPACE)):
            found.append((begin, end))
        yield found
        if end >= 0:
            if text[end] != _BRACKET or text[end + 1 : stop].strip(_SPACE):
                raise malformed_body("the body is no JSON: something follows the end of an array")
            return
    raise malformed_body("the body is no JSON: an array has no end")


def parse_elements(text: bytes, spans: Sequence[Span]) -> list[Any]:
    """Parse consecutive elements. Raises RequestRefused (400) for invalid JSON."""
    try:
        found = parse_json_text(b"[%b]" % text[spans[0][0] : spans[-1][1]])
    except ValueError as error:
        raise malformed_body(f"the body is no JSON: {error}") from None
    if len(found) != len(spans):
        raise malformed_body("the body is no JSON: something is missing between two commas")
    return list(found)


def object_parts(
    text: bytes, path: Sequence[str], most: int, records: Records
) -> Iterator[dict[str, Any] | None]:
    """Yield a JSON object in smaller parts of the same shape, and None to let other peers have a turn.

    path: keys of the large arrays, from the outside to the inside. A part has some of their elements, and
    all other members. most: longest record in bytes; an innermost element that could only become a longer
    record is left out and counted in `records`. Raises RequestRefused.
    """
    text = text.removeprefix(BOM_UTF8)
    start, stop = skip_space(text), len(text.rstrip(_SPACE))
    if text[start : start + 1] != b"{":
        raise malformed_body("the body is no JSON object")
    for part in _value_parts(text, (start, stop), path, most, records):
        yield part[0] if part else None


def count_elements(text: bytes, path: Sequence[str], most: int) -> int:
    """Return how many innermost elements `object_parts` would yield, with those that are too long."""
    too_long, number = Records(), 0
    for part in object_parts(text, path, most, too_long):
        number += 0 if part is None else _elements_below(part, path)
    return number + too_long.refused_count


def _elements_below(value: Any, path: Sequence[str]) -> int:
    if not (path and isinstance(value, dict)):
        return 1
    found = value.get(path[0]) or ()
    return sum(_elements_below(one, path[1:]) for one in found) if type(found) is list else 1


def _value_parts(
    text: bytes, span: Span, path: Sequence[str], most: int, records: Records
) -> Iterator[list[Any]]:
    """Yield each part in a list of one, and an empty list to let other peers have a turn."""
    start, stop = span
    if not path or stop - start <= PIECE or text[start : start + 1] != b"{":
        if stop - start > max(PIECE, SPARE * most):
            records.count_oversize(stop - start)
        else:
            yield parse_elements(text, [span])
        return
    beside: dict[str, Any] = {}
    found: Span | None = None
    size = number = 0
    for member in _member_spans(text, start, stop):
        if member is None:
            yield []
            continue
        key, where = member
        number += 1
        if number % _TURN == 0:
            yield []
        if key == path[0]:
            found = where
            continue
        size += where[1] - where[0]
        if size > _MOST_BESIDE or number > _MOST_MEMBERS:
            raise RequestRefused(413, "the body has too much beside its records")
        beside[key] = parse_elements(text, [where])[0]
    if found is None:
        yield [beside]
        return
    at = skip_space(text, found[0])
    if text[at : at + 1] != b"[":
        yield [{**beside, path[0]: parse_elements(text, [found])[0]}]
        return
    for spans in element_spans(text, at, found[1]):
        for some in _large_first_alone(spans):
            if some[-1][1] - some[0][0] <= 2 * PIECE:
                yield [{**beside, path[0]: parse_elements(text, some)}]
                continue
            inside = (skip_space(text, some[0][0]), some[0][1])
            for part in _value_parts(text, inside, path[1:], most, records):
                yield [{**beside, path[0]: part}] if part else []
        yield []


def _large_first_alone(spans: Sequence[Span]) -> Iterator[Sequence[Span]]:
    """Yield the first element alone if it is large, then the others together."""
    if spans and spans[0][1] - spans[0][0] > PIECE:
        yield spans[:1]
        spans = spans[1:]
    if spans:
        yield spans


def _member_spans(text: bytes, start: int, stop: int) -> Iterator[tuple[str, Span] | None]:
    """Yield key and value span of each member of an object, and None to let other peers have a turn.

    Raises RequestRefused.
    """
    begin, colon = start + 1, -1
    for commas, colons, end in _find_separators(text, start):
        places = sorted([*commas.tolist(), *colons.tolist(), *([end] if end >= 0 else ())])
        for place in places:
            if text[place] == _COLON_SIGN:
                if colon >= 0:
                    raise malformed_body("the body is no JSON: a member has two colons")
                colon = place
                continue
            if colon >= 0:
                [key] = parse_elements(text, [(begin, colon)])
                if not isinstance(key, str):
                    raise malformed_body("the body is no JSON: a key is no string")
                yield key, (colon + 1, place)
            elif text[begin:place].strip(_SPACE) or place != end or begin > start + 1:
                raise malformed_body("the body is no JSON: a member has no colon")
            begin, colon = place + 1, -1
        if end >= 0:
            if text[end : end + 1] != b"}" or text[end + 1 : stop].strip(_SPACE):
                raise malformed_body("the body is no JSON: something follows its end")
            return
        yield None
    raise malformed_body("the body is no JSON: an object has no end")


def value_spans(text: bytes, piece: int = PIECE) -> Iterator[list[Span]]:
    """Yield lists, some of them empty, of the spans of a text that each end with an object or array.

    The values follow each other without commas. A span begins at the end of the one before, so white space
    or anything invalid may stand before its object. The spans of one list end within the same `piece` bytes
    of the text. Bytes after the last object are in no span. Other peers may have a turn after each list.
    """
    begin = 0
    for places, kinds, depths in _scan(text, 0, piece):
        spans: list[Span] = []
        for end in (places[(depths == 0) & (kinds == _CLOSE)] + 1).tolist():
            spans.append((begin, end))
            begin = end
        yield spans


def _find_separators(text: bytes, start: int) -> Iterator[tuple[Places, Places, int]]:
    """Yield the commas and colons directly inside the bracket at `start`, piece by piece.

    The third value is where this bracket closes, -1 if that is not in the piece.
    """
    for places, kinds, depths in _scan(text, start, PIECE):
        closed = np.flatnonzero(depths == 0)
        end = -1
        if len(closed):
            end = int(places[closed[0]])
            before = slice(int(closed[0]))
            places, kinds, depths = places[before], kinds[before], depths[before]
        right = depths == 1
        yield places[right & (kinds == _COMMA)], places[right & (kinds == _COLON)], end
        if end >= 0:
            return


def _scan(
    text: bytes, at: int, size: int
) -> Iterator[tuple[Places, npt.NDArray[np.uint8], npt.NDArray[np.intp]]]:
    """Yield the signs outside strings from `at` on, piece by piece: places, kinds, depths behind them."""
    depth, inside = 0, 0
    while at < len(text):
        stop = min(at + size, len(text))
        if text[stop - 1] == _BACKSLASH:
            # A run of backslashes and the character after it must be in one piece.
            found = _BACKSLASHES.match(text, stop)
            stop = min((found.end() if found else stop) + 1, len(text))
        piece = text[at:stop]
        if b"\\" in piece:
            piece = piece.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        kinds = np.frombuffer(piece.translate(_KINDS), np.uint8)
        # `flatnonzero` is eight times faster on booleans than on numbers.
        places = np.flatnonzero(kinds != 0)
        kinds = kinds[places]
        quotes = kinds == _QUOTE
        quoted = (np.cumsum(quotes) + inside) & 1
        inside = int(quoted[-1]) if len(quoted) else inside
        outside = ~quotes & (quoted == 0)
        places, kinds = places[outside], kinds[outside]
        depths = np.cumsum((kinds == _OPEN).astype(np.int8) - (kinds == _CLOSE), dtype=np.intp)
        depths += depth
        depth = int(depths[-1]) if len(depths) else depth
        yield places + at, kinds, depths
        at = stop
