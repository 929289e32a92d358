"""The index beside a sealed segment: where its frames begin, so that a reader can start anywhere.

JSON, one object: "segment", "text" and "compressed" (sizes in bytes), "lines", "first" and "last" (the
TIME of the first and last line as it stands there, null if it does not), and "frames", a list of
[offset in the text, offset in the compressed file, lines before, first, last], in order.

This is the reading of it, which a search begins with: so it imports little. `indexing.py` makes it.
"""

from __future__ import annotations

import os

from logsrv.linelog.store import zstd
from logsrv.named import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, ClassVar

    from logsrv.linelog.store.disk import Disk
    from logsrv.linelog.store.segment import Segment


class Frame(NamedTuple):
    """A Zstandard frame: about 1 MiB of whole lines that can be read on their own.

    text, at: where it begins in the text and in the compressed file.
    lines: how many lines stand before it in the segment.
    """

    text: int
    at: int
    lines: int
    first: str | None
    last: str | None


class Index(NamedTuple):
    """The frames of sealed segment number `segment`, and the totals."""

    segment: int
    text: int
    compressed: int
    lines: int
    frames: tuple[Frame, ...]

    def frame_of(self, offset: int) -> int:
        """Return the frame that holds byte `offset` of the text; len(frames) at or past the end."""
        if offset >= self.text:
            return len(self.frames)
        from bisect import bisect_right

        return bisect_right(self.frames, offset, key=lambda frame: frame.text) - 1

    def extent(self, number: int) -> tuple[int, int]:
        """Return where frame `number` begins in the compressed file, and how many bytes it has."""
        start = self.frames[number].at
        after = self.frames[number + 1].at if number + 1 < len(self.frames) else self.compressed
        return start, after - start

    def missing(self, size: int) -> tuple[int, int]:
        """Return how many lines, and bytes of text, a file of `size` bytes holds too few."""
        for number, frame in enumerate(self.frames):
            if sum(self.extent(number)) > size:
                return self.lines - frame.lines, self.text - frame.text
        return 0, 0


def decode(data: bytes) -> Index:
    """Return what `encode` was given. Raises ValueError for anything else."""
    try:
        found = _read(data)
        return Index(
            int(found["segment"]),
            int(found["text"]),
            int(found["compressed"]),
            int(found["lines"]),
            tuple(
                Frame(int(text), int(at), int(lines), _time(first), _time(last))
                for text, at, lines, first, last in found["frames"]
            ),
        )
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"this is no index of a segment: {error!r} is wrong or missing") from error
    except RecursionError as error:
        raise ValueError("this is no index of a segment: it is nested too deeply") from error


class _Scanned:
    """The settings of json's scanner, and its state."""

    strict = True
    object_hook = object_pairs_hook = None
    parse_float, parse_int, parse_constant = float, int, float
    memo: ClassVar[dict[str, str]] = {}


def _read(data: bytes) -> Any:
    """Return what is in a piece of JSON. Raises ValueError and RecursionError."""
    try:
        # What json is made of: loading all of it takes longer than looking up the words of eight segments.
        from _json import make_scanner

        text = data.decode()
        found, end = make_scanner(_Scanned)(text, 0)  # type: ignore[arg-type]
        if not text[end:].strip():
            return found
    except (ImportError, StopIteration):
        pass
    import json

    return json.loads(data)


def _time(found: object) -> str | None:
    if found is None or isinstance(found, str):
        return found
    raise TypeError("a time")


def load(packed: Segment, disk: Disk) -> Index:
    """Return the index of a packed segment. Raises OSError, and ValueError if it is another's."""
    index = decode(disk.read(packed.index))
    if index.segment != packed.number:
        raise ValueError(f"this is the index of segment {index.segment}, not of {packed.number}")
    return index


def frames(packed: Segment, disk: Disk) -> Iterator[tuple[bytes, int]]:
    """Yield the text of each frame and how many bytes it takes, without the index.

    Raises OSError; ValueError for a damaged file, behind the frames that are whole.
    """
    data = b""
    count = 0
    with open(disk.open(packed.name, os.O_RDONLY), "rb") as file:
        while data or (data := file.read(1 << 20)):
            decompressor = zstd.ZstdDecompressor().decompressobj()
            text, taken = [], 0
            try:
                while not decompressor.eof:
                    if not data and not (data := file.read(1 << 20)):
                        raise ValueError(f"it ends in the middle of frame {count + 1}")
                    text.append(decompressor.decompress(data))
                    taken += len(data)
                    data = b""
            except zstd.ZstdError as error:
                raise ValueError(str(error)) from error
            data = decompressor.unused_data
            count += 1
            yield b"".join(text), taken - len(data)
