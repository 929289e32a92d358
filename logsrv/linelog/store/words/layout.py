"""The file of a word index, byte by byte; all numbers are little-endian.

    section …      one after the other, each for up to 512 frames
    trailer        _TRAILER: the segment, its sizes, the numbers of frames and sections; its own CRC-32

    a section is   _HEADER (with its own CRC-32)
                   open frames: a bit for each frame with letters that are not indexed; CRC-32
                   two rows for the escapes of JSON: frames with `\\u`, and those with `\\u00`; CRC-32
                   dictionary: Zstandard; LF, then each run and LF
                   four tables: postings, ids, others, letters

    a table is     the ends of its blocks: 32 bits each, from the beginning of the first block; CRC-32
                   blocks: Zstandard, 256 rows each (the last may have fewer)

A row is a bitmap of frames, a byte for each eight, the first frame in the lowest bit. `postings` has a row
for each run of the dictionary. The other tables have 2**n rows, for hashes; if a table has no rows, no
frame has anything of its kind. Zstandard has its own checksums. So a look-up reads only the parts that it
needs, and can verify each of them.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

from logsrv.linelog.store.frames import MOST_FRAMES

MAGIC = b"logsrv-words-2\n\0"
SECTION_MAGIC = b"WSEC"
SECTION_FRAMES = 512
BLOCK_ROWS = 256
TABLES = ("postings", "ids", "others", "letters")
CRC = 4
MOST_ROWS = 1 << 20
# The numbers of runs begin at 1 and fit 16 bits.
MOST_RUNS = (1 << 16) - 1
MOST_TEXT = 4 << 20


def most_compressed_size(size: int) -> int:
    """Return the most bytes that `size` bytes take when compressed; incompressible data grows a little."""
    return size + (size >> 7) + 1024


MOST_BLOCK = most_compressed_size(BLOCK_ROWS * SECTION_FRAMES // 8)

_NO_SENSE = "the word index is damaged: the sizes in it make no sense"
_TRAILER = struct.Struct("<16sQQQII")
_HEADER = struct.Struct("<4sI4I8I")


class WordIndexTrailer(NamedTuple):
    """The end of the file: the segment's number, the sizes of its text and compressed file, and totals."""

    segment: int
    text: int
    compressed: int
    frames: int
    sections: int


class RowTable(NamedTuple):
    """A table: the number of its rows, and the bytes of its blocks."""

    rows: int
    size: int

    @property
    def ends_size(self) -> int:
        """The bytes of the list of block ends, with its checksum."""
        return 4 * ((self.rows + BLOCK_ROWS - 1) // BLOCK_ROWS) + CRC


class SectionHead(NamedTuple):
    """The head of a section. Sizes are in bytes.

    size: the size of the whole section. frames: the number of its frames. dictionary: the compressed size
    of the dictionary. text: its size without compression.
    """

    size: int
    frames: int
    dictionary: int
    text: int
    postings: RowTable
    ids: RowTable
    others: RowTable
    letters: RowTable

    @property
    def row_size(self) -> int:
        """The size of a row in bytes."""
        return (self.frames + 7) // 8

    def part_offset(self, name: str) -> int:
        """Return the offset of a part in the section; for "end", the size of the section."""
        at = HEADER_SIZE
        parts = {
            "open": self.row_size + CRC,
            "escapes": 2 * self.row_size + CRC,
            "dictionary": self.dictionary,
        }
        for table in TABLES:
            found: RowTable = getattr(self, table)
            parts[table] = found.ends_size + found.size
        for part, size in parts.items():
            if part == name:
                break
            at += size
        return at


HEADER_SIZE = _HEADER.size + CRC
TRAILER_SIZE = _TRAILER.size + CRC


def with_crc(part: bytes) -> bytes:
    """Return a part followed by its checksum."""
    return part + zlib.crc32(part).to_bytes(CRC, "little")


def without_crc(part: bytes) -> bytes:
    """Return a part without its checksum. Raises ValueError if the checksum is wrong."""
    kept = part[:-CRC]
    if len(part) < CRC or with_crc(kept) != part:
        raise ValueError("the word index is damaged: a checksum is wrong")
    return kept


def pack_trailer(trailer: WordIndexTrailer) -> bytes:
    """Return the bytes of the trailer."""
    return with_crc(_TRAILER.pack(MAGIC, *trailer))


def unpack_trailer(data: bytes) -> WordIndexTrailer:
    """Parse a trailer. Raises ValueError if it is damaged, of another version, or too large."""
    if len(data) != TRAILER_SIZE:
        raise ValueError("the word index is incomplete")
    if not data.startswith(MAGIC):
        raise ValueError("this is no word index, or one of another version, or cut off")
    trailer = WordIndexTrailer(*_TRAILER.unpack(without_crc(data))[1:])
    if trailer.frames > MOST_FRAMES or trailer.sections > MOST_FRAMES // SECTION_FRAMES:
        raise ValueError(_NO_SENSE)
    return trailer


def pack_header(header: SectionHead) -> bytes:
    numbers = [*header[:4], *(number for table in header[4:] for number in table)]
    return with_crc(_HEADER.pack(SECTION_MAGIC, 0, *numbers))


def unpack_header(data: bytes) -> SectionHead:
    """Parse the head of a section. Raises ValueError if it is damaged or too large."""
    if len(data) != HEADER_SIZE or not data.startswith(SECTION_MAGIC):
        raise ValueError("the word index is damaged: a section does not begin where it should")
    numbers = _HEADER.unpack(without_crc(data))[2:]
    tables = [RowTable(*numbers[at : at + 2]) for at in range(4, 12, 2)]
    header = SectionHead(*numbers[:4], *tables)
    if not (
        0 < header.frames <= SECTION_FRAMES
        and header.postings.rows <= MOST_RUNS
        and header.text <= MOST_TEXT
        and header.dictionary <= most_compressed_size(header.text)
        and all(table.rows <= MOST_ROWS for table in tables)
        # The tables for hashes have a power of two as the number of rows, so that each hash has a row.
        and all(table.rows & (table.rows - 1) == 0 for table in tables[1:])
        and header.part_offset("end") == header.size
    ):
        raise ValueError(_NO_SENSE)
    return header


def block_extent(table: RowTable, ends: bytes, block: int) -> tuple[int, int]:
    """Return begin and end of a block, as offsets from the first block. Raises ValueError if damaged."""
    start, end = (
        int.from_bytes(ends[4 * number : 4 * number + 4], "little") if number >= 0 else 0
        for number in (block - 1, block)
    )
    if not start <= end <= min(table.size, start + MOST_BLOCK):
        raise ValueError(_NO_SENSE)
    return start, end
