"""The lines of a block, looked at together: are they what a store of our own would hold (no I/O)?"""

from __future__ import annotations

from collections.abc import Iterator

import numpy

from logsrv.linelog.fields.many.stamps import NO_TIME, Stamps
from logsrv.linelog.framing.clean import is_clean

LONGEST_STAMP = 1024
_PIECE = 1 << 20
_DEL = 127


def check_lines(text: bytes, *, raw: bool) -> Iterator[int]:
    """Yield the number of lines of each piece of a text that ends with an LF.

    raw: their messages may hold any bytes. Raises ValueError with one sentence, which says what is wrong
    with the first wrong piece.
    """
    start = 0
    while start < len(text):
        end = text.rfind(b"\n", start, start + _PIECE) + 1 or text.index(b"\n", start) + 1
        piece = text[start:end]
        start = end
        if not raw and not is_clean(piece):
            raise ValueError(
                "a line has bytes that are no UTF-8, or control characters, which a store without --raw"
                " does not hold"
            )
        # Without the bytes that a source may not have, nobody has to look where they are.
        yield _check_stamps(piece, odd=raw or not piece.isascii() or b"\t" in piece)


def _check_stamps(piece: bytes, *, odd: bool) -> int:
    stamps = Stamps(piece)
    if len(stamps.stamped) != len(stamps) or (stamps.moments() == NO_TIME).any():
        raise ValueError("a line does not begin with a TIME and a SOURCE")
    if int((stamps.messages - stamps.starts).max()) > LONGEST_STAMP:
        raise ValueError(f"a line has a SOURCE that is longer than {LONGEST_STAMP} bytes")
    if odd:
        codes = numpy.frombuffer(piece, numpy.uint8)
        places = numpy.flatnonzero((codes < 0x20) & (codes != 0x0A) | (codes >= _DEL))
        lines = numpy.searchsorted(stamps.starts, places, side="right") - 1
        if (places < stamps.messages[lines]).any():
            raise ValueError("a line has a SOURCE that is not printable ASCII")
    return len(stamps)
