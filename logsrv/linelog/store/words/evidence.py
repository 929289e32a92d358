"""Evidence: the runs and windows that every frame with a literal must have, and their hashes.

It is pure Python, because a search for a rare word is faster than the import of NumPy. `scan.py` finds the
same runs and windows in whole frames, by the same definitions.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from logsrv.linelog.store.times import SHAPE

RUN = 3
WINDOW = 5
ADDRESS = 7
# Odd numbers without a pattern, for hashes: the highest bits of a product are the number of the row.
MULTIPLIER = 0x9E3779B97F4A7C15
SECOND_MULTIPLIER = 0xD6E8FEB86659FD93
# Set in an address window before hashing, so that other windows of the same bytes have other hashes.
ADDRESS_MARK = 1 << 63
# JSON may write any character with these escapes, so a line that has one may have a value in another form:
# the index finds the frames with such lines.
ESCAPES = (b"\\u", b"\\u00")

_U64 = (1 << 64) - 1
# `_` and `{` are exchanged: `{` is the character after z, so all letters are one range.
_CASE = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ_{", b"abcdefghijklmnopqrstuvwxyz{_")
_SHAPE = bytes.maketrans(b"123456789tz", b"000000000TZ")
_OUTSIDE_RUNS = bytes(byte if byte in b"abcdefghijklmnopqrstuvwxyz{" else 0 for byte in range(256))
_DIGITS = frozenset(b"0123456789")
_HEX = _DIGITS | frozenset(b"abcdef")
_LETTERS = frozenset(b"abcdefghijklmnopqrstuvwxyz{")
_IN_WORDS = _DIGITS | _LETTERS | frozenset(range(0x80, 0x100))
_IN_ADDRESSES = (_HEX | frozenset(b"."), _HEX | frozenset(b":"))


class LetterRun(NamedTuple):
    """Letters of a literal. begins, ends: whether a matching run has to begin, or to end, with them."""

    letters: bytes
    begins: bool
    ends: bool


class Evidence(NamedTuple):
    """The runs and windows that a frame with a literal must have. ids, others: hashes of 64 bits."""

    runs: tuple[LetterRun, ...]
    ids: tuple[int, ...]
    others: tuple[int, ...]

    def __bool__(self) -> bool:
        return any(self)


def folded(text: bytes) -> bytes:
    """Return the text as the index has it: in lower case, and with `{`, the character after z, for `_`."""
    return text.translate(_CASE)


def evidence(literal: bytes) -> Evidence:
    """Return the evidence that a frame with a literal must have; it is empty if the index cannot help."""
    # Frames have whole lines, so a literal with an LF may begin in one frame and end in the next.
    text = b"" if b"\n" in literal else folded(_part_outside_time(literal))
    runs = [
        LetterRun(letters, at > 0, at + len(letters) < len(text))
        for at, letters in _letter_runs(text)
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


def _letter_runs(text: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the offset and the letters of each run."""
    at = 0
    for letters in text.translate(_OUTSIDE_RUNS).split(b"\0"):
        if len(letters) >= RUN:
            yield at, letters
        at += len(letters) + 1


def _windows(text: bytes, size: int) -> set[bytes]:
    return {text[at : at + size] for at in range(len(text) - size + 1)}


def _part_outside_time(literal: bytes) -> bytes:
    """Return the part of a literal that cannot be in the TIME of a line, which is not indexed."""
    shape = literal.translate(_SHAPE)
    if shape in SHAPE + b" ":
        return b""
    head, space, _ = shape.partition(b" ")
    if space and SHAPE.endswith(head):
        return literal[len(head) :]
    return literal


def window_hash(window: bytes) -> int:
    """Return the hash of a folded window of five bytes."""
    return int.from_bytes(window, "little") * MULTIPLIER & _U64


def address_hashes(window: bytes) -> tuple[int, int]:
    """Return the two hashes of a folded window of seven bytes."""
    value = int.from_bytes(window, "little") | ADDRESS_MARK
    return value * MULTIPLIER & _U64, value * SECOND_MULTIPLIER & _U64


def hash_slots(hashes: Iterable[int], bits: int) -> set[int]:
    """Return the numbers of the rows for some hashes of 64 bits, in a table of 2**bits rows."""
    return {value >> 64 - bits for value in hashes}


def letter_slots(letters: bytes, bits: int) -> set[int]:
    """Return the numbers of the rows for all windows of three letters, in a table of 2**bits rows."""
    return {
        _hash_three_letters(*letters[at : at + 3]) >> (15 - bits) for at in range(len(letters) - 2)
    }


def _hash_three_letters(first: int, second: int, third: int) -> int:
    return ((first & 31) << 10 | (second & 31) << 5 | third & 31) * 0x5A35 & 0x7FFF
