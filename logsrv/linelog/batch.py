"""The units that flow through the line logger: a Block of whole lines, a Batch with their source and time.

Neither copies the bytes that a socket delivered. Between `recv` and `writev`, a chunk of 64 KiB is copied
only by the `replace` that writes the stamp before every line. So a Block refers to a part of a chunk, and
is not just a `bytes`.
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
    """Whole lines, at least one, each ended by one LF: `head + body[start:stop]`.

    head: one whole line that began in an earlier chunk, or b"".
    body: the chunk that arrived. `body[start:stop]` is zero or more whole lines. `body[:start]` may have an
        LF only as its last byte, and `body[stop:]` has none. So one `replace` over all of `body` stamps
        exactly these lines; only a line at index 0 gets no stamp, and one stamp too many follows the last.
    """

    head: bytes
    body: bytes
    start: int
    stop: int

    @classmethod
    def of(cls, lines: bytes) -> Block:
        """Return the block of `lines`, a `bytes` of whole lines."""
        return cls(b"", lines, 0, len(lines))

    @classmethod
    def of_bytes(cls, lines: object) -> Block:
        """Return the block of lines from any caller. Raises ValueError unless they are whole lines."""
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
        """Yield the block in smaller ones, each of at most `most` bytes or of one line."""
        if self.head:
            yield Block.of(self.head)
        start = self.start
        while start < self.stop:
            cut = self.stop
            if cut - start > most:
                # Without an LF in the first `most` bytes, the piece ends at the next one.
                cut = (
                    self.body.rfind(b"\n", start, start + most) + 1
                    or self.body.index(b"\n", start + most) + 1
                )
            yield Block.of(self.body[start:cut])
            start = cut

    def stamped(self, stamp: bytes) -> list[Buffer]:
        """Return the lines with `stamp` before each, as buffers to write one after the other."""
        if self.start == self.stop:
            return [stamp, self.head] if self.head else []
        body = self.body.replace(b"\n", b"\n" + stamp)
        # Leave off the stamp after the block's last LF, and the rest of `body`.
        end = len(body) - len(stamp) - (len(self.body) - self.stop)
        lines = memoryview(body)[self.start : end]
        if self.start == 0:
            return [stamp, self.head, stamp, lines] if self.head else [stamp, lines]
        # The stamp after the LF before `start` is the beginning of `lines`.
        return [stamp, self.head, lines] if self.head else [lines]


@attrs.define(frozen=True, slots=True)
class Batch:
    """A Block, its source, and the time when it was received: the unit that flows to the store.

    source: printable ASCII without spaces, such as `tcp:127.0.0.1:51234` or `name@udp:[::1]:514`.
    received: in seconds since 1970, by the clock of the reactor.
    """

    block: Block
    source: str
    received: float

    @property
    def stamp(self) -> bytes:
        """The bytes `TIME SOURCE ` at the beginning of each line in the store."""
        return f"{rfc3339(self.received)} {self.source} ".encode("ascii")

    def stored(self) -> list[Buffer]:
        """Return the lines in the stored format, as buffers to write one after the other."""
        return self.block.stamped(self.stamp)

    def lines(self, size: int) -> int:
        """Return the number of lines. size: bytes that they take in the store.

        Each line has become longer by one stamp, so their ends need not be counted.
        """
        return (size - len(self.block)) // (len(self.source) + TIME_AND_SPACES)


@attrs.define(frozen=True, slots=True)
class StampedText:
    """Lines in the stored format, which a store appends as it does a `Batch`. number: of the lines."""

    text: bytes
    number: int

    def stored(self) -> list[Buffer]:
        """Return the lines in the stored format."""
        return [self.text]

    def lines(self, size: int) -> int:
        """Return the number of lines."""
        return self.number
