"""A check of all checksums of a word index; a search checks only the parts that it reads."""

from __future__ import annotations

from logsrv.linelog.store.words.layout import (
    BLOCK_ROWS,
    CRC,
    RowTable,
    SectionHead,
    block_extent,
    without_crc,
)
from logsrv.linelog.store.words.lookup import WordIndex, decompress_exactly

_TABLES = ("postings", "ids", "others", "letters")


def check_words(words: WordIndex) -> None:
    """Read and check a whole word index. Raises OSError; ValueError, with a sentence, if it is damaged."""
    for at, header in words.sections:
        row = header.row_size
        without_crc(words.read(at + header.part_offset("open"), row + CRC))
        without_crc(words.read(at + header.part_offset("escapes"), 2 * row + CRC))
        packed = words.read(at + header.part_offset("dictionary"), header.dictionary)
        decompress_exactly(packed, header.text)
        for name in _TABLES:
            _check_table(words, at + header.part_offset(name), header, getattr(header, name))


def _check_table(words: WordIndex, at: int, header: SectionHead, table: RowTable) -> None:
    ends = without_crc(words.read(at, table.ends_size))
    for block in range(-(-table.rows // BLOCK_ROWS)):
        start, end = block_extent(table, ends, block)
        rows = min(BLOCK_ROWS, table.rows - block * BLOCK_ROWS)
        decompress_exactly(
            words.read(at + table.ends_size + start, end - start), rows * header.row_size
        )
