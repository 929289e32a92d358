"""The file of columns: its identity, its metadata, and its checksums.

It is a Parquet file for every engine. Its metadata has two entries of ours. `logsrv` is JSON: the segment,
the versions of the format and of the rules, and how each field is stored. `logsrv.crc` has CRC-32 checksums
in hexadecimal, eight digits each: of the footer, with zeros instead of these digits, then of each column
chunk. So nothing is read that differs from the bytes that were written.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pyarrow._parquet import FileMetaData

from logsrv.descriptor import pieces_between
from logsrv.linelog.columns import OnlyTextTells
from logsrv.linelog.fields.level_names import FIELD_RULES, RULES
from logsrv.linelog.fields.stored_line import OF_SOURCE
from logsrv.linelog.store.index.segment_index import IndexHead

FORMAT = 2
KEY, CRC_KEY = b"logsrv", b"logsrv.crc"
FIXED = ("position", "time", *OF_SOURCE, "level")
"""The columns that every file has, before those of the fields."""
MAP = "fields"
"""The column with the fields that have no column of their own."""
VERSIONS = [FORMAT, RULES, FIELD_RULES]
_DIGITS = 8
LIST = "["
MAGIC = b"PAR1"
TAIL = 4 + len(MAGIC)
"""The bytes at the end of a Parquet file: the size of the footer before them, and MAGIC."""


def identity_of_segment(head: IndexHead) -> list[int]:
    """Return what tells a segment from others, by the head of its index."""
    return [head.segment, head.text, head.compressed, head.lines, head.crc]


class LineGroupBounds(NamedTuple):
    """A row group: whole frames of the segment.

    start, stop: its offsets in the text. smallest, largest: the times of its lines in microseconds since
    1970; NO_TIME if some line has none.
    """

    start: int
    stop: int
    lines: int
    smallest: int
    largest: int


class ColumnsHead(NamedTuple):
    """Our metadata of a file.

    identity: of the segment. ways: for each field that is stored as numbers, how its texts are written
    (`numbers.py`). lists: fields of which the texts that begin with LIST are lists, as JSON. left_out:
    fields that only the text tells.
    complete: whether no line has a field that is neither a column nor left out.
    """

    identity: list[int]
    groups: list[LineGroupBounds]
    ways: Mapping[str, str]
    lists: list[str]
    left_out: list[str]
    complete: bool

    def encode(self) -> bytes:
        """Return the value of the metadata entry KEY."""
        return json.dumps({"versions": VERSIONS, **self._asdict()}).encode()


def decode_columns_head(data: bytes) -> ColumnsHead:
    """Return our metadata of a file. Raises ValueError; for another version, OnlyTextTells."""
    try:
        found = json.loads(data)
        if found.pop("versions") != VERSIONS:
            raise OnlyTextTells("another version of logsrv made these columns")
        groups = [LineGroupBounds(*one) for one in found.pop("groups")]
        return ColumnsHead(groups=groups, **found)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("the metadata of these columns is invalid") from error


def encode_sums(of_footer: int, of_chunks: Iterable[int]) -> bytes:
    """Return the value of the metadata entry CRC_KEY. of_chunks: by row group and column, in order."""
    return b"".join(b"%08x" % one for one in (of_footer, *of_chunks))


def chunk_bounds(metadata: FileMetaData) -> list[tuple[int, int]]:
    """Return where each column chunk begins in the file, and its size."""
    found = []
    for group in map(metadata.row_group, range(metadata.num_row_groups)):
        for chunk in map(group.column, range(metadata.num_columns)):
            first = chunk.dictionary_page_offset or chunk.data_page_offset
            found.append((min(first, chunk.data_page_offset), chunk.total_compressed_size))
    return found


def offsets_of_sums(footer: bytes) -> slice:
    """Return where the value of CRC_KEY is in a footer. Raises ValueError if it has none."""
    # No text of others comes after this entry. Before the value are a byte for its type, and its size, with
    # seven bits in a byte (Thrift's compact protocol).
    at = footer.rfind(CRC_KEY)
    if at < 0:
        raise ValueError("it has no checksums of logsrv: another program has made it")
    at += len(CRC_KEY) + 1
    size = shift = 0
    for byte in footer[at : at + 5]:
        size |= (byte & 127) << shift
        shift, at = shift + 7, at + 1
        if byte < 128:
            break
    return slice(at, at + size)


def sum_of_footer(footer: bytes, offsets: slice) -> int:
    """Return the checksum of a footer with zeros at `offsets`."""
    size = offsets.stop - offsets.start
    return zlib.crc32(footer[: offsets.start] + b"0" * size + footer[offsets.stop :])


def decode_sums(footer: bytes) -> list[int]:
    """Return the checksums of chunks. Raises ValueError if they are missing, or the footer's is wrong."""
    offsets = offsets_of_sums(footer)
    try:
        data = bytes.fromhex(footer[offsets].decode())
    except ValueError:
        data = b""
    size = _DIGITS // 2
    found = [int.from_bytes(data[at : at + size]) for at in range(0, len(data), size)]
    if not found or found[0] != sum_of_footer(footer, offsets):
        raise ValueError("it is damaged: its footer has another checksum")
    return found[1:]


def checksum_of_extent(fd: int, at: int, size: int) -> int:
    """Return the checksum of bytes of an open file."""
    found = 0
    for piece in pieces_between(fd, at, at + size):
        found = zlib.crc32(piece, found)
    return found
