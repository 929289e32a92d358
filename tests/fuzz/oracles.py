"""Checks for every parser: the same outcome however the bytes are cut, safe output, bounded size."""

import random
import zlib
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import TypeVar

Result = TypeVar("Result")

# Inputs up to this size are also cut into single bytes.
_SMALL = 100


def variety(data: bytes) -> random.Random:
    """Return a random generator seeded by the input: the same for the same bytes, so that a defect
    repeats.
    """
    return random.Random(zlib.crc32(data))


def cuts(data: bytes) -> Iterator[list[bytes]]:
    """Yield some ways to cut an input into pieces, as the network may."""
    chosen = sorted(variety(data).choices(range(len(data) + 1), k=min(8, len(data))))
    for places in (chosen, range(1, len(data)) if len(data) <= _SMALL else []):
        edges = [0, *places, len(data)]
        yield [data[begin:end] for begin, end in pairwise(edges)]


def same_however_cut(data: bytes, outcome: Callable[[list[bytes]], Result]) -> Result:
    """Demand the same outcome for an input as a whole and for its pieces; return it."""
    whole = outcome([data])
    for pieces in cuts(data):
        found = outcome(pieces)
        assert found == whole, f"cut as {pieces!r}: {found!r}, as a whole: {whole!r}"
    return whole


def outcome_of(
    make: Callable[[], Result], *errors: type[BaseException]
) -> Result | type[BaseException]:
    """Return the result of `make`, or the class of the error if it is one of `errors`."""
    try:
        return make()
    except errors as error:
        return next(kind for kind in errors if isinstance(error, kind))


def safe(text: str, allowed: str = "\t\n") -> None:
    """Demand that a text has no control characters for a terminal, and no line ends but LF."""
    for character in text:
        code = ord(character)
        control = code < 32 or 127 <= code < 160 or code in (0x2028, 0x2029)
        assert not control or character in allowed, f"{character!r} in {text!r}"


def safe_lines(lines: bytes) -> None:
    """Demand lines as a store holds them: UTF-8, the last one ended, no control characters."""
    assert lines.endswith(b"\n") or not lines, lines
    safe(lines.decode())


def at_most(size: int, most: int) -> None:
    """Demand that the size of what was made is at most `most`."""
    assert size <= most, f"{size} were made of what may become {most}"
