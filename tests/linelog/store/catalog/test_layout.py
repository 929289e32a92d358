"""A catalog is read as it was written, or not at all."""

import os

import pytest

from logsrv.linelog.store.catalog.layout import (
    HEAD_SIZE,
    MOST,
    CatalogEntry,
    catalog_name,
    catalog_names,
    last_cataloged_number,
    make_catalog_entry,
    pack_catalog,
    unpack_entries,
    unpack_head,
)
from logsrv.linelog.store.segments.segment import Form, Segment
from logsrv.linelog.store.segments.times import NONE, UNKNOWN, Times

SURE = Times("2026-11-20T06:18:42.123456Z", "2026-11-20T06:19:42.123456Z", True)


def a_stat(size: int, written: float) -> os.stat_result:
    return os.stat_result((0o640, 1, 1, 1, 0, 0, size, 0, written, 0))


def entries() -> list[CatalogEntry]:
    found = a_stat(4711, 1_795_158_000)
    return [
        make_catalog_entry(
            Segment(number, f"{number:010}-20261120T061842Z.log.zst", Form.PACKED), found, 1, times
        )
        for number, times in enumerate((SURE, NONE, UNKNOWN), 7)
    ]


def test_a_catalog_is_read_as_it_was_written():
    data = pack_catalog(entries(), b"words")
    head = unpack_head(data)
    assert (head.segments, head.words) == (3, 5)
    end = HEAD_SIZE + head.entries_size
    assert unpack_entries(head, data[HEAD_SIZE:end]) == entries()
    assert data[end:] == b"words"
    assert [one.times for one in entries()] == [SURE, NONE, UNKNOWN]


@pytest.mark.parametrize("place", range(0, HEAD_SIZE + 3 * 99, 7))
def test_a_flipped_bit_in_a_catalog_is_noticed(place):
    data = bytearray(pack_catalog(entries(), b""))
    data[place] ^= 4
    with pytest.raises(ValueError, match=r"damaged|no catalog"):
        unpack_entries(unpack_head(bytes(data)), bytes(data[HEAD_SIZE:]))


def test_a_catalog_that_is_cut_off_or_too_large_is_refused():
    data = pack_catalog(entries(), b"")
    with pytest.raises(ValueError, match="cut off"):
        unpack_head(data[: HEAD_SIZE - 1])
    with pytest.raises(ValueError, match="entries have another checksum"):
        unpack_entries(unpack_head(data), data[HEAD_SIZE:-1])
    with pytest.raises(ValueError, match="make no sense"):
        unpack_head(pack_catalog(entries()[:1] * (MOST + 1), b""))


def test_another_file_of_the_same_name_is_another_segment():
    [one, *_] = entries()
    same = Segment(7, "0000000007-20261120T061842Z.log.zst", Form.PACKED)
    other = Segment(7, "0000000007-20261120T061843Z.log.zst", Form.PACKED)
    assert one.is_of(same, a_stat(4711, 1_795_158_000))
    assert not one.is_of(same, a_stat(4712, 1_795_158_000))
    assert not one.is_of(same, a_stat(4711, 1_795_158_001))
    assert not one.is_of(other, a_stat(4711, 1_795_158_000))


def test_the_name_of_a_catalog_has_its_first_and_last_segment():
    name = catalog_name(1, 256)
    assert name == "0000000001-0000000256.catalog"
    assert last_cataloged_number(name) == 256
    later = catalog_name(257, 999)
    others = ["current.log", name + ".tmp", "x" + name, "1-2.catalog", "number"]
    assert catalog_names([later, *others, name]) == [name, later]
