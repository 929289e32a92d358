"""Find where JSON values end that follow each other without commas between them (sans-IO)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from logsrv.linelog.formats.http.json_parts import PIECE, Span

_BACKSLASHES = re.compile(rb"\\*")
_BACKSLASH = 0x5C
_QUOTE, _OPEN, _CLOSE = 1, 2, 3
_KINDS = bytes.maketrans(
    bytes(range(256)),
    bytes(
        {0x22: _QUOTE, 0x5B: _OPEN, 0x7B: _OPEN, 0x5D: _CLOSE, 0x7D: _CLOSE}.get(one, 0)
        for one in range(256)
    ),
)


def value_spans(text: bytes, piece: int = PIECE) -> Iterator[list[Span]]:
    """Yield lists, some of them empty, of the spans of a text that each end with an object or array.

    A span begins at the end of the one before, so white space or anything invalid may stand before its
    object. The spans of one list end within the same `piece` bytes of the text. Bytes after the last object
    are in no span. Other peers may have a turn after each list.
    """
    begin = at = depth = quoted = 0
    while at < len(text):
        stop = min(at + piece, len(text))
        if text[stop - 1] == _BACKSLASH:
            # A run of backslashes and the character after it must be in one piece.
            found = _BACKSLASHES.match(text, stop)
            stop = min((found.end() if found else stop) + 1, len(text))
        part = text[at:stop]
        if b"\\" in part:
            part = part.replace(b"\\\\", b"__").replace(b'\\"', b"__")
        kinds = np.frombuffer(part.translate(_KINDS), np.uint8)
        places = np.flatnonzero(kinds != 0)
        kinds = kinds[places]
        quotes = kinds == _QUOTE
        inside = (np.cumsum(quotes) + quoted) & 1
        quoted = int(inside[-1]) if len(inside) else quoted
        brackets = ~quotes & (inside == 0)
        places, kinds = places[brackets], kinds[brackets]
        depths = np.cumsum(np.where(kinds == _OPEN, 1, -1)) + depth
        depth = int(depths[-1]) if len(depths) else depth
        spans: list[Span] = []
        for end in (places[(depths == 0) & (kinds == _CLOSE)] + (at + 1)).tolist():
            spans.append((begin, end))
            begin = end
        yield spans
        at = stop
