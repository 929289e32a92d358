"""Parts of answers that are remembered: what the same lines add to a question does not change.

A page asks the same again and again: its bars, its values, the panels of a board. Then only what is new is
counted. The process that forks one for each search (http/search_child.py) has the memory; forks
have it, too, and send back what they add.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from hashlib import blake2b, sha256

MOST, LARGEST, EACH = 96 << 20, 1 << 20, 256
"""Bytes of all parts, of a part that is remembered, and those that each takes besides its own."""
_KEY = 16
_NEW = b"+"


def key_of_part(question: str, lines: Sequence[int | bytes]) -> bytes:
    """Return the key of what some lines add to a question. lines: what tells them from all others."""
    return blake2b(f"{question} {lines}".encode(errors="surrogatepass"), digest_size=_KEY).digest()


def _digest_of(pieces: Iterator[bytes]) -> bytes:
    # With the processor's instructions it takes half the time of BLAKE2.
    found = sha256()
    for piece in pieces:
        found.update(piece)
    return found.digest()


class RememberedParts:
    """Parts by what they answer, in bounded memory: those not asked for longest are forgotten."""

    # Methods, so that only a process with a memory loads OpenSSL.
    key_of = staticmethod(key_of_part)
    digest_of = staticmethod(_digest_of)

    def __init__(self) -> None:
        # To find the first key of a plain dict takes the longer the more before it were removed.
        self._parts: OrderedDict[bytes, bytes] = OrderedDict()
        self._size = 0
        self._notes: list[bytes] = []
        self._noted = 0

    def get(self, key: bytes) -> bytes | None:
        """Return a part; None if it is not remembered."""
        return self._parts.get(key)

    def add(self, key: bytes, part: bytes) -> None:
        """Note a part that was asked for, unless it is large; of a known one the key is enough.

        Of a question whose parts take more than half of the memory, the first ones are noted each time.
        """
        self._noted += EACH + len(part)
        if len(part) <= LARGEST and self._noted <= MOST // 2:
            self._notes.append(key if key in self._parts else key + _NEW + part)

    def take_notes(self) -> list[bytes]:
        """Return the notes since the last call, for `keep`."""
        notes, self._notes, self._noted = self._notes, [], 0
        return notes

    def keep(self, note: bytes) -> None:
        """Remember a part that another process has noted."""
        key, new = note[:_KEY], note[_KEY:]
        if not new and key not in self._parts:
            # Forgotten since that process was forked.
            return
        part = new.removeprefix(_NEW) if new else self._parts[key]
        self._forget(key)
        self._parts[key] = part
        self._size += EACH + len(part)
        while self._size > MOST:
            self._forget(next(iter(self._parts)))

    def _forget(self, key: bytes) -> None:
        if key in self._parts:
            self._size -= EACH + len(self._parts.pop(key))
