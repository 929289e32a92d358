"""Finding a literal whatever the case of its letters, without lowering all of a megabyte."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Lowering a megabyte takes about as long as looking at so many wrong places.
_MOST_WRONG = 1000
_SHORTEST = 3
_LETTERS = b"abcdefghijklmnopqrstuvwxyz"
_AS_ONE_LETTER = bytes.maketrans(_LETTERS, b"a" * len(_LETTERS))


def caseless_find(text: bytes, needle: bytes) -> Callable[..., int]:
    """Return `find` of a text, for `needle` only, which is in small letters; case of ASCII is ignored.

    What of the needle has no case, mostly the digits of an id, is looked for as it stands, until it was
    found at too many places where the rest is missing.
    """
    anchor = max(needle.translate(_AS_ONE_LETTER).split(b"a"), key=len)
    if len(anchor) < _SHORTEST:
        return text.lower().find
    before, size = needle.index(anchor), len(needle)
    wrong = 0
    folded = b""

    def find(_: bytes, start: int = 0, end: int = len(text)) -> int:
        nonlocal wrong, folded
        while wrong < _MOST_WRONG:
            found = text.find(anchor, start + before, end)
            if found < 0:
                return -1
            start = found - before
            if start + size <= end and text[start : start + size].lower() == needle:
                return start
            start += 1
            wrong += 1
        folded = folded or text.lower()
        return folded.find(needle, start, end)

    return find
