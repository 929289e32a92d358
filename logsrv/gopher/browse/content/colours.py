"""Colours that a server writes into its lines (SGR of ECMA-48), as spans beside plain text. No I/O.

A line is coloured only if colours are its only escape sequences. With any other sequence, or with one that
hides text or blinks, the caller escapes the whole line, and the user sees the sequence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from logsrv.kit.text.escape import printable
from logsrv.value import Value

# A colour: its number among the 256 of terminals, or (red, green, blue); None for the page's own colour.
Shade = int | tuple[int, int, int] | None
_SGR = re.compile(r"\x1b\[([0-9;]{0,64})m")
_ATTRIBUTES = {1: "bold", 3: "italic", 4: "underline", 7: "reverse"}
# Codes that end an attribute. 2 (faint) is not in the table above: on many terminals nobody can read faint
# text.
_ENDS = {22: "bold", 23: "italic", 24: "underline", 27: "reverse"}


class SpanStyle(Value):
    """The style of a span: colour of the letters, of the background, and Rich's names of attributes."""

    letters: Shade = None
    ground: Shade = None
    attributes: frozenset[str] = frozenset()


class ColouredSpan(NamedTuple):
    """A piece of a line, characters `start` to `end`, and its paint."""

    start: int
    end: int
    paint: SpanStyle


_PLAIN = SpanStyle()
# A line with more sequences is not coloured but escaped: it is no drawing, and megabytes of sequences would
# take seconds.
_MOST_IN_A_LINE = 5000


class ColourParser:
    """The colours of consecutive lines: as on a terminal, a colour lasts into the next line."""

    def __init__(self) -> None:
        self._paint = _PLAIN

    def split_colours(self, text: str) -> tuple[str, tuple[ColouredSpan, ...]] | None:
        """Return the line without colour sequences and with TABs expanded, and the spans with colours.

        None if it has other control characters or sequences.
        """
        pieces = _SGR.split(text)
        if len(pieces) > 2 * _MOST_IN_A_LINE:
            return None
        if any("\n" in piece or printable(piece) != piece for piece in pieces[::2]):
            return None
        shown, width, spans, paint = [], 0, [], self._paint
        for number, piece in enumerate(pieces):
            if number % 2:
                changed = _style_after(paint, piece)
                if changed is None:
                    return None
                paint = changed
            elif piece:
                start, column = width, width % 8
                shown.append((" " * column + piece).expandtabs()[column:])
                width += len(shown[-1])
                if paint != _PLAIN:
                    spans.append(ColouredSpan(start, width, paint))
        self._paint = paint
        return "".join(shown), tuple(spans)


@lru_cache(maxsize=1024)
def _style_after(paint: SpanStyle, parameters: str) -> SpanStyle | None:
    """Return `paint` after a sequence with these parameters; None if that does more than colour."""
    if len(parameters) > 1 and any(len(each) > 3 for each in parameters.split(";")):
        return None
    numbers = iter([int(each or 0) for each in parameters.split(";")])
    for number in numbers:
        if number == 0:
            paint = _PLAIN
        elif name := _ATTRIBUTES.get(number):
            paint = paint.replace(attributes=paint.attributes | {name})
        elif name := _ENDS.get(number):
            paint = paint.replace(attributes=paint.attributes - {name})
        elif 30 <= number <= 37 or 90 <= number <= 97:
            paint = paint.replace(letters=number - 30 if number < 90 else number - 82)
        elif 40 <= number <= 47 or 100 <= number <= 107:
            paint = paint.replace(ground=number - 40 if number < 100 else number - 92)
        elif number in (39, 49):
            paint = paint.replace(**{"letters" if number == 39 else "ground": None})
        elif number in (38, 48):
            shade = _parse_shade(numbers)
            if shade is None:
                return None
            paint = paint.replace(**{"letters" if number == 38 else "ground": shade})
        else:
            return None
    # Drop the background: letters of the same colour would be invisible.
    if paint.letters is not None and paint.letters == paint.ground:
        return paint.replace(ground=None)
    return paint


def _parse_shade(numbers: Iterator[int]) -> Shade:
    kind = next(numbers, None)
    values = [next(numbers, 256) for _ in range({5: 1, 2: 3}.get(kind or 0, 0))]
    if not values or max(values) > 255:
        return None
    return values[0] if len(values) == 1 else (values[0], values[1], values[2])
