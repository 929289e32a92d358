"""The index beside a sealed segment: the offsets of its frames, so that a reader can start anywhere.

The file has four lines of JSON, checksums, and what it keeps of continuation lines.

The first line is the head: "format" (6), "segment", "text" and "compressed" (sizes in bytes), "lines",
"times" of the segment, "size" and "crc" (bytes and CRC-32 of all that follows the head), and "rules"; then
a space and the CRC-32 of the JSON object in eight hexadecimal digits. "times" are the smallest and the
largest TIME, null if no line has one, and whether every line is between the two (`times.py`). So the head
alone tells whether a search can skip the segment, and a reader notices a flipped bit anywhere in the file.

The second line is a list of the frames in order: [offset in the text, offset in the compressed file, lines
before, smallest, largest, sure, goes on], the three before the last as in "times"; the last is whether a
line of the frame may go on with a record that begins before it (`fields/continuations/first_lines.py`).

The third line has for each frame the number of its lines without a level, then the number for each level,
the least severe first; null if they were not counted. "rules" is the version of the rules that give a line
its level (`fields.level_names.RULES`): numbers that were counted by other rules are not used.

The fourth line has for each frame how many bytes are kept of its continuation lines at the end of the file,
one frame after the other (`kept_continuations.py`); null if readers have to look for them.

For each frame there are two checksums, the CRC-32 of its text and the CRC-32 of its compressed bytes, four
bytes each, little-endian. So a frame can be verified and shipped, with the CRC-32 of its text, without
unpacking it. The checksums end before the first frame whose text does not end with an LF.

Format 5 has no fourth line; format 4 does not tell which frames go on; format 3 has no checksums; format 2
has no third line and no "rules" either.

This module only reads indexes, without NumPy, because a search begins with it. `indexing.py` makes them.
"""

from __future__ import annotations

import json
import zlib
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from logsrv.kit.text.words import fault_text
from logsrv.linelog.fields.level_names import RULES
from logsrv.linelog.fields.stored_line import Choice, FirstLines
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.frames import MOST_FRAMES
from logsrv.linelog.store.index.kept_continuations import (
    KeptContinuations,
    decode_continuations,
    decode_kept,
)
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.times import Times, combine_times

_Read = TypeVar("_Read")

FORMAT = 6
_FORMATS = (2, 3, 4, 5, FORMAT)
_WITH_CONTINUATIONS = 6
_MARK = b'{"format":'
# A head takes some 260 bytes.
_MOST_HEAD = 512
# The most bytes that are read of a file; 2^18 frames of 200 bytes each take fewer. A longer file is read
# in part, so it counts as damaged.
_MOST = 64 << 20
# The most commas and brackets in a line: a frame has seven in the second line, and ten in the third.
_MOST_VALUES = 10 * MOST_FRAMES
_CRC = len(" 89abcdef")
_SUMS = 8


class FrameStart(NamedTuple):
    """A Zstandard frame: about 1 MiB of whole lines that can be read on their own.

    text, at: the offsets of its beginning in the text and in the compressed file.
    lines: the number of lines before it in the segment. goes_on: whether a line may go on with a record
    that begins before the frame.
    """

    text: int
    at: int
    lines: int
    times: Times
    goes_on: bool = True


class FrameChecksums(NamedTuple):
    """The CRC-32 of the text of a frame, and of its compressed bytes."""

    text: int
    packed: int


class IndexHead(NamedTuple):
    """The first line of an index: the totals, and the size and the CRC-32 of all that follows it."""

    segment: int
    text: int
    compressed: int
    lines: int
    times: Times
    size: int
    crc: int
    rules: int = 0


class Index(NamedTuple):
    """The frames of sealed segment number `segment`, and the totals.

    format: the version of the format of the file.
    rules: the version of the rules for levels when the lines were counted; 0 for none.
    levels: for each frame, the number of lines without a level, then with each; None if not counted.
    sums: the checksums as stored, up to the first frame whose text does not end with an LF.
    continuations: for each frame what is kept of its continuation lines; None if nothing is.
    """

    segment: int
    text: int = 0
    compressed: int = 0
    lines: int = 0
    frames: tuple[FrameStart, ...] = ()
    format: int = FORMAT
    rules: int = 0
    levels: tuple[tuple[int, ...] | None, ...] = ()
    sums: bytes = b""
    continuations: tuple[bytes | None, ...] = ()

    @property
    def times(self) -> Times:
        return combine_times(frame.times for frame in self.frames)

    def frame_number_at(self, offset: int) -> int:
        """Return the frame that holds byte `offset` of the text; len(frames) at or past the end."""
        if offset >= self.text:
            return len(self.frames)
        return bisect_right(self.frames, offset, key=lambda frame: frame.text) - 1

    def packed_extent(self, number: int) -> tuple[int, int]:
        """Return where frame `number` begins in the compressed file, and how many bytes it has."""
        start = self.frames[number].at
        after = self.frames[number + 1].at if number + 1 < len(self.frames) else self.compressed
        return start, after - start

    def first_lines_of_frame(
        self, number: int, text: bytes, choose: Choice | None = None
    ) -> FirstLines | None:
        """Return the first lines of the continuation lines of frame `number`, which has this text.

        choose: if given, it chooses among them. None if they are not kept, or only by
        other rules, or damaged.
        """
        kept = self._continuations_of_frame(number)
        if kept is None:
            return None
        try:
            return decode_continuations(kept, text, self._lines_of_frame(number), choose)
        except ValueError:
            return None

    def continuations_of_frame(self, number: int) -> KeptContinuations | None:
        """Return the continuation lines of frame `number`; None as `first_lines_of_frame`."""
        kept = self._continuations_of_frame(number)
        if kept is None:
            return None
        try:
            return decode_kept(kept, self._lines_of_frame(number))
        except ValueError:
            return None

    def _continuations_of_frame(self, number: int) -> bytes | None:
        if self.rules != RULES or not self.continuations:
            return None
        return self.continuations[number]

    def _lines_of_frame(self, number: int) -> int:
        after = self.frames[number + 1].lines if number + 1 < len(self.frames) else self.lines
        return after - self.frames[number].lines

    def checksums_of_frame(self, number: int) -> FrameChecksums | None:
        """Return the checksums of frame `number`; None if they are unknown."""
        found = self.sums[_SUMS * number : _SUMS * (number + 1)]
        if len(found) < _SUMS:
            return None
        return FrameChecksums(
            int.from_bytes(found[:4], "little"), int.from_bytes(found[4:], "little")
        )

    def lost_if_cut(self, size: int) -> tuple[int, int]:
        """Return the lines and the bytes of text that are missing if the file has only `size` bytes."""
        for number, frame in enumerate(self.frames):
            if sum(self.packed_extent(number)) > size:
                return self.lines - frame.lines, self.text - frame.text
        return 0, 0


def decode_index(data: bytes) -> Index:
    """Return the index in the content of a file. Raises ValueError if it is damaged, or no index."""
    return _parse_or_value_error(_decode, data)


def decode_head(data: bytes) -> IndexHead:
    """Return the head in `data`, which is an index or its beginning. Raises ValueError if it is damaged."""
    return _parse_or_value_error(_decode_head_and_format, data)[0]


def _parse_or_value_error(read: Callable[[bytes], _Read], data: bytes) -> _Read:
    try:
        return read(data)
    except (KeyError, TypeError, OverflowError) as error:
        raise ValueError(f"this is no index of a segment: {fault_text(error)}") from error
    except RecursionError as error:
        raise ValueError("this is no index of a segment: it is nested too deeply") from error


def _decode(data: bytes) -> Index:
    head, format_ = _decode_head_and_format(data)
    body = data[data.index(b"\n") + 1 :]
    if len(body) != head.size or zlib.crc32(body) != head.crc:
        raise ValueError("it is damaged: its frames have another checksum")
    first, _, rest = body.partition(b"\n")
    frames = tuple(
        FrameStart(
            require_count(text),
            require_count(at),
            require_count(lines),
            _require_times(smallest, largest, sure),
            goes_on != [False] or head.rules != RULES,
        )
        for text, at, lines, smallest, largest, sure, *goes_on in _parse_list(first)
    )
    totals = head.segment, head.text, head.compressed, head.lines
    second, _, sums = rest.partition(b"\n")
    levels = _parse_list(second) if head.rules else []
    kept: tuple[bytes | None, ...] = ()
    if format_ >= _WITH_CONTINUATIONS:
        third, _, rest = sums.partition(b"\n")
        sums, kept = _cut_off(rest, _parse_list(third))
        if len(kept) != len(frames):
            raise ValueError("it tells the continuation lines of other frames")
    if not head.rules:
        return Index(*totals, frames, format_, sums=sums)
    counts = tuple(None if found is None else tuple(found) for found in levels)
    return Index(*totals, frames, format_, head.rules, counts, sums, kept)


def _cut_off(data: bytes, sizes: list[int | None]) -> tuple[bytes, tuple[bytes | None, ...]]:
    """Return the beginning of some bytes, and pieces of these sizes at their end; None for one of None.

    Raises ValueError if there are fewer bytes.
    """
    at = begin = len(data) - sum(require_count(size or 0) for size in sizes)
    if begin < 0:
        raise ValueError("it keeps less of continuation lines than it says")
    found: list[bytes | None] = []
    for size in sizes:
        found.append(None if size is None else data[at : at + size])
        at += size or 0
    return data[:begin], tuple(found)


def _parse_list(line: bytes) -> list[Any]:
    """Return the list in a line. Raises ValueError if it is too long: `[],` takes 20 times its bytes."""
    if sum(map(line.count, (b",", b"[", b"{"))) > _MOST_VALUES:
        raise ValueError("it has more frames than a segment may have")
    found: list[Any] = json.loads(line)
    return found


def _decode_head_and_format(data: bytes) -> tuple[IndexHead, int]:
    """Return the head and the number of the format."""
    if not data.startswith(_MARK):
        raise ValueError("it has no head that this version knows")
    line = data[: data.find(b"\n")]
    text = line[:-_CRC]
    if line[-_CRC:] != b" %08x" % zlib.crc32(text):
        raise ValueError("it is damaged: its head has another checksum")
    found = json.loads(text)
    if found["format"] not in _FORMATS:
        raise ValueError(f"it has format {found['format']}, which this version does not know")
    found.setdefault("rules", 0)
    head = IndexHead(*(found[name] for name in IndexHead._fields))
    for number in (head.segment, head.text, head.compressed, head.lines):
        require_count(number)
    return head._replace(times=_require_times(*found["times"])), found["format"]


def require_count(found: object) -> int:
    """Return `found` if it is a valid count. Raises TypeError if not, which a checksum cannot exclude."""
    if type(found) is int and 0 <= found < 1 << 62:
        return found
    raise TypeError("a number is invalid")


def _require_times(smallest: object, largest: object, sure: object) -> Times:
    match smallest, largest:
        case (str() | None) as first, (str() | None) as last:
            return Times(first, last, sure is True)
    raise TypeError("a time is invalid")


def load(packed: Segment, disk: Disk) -> Index:
    """Return the index of a packed segment.

    Raises OSError, and ValueError if it is damaged, or belongs to another segment.
    """
    index = decode_index(disk.read(packed.index, _MOST))
    _require_number(packed, index.segment)
    return index


def load_head(packed: Segment, disk: Disk) -> IndexHead:
    """Return the head of the index of a packed segment.

    Raises OSError, and ValueError if it is damaged, or belongs to another segment.
    """
    head = decode_head(disk.read(packed.index, _MOST_HEAD))
    _require_number(packed, head.segment)
    return head


def is_of_this_version(found: Index) -> bool:
    """Tell whether an index has all that this version writes, by its rules; else readers need the text."""
    return found.format == FORMAT and found.rules == RULES


def text_size_and_lines(segment: Segment, disk: Disk) -> tuple[int, int]:
    """Return the bytes and the lines of a sealed text, by the head of its index if it is compressed.

    Raises OSError, and ValueError if the index is damaged.
    """
    if segment.form is Form.PACKED:
        head = load_head(segment, disk)
        return head.text, head.lines
    size = lines = 0
    for piece in disk.pieces(segment.name):
        size += len(piece)
        lines += piece.count(b"\n")
    return size, lines


def _require_number(packed: Segment, number: int) -> None:
    if number != packed.number:
        raise ValueError(f"this is the index of segment {number}, not of {packed.number}")
