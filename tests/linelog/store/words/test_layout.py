"""The bytes of a word index: what is not as it was written is refused."""

from __future__ import annotations

import pytest

from logsrv.linelog.store.words.layout import (
    HEADER_SIZE,
    TRAILER_SIZE,
    RowTable,
    SectionHead,
    Trailer,
    pack_header,
    pack_trailer,
    sealed,
    unpack_header,
    unpack_trailer,
    unsealed,
)

TRAILER = Trailer(7, 1 << 40, 1 << 39, 300, 1)


def header(**other: object) -> SectionHead:
    none = RowTable(0, 0)
    plain = SectionHead(0, 9, 100, 300, RowTable(3, 50), none, RowTable(64, 7), none)
    made = plain._replace(**other)  # type: ignore[arg-type]
    return made._replace(size=made.place("end"))


def test_trailer_and_header_come_back() -> None:
    assert unpack_trailer(pack_trailer(TRAILER)) == TRAILER
    assert len(pack_trailer(TRAILER)) == TRAILER_SIZE
    assert unpack_header(pack_header(header())) == header()
    assert len(pack_header(header())) == HEADER_SIZE


@pytest.mark.parametrize("at", range(0, TRAILER_SIZE, 5))
def test_a_flipped_bit_is_noticed(at: int) -> None:
    data = bytearray(pack_trailer(TRAILER))
    data[at] ^= 4
    with pytest.raises(ValueError, match="word index"):
        unpack_trailer(bytes(data))


@pytest.mark.parametrize(
    "senseless",
    [
        header(frames=0),
        header(frames=513),
        header(text=1 << 30),
        header(postings=RowTable(1 << 17, 5)),
        header(ids=RowTable(1 << 21, 5)),
        header(ids=RowTable(100, 5)),
        header()._replace(size=3),
    ],
)
def test_sizes_that_make_no_sense_are_refused(senseless: SectionHead) -> None:
    """Whoever writes such a file gets no more memory than a true one."""
    with pytest.raises(ValueError, match="make no sense"):
        unpack_header(pack_header(senseless))


def test_a_checksum_guards_each_part() -> None:
    assert unsealed(sealed(b"part")) == b"part"
    for data in (b"", b"abc", sealed(b"part")[:-1], sealed(b"part") + b"x"):
        with pytest.raises(ValueError, match="checksum"):
            unsealed(data)
