"""The index of a segment leads to the right frame; without it, frames are found by their heads."""

import json
import os
import subprocess
import sys
import zlib
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.level_names import RULES
from logsrv.linelog.store.frames import LARGEST, compressor, frame_sizes_at, text_size_in_head
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.segment_index import FrameStart, Index
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.times import Times
from tests.parts.disks import at, packed_segment, stored
from tests.parts.indexes import as_before, flipped
from tests.parts.strangers import at_most

MOMENT = "2026-11-20T06:18:42.123456Z"
TEN_BYTES = b"compressed"
MAGIC = b"\x28\xb5\x2f\xfd"


def of(*texts: bytes) -> Index:
    made, earlier = indexing.Indexer(7), EarlierTexts()
    for text in texts:
        made.add(indexing.scan_frame(text, len(text), earlier), TEN_BYTES)
    return made.index_so_far()


@given(st.lists(st.binary(min_size=1, max_size=40)))
def test_an_index_survives_being_stored(texts):
    assert index.decode_index(indexing.encode_index(of(*texts))) == of(*texts)


@pytest.mark.parametrize(
    "texts", [[], [stored(b"a")], [stored(b"a", b"b"), b"no time\n", stored(b"c")]]
)
def test_every_flipped_bit_is_noticed(texts):
    data = indexing.encode_index(of(*texts))
    for bit in range(8 * len(data)):
        with pytest.raises(ValueError):
            index.decode_index(flipped(data, bit))
    for end in range(len(data)):
        with pytest.raises(ValueError):
            index.decode_index(data[:end])
    with pytest.raises(ValueError):
        index.decode_index(data + b" ")


def test_the_head_alone_tells_of_the_segment():
    data = indexing.encode_index(of(stored(b"a"), stored(b"b", b"c")))
    head = index.decode_head(data[:512])
    assert (head.segment, head.lines, head.compressed) == (7, 3, 20)
    assert head.times == Times(MOMENT, MOMENT, sure=True)
    end = data.index(b"\n") + 1
    assert index.decode_head(data[:end]) == index.decode_head(flipped(data, 8 * end)) == head
    for bit in range(8 * end):
        with pytest.raises(ValueError):
            index.decode_head(flipped(data, bit))


def test_a_head_fits_what_is_read_of_it():
    """However large the numbers are."""
    most = 10**18
    times = Times("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z", sure=False)
    frames = (FrameStart(0, 0, 0, times),)
    data = indexing.encode_index(Index(10**9, most, most, most, frames, rules=10**9))
    assert index.decode_head(data[:512]).text == most


def test_a_format_that_is_not_known_is_refused_with_its_number():
    head = indexing.encode_index(of()).splitlines()[0][:-9].replace(b'"format":6', b'"format":7')
    with pytest.raises(ValueError, match="it has format 7, which this version does not know"):
        index.decode_index(b"%b %08x\n[]\n" % (head, zlib.crc32(head)))


def test_lines_are_counted_by_level():
    made = of(stored(b"ERROR x", b"x", b"<15>y"), stored(b"WARN x"), b"x\n")
    found = index.decode_index(indexing.encode_index(made))
    assert found == made
    assert found.levels == ((1, 1, 0, 0, 0, 1, 0, 0, 0), (0, 0, 0, 0, 1, 0, 0, 0, 0), None)
    assert found.rules == RULES


def test_an_index_has_sums_of_frames_up_to_the_first_without_whole_lines():
    made = of(stored(b"a"), stored(b"b", b"c"), b"no end", stored(b"d"))
    found = index.decode_index(indexing.encode_index(made))
    packed = zlib.crc32(TEN_BYTES)
    assert found.checksums_of_frame(0) == (zlib.crc32(stored(b"a")), packed)
    assert found.checksums_of_frame(1) == (zlib.crc32(stored(b"b", b"c")), packed)
    assert found.checksums_of_frame(2) is found.checksums_of_frame(3) is None
    assert len(found.sums) == 2 * 8


def test_an_index_that_is_made_again_is_the_same(tmp_path):
    disk, packed = at(tmp_path), packed_segment(tmp_path, stored(b"one" * 999) * 999 + b"no end", 3)
    made = index.load(packed, disk)
    assert len(made.frames) == 4 and len(made.sums) == 3 * 8
    before = disk.read(packed.index)
    assert indexing.rebuild_index(packed, disk) == made
    assert disk.read(packed.index) == before


def test_indexes_of_older_formats_are_read():
    made = of(stored(b"a"), stored(b"ERROR b", b"c"))
    for version in (2, 3, 5):
        data = as_before(indexing.encode_index(made), version)
        found = index.decode_index(data)
        less = made._replace(format=version, continuations=())
        if version == 5:
            assert found == less
            continue
        less = less._replace(sums=b"")
        if version == 2:
            # By unknown rules, any frame may go on with records of those before.
            frames = tuple(one._replace(goes_on=True) for one in less.frames)
            less = less._replace(rules=0, levels=(), frames=frames)
        assert found == less
        assert found.checksums_of_frame(0) is None
        assert index.decode_head(data).times == made.times


def test_an_offset_leads_to_the_frame_that_holds_it():
    found = of(b"a\n", b"bb\n", b"ccc\n")
    assert [found.frame_number_at(offset) for offset in range(10)] == [0, 0, 1, 1, 1, 2, 2, 2, 2, 3]
    assert [found.packed_extent(number) for number in range(3)] == [(0, 10), (10, 10), (20, 10)]


def test_the_index_of_another_segment_is_refused(tmp_path):
    packed = packed_segment(tmp_path, stored(b"one"), 3)
    with pytest.raises(ValueError, match="index of segment 3, not of 4"):
        index.load(packed._replace(number=4), at(tmp_path))


@pytest.mark.parametrize("wrong", ["x", None, -1, 1 << 62, 1.5, [], True])
@pytest.mark.parametrize("part", ["text", "compressed", "lines", "times", 0, 1, 2, 3])
def test_invalid_numbers_and_times_are_refused_though_the_checksum_is_right(part, wrong):
    """They were tracebacks of a search."""
    head: dict[str, Any] = {
        "format": 4, "segment": 1, "text": 9, "compressed": 9, "lines": 1, "times": [None, None, True]
    }  # fmt: skip
    frame: list[Any] = [0, 0, 0, None, None, True]
    if isinstance(part, int):
        frame[part] = wrong if part < 3 else [wrong]
    else:
        head[part] = [wrong, [], True] if part == "times" else wrong
    body = json.dumps([frame]).encode() + b"\n"
    first = json.dumps(
        {**head, "size": len(body), "crc": zlib.crc32(body)}, separators=(",", ":")
    ).encode()
    with pytest.raises(ValueError, match="no index"):
        index.decode_index(b"%b %08x\n%b" % (first, zlib.crc32(first), body))


def test_an_index_without_an_end_is_damaged_and_takes_little_memory(tmp_path):
    """A search, and the doctor of a store, ended for want of memory."""
    packed = Segment(1, "0000000001-20261120T061842Z.log.zst", Form.PACKED)
    (tmp_path / packed.index).touch()
    os.truncate(tmp_path / packed.index, 1 << 30)
    with at_most(400 << 20), pytest.raises(ValueError, match="no head"):
        index.load(packed, at(tmp_path))


def test_missing_lines_of_a_shorter_file_count_from_its_first_incomplete_frame():
    found = of(b"a\n", b"bb\nbb\n", b"ccc\n")
    assert [found.lost_if_cut(size) for size in (0, 9, 10, 19, 20, 29, 30)] == [
        (4, 12),
        (4, 12),
        *[(3, 10)] * 2,
        *[(1, 4)] * 2,
        (0, 0),
    ]


@pytest.mark.parametrize("data", [b'{"for', b'{"format":3,]', b"[1,"])
def test_damage_is_reported_before_the_json_module_is_imported(data):
    program = f"""
from logsrv.linelog.store.index.segment_index import decode_index
try:
    decode_index({data!r})
except ValueError:
    print("told")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == "told\n", done.stderr


@pytest.mark.parametrize("many", [b"[],", b"{},", b"0,"])
@pytest.mark.parametrize("before", [b"", b"[]\n"])
def test_more_frames_than_a_segment_may_have_are_not_read(many, before):
    """Whoever makes an index may make its checksums, too: each `[]` takes 64 bytes of memory."""
    body = before + b"[" + many * (8 << 20) + b"0]\n"
    unknown = Times(None, None, False)
    head = index.IndexHead(7, 0, 0, 0, unknown, len(body), zlib.crc32(body), RULES)._asdict()
    text = json.dumps({"format": index.FORMAT, **head}, separators=(",", ":")).encode()
    data = b"%b %08x\n%b" % (text, zlib.crc32(text), body)
    del body
    with at_most(100 << 20), pytest.raises(ValueError, match="more frames"):
        index.decode_index(data)


def sizes_at(data: bytes, offset: int = 0) -> tuple[int, int] | None:
    return frame_sizes_at(lambda at, size: data[at : at + size], offset, len(data))


@pytest.mark.parametrize("size", [1, 255, 256, 70_000, 3_000_000])
def test_a_frame_has_the_size_that_its_blocks_tell(size):
    one = compressor().compress(bytes(range(251)) * (size // 251) + b"x" * (size % 251))
    assert sizes_at(one + one) == sizes_at(one + one, len(one)) == (len(one), size)
    assert sizes_at(one[:-1]) is None
    assert sizes_at(one, 1) is None


@pytest.mark.parametrize(
    ("kind", "data", "text"), [(0, b"abc", b"abc"), (1, b"x", b"xxx"), (3, b"abc", None)]
)
def test_a_block_is_as_long_as_its_kind_says(kind, data, text):
    """Raw, one byte that is repeated; the last kind is reserved."""
    frame = MAGIC + b"\x20\x03" + (3 << 3 | kind << 1 | 1).to_bytes(3, "little") + data
    assert sizes_at(frame + b"more") == (None if text is None else (len(frame), 3))
    if text is not None:
        assert zstandard.decompress(frame) == text


@pytest.mark.parametrize(
    ("what", "head"),
    [
        ("no text", b"\xe4" + bytes(8)),
        ("too much text", b"\xe4" + (LARGEST + 1).to_bytes(8, "little")),
        ("a dictionary", b"\xe7" + b"\x4d\0\0\0" + (1000).to_bytes(8, "little")),
        ("a window of 2 GiB", b"\xc4\xa8" + (1000).to_bytes(8, "little")),
        ("a skippable frame", b""),
    ],
)
def test_a_frame_that_needs_more_than_those_of_segments_is_refused(what, head):
    data = MAGIC + head + b"\1\0\0" if head else b"\x50\x2a\x4d\x18\xff\xff\xff\xff"
    assert text_size_in_head(data + bytes(100)) is None, what


def test_a_frame_of_the_largest_text_is_accepted():
    """A line of so many bytes is a frame of its own."""
    assert text_size_in_head(MAGIC + b"\xc4\x58" + LARGEST.to_bytes(8, "little")) == LARGEST


def test_a_frame_of_unknown_size_is_refused():
    stream = zstandard.ZstdCompressor(write_content_size=False).compress(b"text")
    assert sizes_at(stream) is None


def test_a_frame_has_its_size_and_a_checksum():
    text = b"2026-11-20T06:00:00.000000Z x hello\n" * 1000
    frame = compressor().compress(text)
    parameters = zstandard.get_frame_parameters(frame)
    assert parameters.content_size == len(text) and parameters.has_checksum
    assert zstandard.ZstdDecompressor().decompress(frame) == text
    assert len(frame) < len(text) / 50
