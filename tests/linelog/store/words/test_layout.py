"""The bytes of a word index: what is not as it was written is refused."""

import os

import pytest
import zstandard

from logsrv.linelog.store.words.layout import (
    BLOCK_ROWS,
    HEADER_SIZE,
    MOST_BLOCK,
    MOST_TEXT,
    SECTION_FRAMES,
    TRAILER_SIZE,
    RowTable,
    SectionHead,
    WordIndexTrailer,
    block_extent,
    most_compressed_size,
    pack_header,
    pack_trailer,
    unpack_header,
    unpack_trailer,
    with_crc,
    without_crc,
)
from logsrv.linelog.store.words.lookup import WordIndex, check_words
from tests.parts.examined_stores import packed_of, small_store

TRAILER = WordIndexTrailer(7, 1 << 40, 1 << 39, 300, 1)


def header(**other: object) -> SectionHead:
    none = RowTable(0, 0)
    plain = SectionHead(0, 9, 100, 300, RowTable(3, 50), none, RowTable(64, 7), none)
    made = plain._replace(**other)  # type: ignore[arg-type]
    return made._replace(size=made.part_offset("end"))


def test_trailer_and_header_come_back():
    assert unpack_trailer(pack_trailer(TRAILER)) == TRAILER
    assert len(pack_trailer(TRAILER)) == TRAILER_SIZE
    assert unpack_header(pack_header(header())) == header()
    assert len(pack_header(header())) == HEADER_SIZE


@pytest.mark.parametrize(
    "largest",
    [
        header(frames=512),
        header(text=4_194_304),
        header(dictionary=1326),
        header(postings=RowTable(65_535, 5)),
        header(ids=RowTable(1_048_576, 5)),
    ],
)
def test_the_largest_sizes_are_read(largest):
    """An index stays readable for the next version, which may write other sizes."""
    assert unpack_header(pack_header(largest)) == largest


@pytest.mark.parametrize(
    "senseless",
    [
        header(frames=0),
        header(frames=513),
        header(text=4_194_305),
        header(dictionary=1327),
        header(postings=RowTable(65_536, 5)),
        header(ids=RowTable(1 << 21, 5)),
        header(ids=RowTable(100, 5)),
        header()._replace(size=3),
    ],
)
def test_sizes_that_make_no_sense_are_refused(senseless):
    """Whoever writes such a file gets no more memory than a true one."""
    with pytest.raises(ValueError, match="make no sense"):
        unpack_header(pack_header(senseless))


@pytest.mark.parametrize(
    "senseless", [TRAILER._replace(frames=1 << 30), TRAILER._replace(sections=1 << 20)]
)
def test_more_sections_than_a_segment_has_are_refused(senseless):
    """Each takes memory, also where all checksums are right."""
    with pytest.raises(ValueError, match="make no sense"):
        unpack_trailer(pack_trailer(senseless))


def test_no_block_is_larger_than_its_rows_can_be():
    table = RowTable(64, 1 << 31)
    for end in (MOST_BLOCK + 1, (1 << 31) - 1):
        with pytest.raises(ValueError, match="make no sense"):
            block_extent(table, end.to_bytes(4, "little"), 0)
    assert block_extent(table, MOST_BLOCK.to_bytes(4, "little"), 0) == (0, MOST_BLOCK)


def test_data_that_does_not_shrink_fits():
    for size in (1, 100, BLOCK_ROWS * SECTION_FRAMES // 8, MOST_TEXT):
        assert len(zstandard.ZstdCompressor(1).compress(os.urandom(size))) <= most_compressed_size(
            size
        )


def test_a_checksum_guards_each_part():
    assert without_crc(with_crc(b"part")) == b"part"
    for data in (b"", b"abc", with_crc(b"part")[:-1], with_crc(b"part") + b"x"):
        with pytest.raises(ValueError, match="checksum"):
            without_crc(data)


def test_a_flipped_bit_anywhere_is_noticed(tmp_path):
    store = small_store(tmp_path / "store", words=6000)
    data = (store / packed_of(store)[0].words).read_bytes()
    check_words(WordIndex(data))
    missed = []
    for at in range(0, len(data), max(1, len(data) // 400)):
        hurt = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
        try:
            check_words(WordIndex(hurt))
        except ValueError:
            continue
        missed.append(at)
    assert not missed
    with pytest.raises(ValueError):
        check_words(WordIndex(data[:-1]))


@pytest.mark.parametrize("at", range(0, TRAILER_SIZE, 5))
def test_a_flipped_bit_is_noticed(at):
    data = bytearray(pack_trailer(TRAILER))
    data[at] ^= 4
    with pytest.raises(ValueError, match="word index"):
        unpack_trailer(bytes(data))
