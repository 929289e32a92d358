"""The units that flow through the line logger: whole lines (Block); where and when they came (Batch).

Neither copies what a socket delivered. A chunk of 64 KiB passes from `recv` to `writev` as itself,
but for the one `replace` that writes the stamp before every line; that is why a Block is a piece cut
out of a chunk and not just a `bytes`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import attrs

from logsrv.kit.text.time import rfc3339

Buffer: TypeAlias = bytes | memoryview
# Bytes of a stamp, besides the source: the time and two spaces.
TIME_AND_SPACES = 29


@attrs.define(frozen=True, slots=True)
class Block:
    """Whole lines, one or more, each ended by one LF: `head + body[start:stop]`.

    head: one whole line that began in an earlier chunk, or b"".
    body: what arrived. `body[start:stop]` is zero or more whole lines; `body[:start]` has no LF but
        possibly as its last byte, and `body[stop:]` has none: so stamping `body` as it stands puts a
        stamp in front of exactly the lines that are wanted, and one more at each end to leave off.
    """

    head: bytes
    body: bytes
    start: int
    stop: int

    @classmethod
    def of(cls, lines: bytes) -> Block:
        """The block of `lines`, a `bytes` of whole lines."""
        return cls(b"", lines, 0, len(lines))

    @classmethod
    def of_bytes(cls, lines: object) -> Block:
        """The same of what a stranger calls lines. Raises ValueError for what are none."""
        if not isinstance(lines, bytes) or not lines.endswith(b"\n"):
            shown = repr(lines[:40] if isinstance(lines, bytes) else lines)
            raise ValueError(
                f"a block is bytes of whole lines, each ended by one LF, not {shown:.80}"
            )
        return cls.of(lines)

    def __len__(self) -> int:
        return len(self.head) + self.stop - self.start

    def __bytes__(self) -> bytes:
        return self.head + self.body[self.start : self.stop]

    @property
    def number(self) -> int:
        """The number of lines."""
        return (1 if self.head else 0) + self.body.count(b"\n", self.start, self.stop)

    def pieces(self, most: int) -> Iterator[Block]:
        """The block in smaller ones, of `most` bytes each or of one line."""
        if self.head:
            yield Block.of(self.head)
        start = self.start
        while start < self.stop:
            cut = self.stop
            if cut - start > most:
                # No LF within `most` bytes: the piece goes up to the first one behind them.
                cut = (
                    self.body.rfind(b"\n", start, start + most) + 1
                    or self.body.index(b"\n", start + most) + 1
                )
            yield Block.of(self.body[start:cut])
            start = cut

    def stamped(self, stamp: bytes) -> list[Buffer]:
        """The lines with `stamp` before each, as buffers to be written one after the other."""
        if self.start == self.stop:
            return [stamp, self.head] if self.head else []
        body = self.body.replace(b"\n", b"\n" + stamp)
        # Everything behind the last LF of the block: its stamp and the tail that is not ours.
        end = len(body) - len(stamp) - (len(self.body) - self.stop)
        lines = memoryview(body)[self.start : end]
        if self.start == 0:
            return [stamp, self.head, stamp, lines] if self.head else [stamp, lines]
        # The LF before `start` has its stamp already: it stands at the beginning of `lines`.
        return [stamp, self.head, lines] if self.head else [lines]


@attrs.define(frozen=True, slots=True)
class Batch:
    """A Block and its circumstances: the unit that flows to the store.

    source: `tcp:127.0.0.1:51234`, `name@udp:[::1]:514`: printable ASCII without spaces.
    received: seconds since 1970, by the clock of the reactor.
    """

    block: Block
    source: str
    received: float

    @property
    def stamp(self) -> bytes:
        """The bytes `TIME SOURCE ` that begin each of the lines in the store."""
        return f"{rfc3339(self.received)} {self.source} ".encode("ascii")

    def stored(self) -> list[Buffer]:
        """The lines in the stored format, as buffers to be written one after the other."""
        return self.block.stamped(self.stamp)

    def lines(self, size: int) -> int:
        """Return how many lines there are, by the bytes they take when they are stored.

        Each has become longer by one stamp: so nobody has to look for their ends.
        """
        return (size - len(self.block)) // (len(self.source) + TIME_AND_SPACES)
