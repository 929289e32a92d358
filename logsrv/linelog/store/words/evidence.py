"""Evidence: what every frame that holds a literal must have, and how that is hashed.

Pure Python, for a search of a rare word is over before NumPy would be imported. `scan.py` finds the
same runs and windows in whole frames; what is defined here holds for both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from logsrv.linelog.store.segments.times import SHAPE

RUN = 3
WINDOW = 5
ADDRESS = 7
# Odd, and without a pattern; the highest bits of a product are the slot.
MULTIPLIER = 0x9E3779B97F4A7C15
SECOND_MULTIPLIER = 0xD6E8FEB86659FD93
# Address windows differ from others of the same bytes in this bit.
ADDRESS_MARK = 1 << 63
# JSON may write any character with these, so that a value need not stand in the line as it is.
ESCAPES = (b"\\u", b"\\u00")

_U64 = (1 << 64) - 1
# The letter _ stands behind z, so that letters are a range; { goes where it was.
_CASE = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ_{", b"abcdefghijklmnopqrstuvwxyz{_")
_SHAPE = bytes.maketrans(b"123456789tz", b"000000000TZ")
_OUTSIDE_RUNS = bytes(byte if byte in b"abcdefghijklmnopqrstuvwxyz{" else 0 for byte in range(256))
_DIGITS = frozenset(b"0123456789")
_HEX = _DIGITS | frozenset(b"abcdef")
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz{")
_IN_WORDS = _DIGITS | _LETTERS | frozenset(range(0x80, 0x100))
_IN_ADDRESSES = (_HEX | frozenset(b"."), _HEX | frozenset(b":"))


class LetterRun(NamedTuple):
    """Letters of a literal, and whether the run of a frame that holds them begins and ends with them."""

    letters: bytes
    begins: bool
    ends: bool


class Evidence(NamedTuple):
    """All that a frame with the literal must have. `ids` and `others` are hashes of 64 bits."""

    runs: tuple[LetterRun, ...]
    ids: tuple[int, ...]
    others: tuple[int, ...]

    def __bool__(self) -> bool:
        return any(self)


def folded(text: bytes) -> bytes:
    """Return the text with one case, and with `_` as the letter behind z: both as the index has them."""
    return text.translate(_CASE)


def evidence(literal: bytes) -> Evidence:
    """Return what a frame must have; empty if the index cannot tell."""
    # A frame has whole lines, so a literal with an LF may begin in one frame and end in the next.
    text = b"" if b"\n" in literal else folded(_outside_time(literal))
    runs = [
        LetterRun(letters, at > 0, at + len(letters) < len(text))
        for at, letters in _runs(text)
        if not _HEX.issuperset(letters)
    ]
    windows = _windows(text, WINDOW)
    ids = {window for window in windows if _HEX.issuperset(window)}
    words = {window for window in windows - ids if _IN_WORDS.issuperset(window)}
    others = [window_hash(window) for window in words if not _LETTERS.issuperset(window)]
    for window in _windows(text, ADDRESS):
        if max(window.count(b"."), window.count(b":")) >= 2 and any(
            allowed.issuperset(window) for allowed in _IN_ADDRESSES
        ):
            others += address_hashes(window)
    return Evidence(tuple(runs), tuple(map(window_hash, ids)), tuple(others))


def _runs(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each run of letters with where it begins."""
    at = 0
    for letters in text.translate(_OUTSIDE_RUNS).split(b"\0"):
        if len(letters) >= RUN:
            yield at, letters
        at += len(letters) + 1


def _windows(text: bytes, size: int) -> set[bytes]:
    return {text[at : at + size] for at in range(len(text) - size + 1)}


def _outside_time(literal: bytes) -> bytes:
    """Return the part of a literal that cannot lie in the TIME of a line, which is not indexed."""
    shape = literal.translate(_SHAPE)
    if shape in SHAPE + b" ":
        return b""
    head, space, _ = shape.partition(b" ")
    if space and SHAPE.endswith(head):
        return literal[len(head) :]
    return literal


def window_hash(window: bytes) -> int:
    """Return the hash of five bytes, folded."""
    return int.from_bytes(window, "little") * MULTIPLIER & _U64


def address_hashes(window: bytes) -> tuple[int, int]:
    """Return the two hashes of seven bytes, folded."""
    value = int.from_bytes(window, "little") | ADDRESS_MARK
    return value * MULTIPLIER & _U64, value * SECOND_MULTIPLIER & _U64


def letter_slots(letters: bytes, bits: int) -> set[int]:
    """Return the rows for the windows of three letters, in a table of 2**bits rows."""
    return {_three(*letters[at : at + 3]) >> (15 - bits) for at in range(len(letters) - 2)}


def _three(first: int, second: int, third: int) -> int:
    return ((first & 31) << 10 | (second & 31) << 5 | third & 31) * 0x5A35 & 0x7FFF
