"""An index is made while sealing, or again from the frames, and says the same."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.recover import tidy
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments import index, indexing
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.segment import ACTIVE, Form, Segment
from logsrv.linelog.store.segments.times import Times, times_of
from tests.linelog.store.segments.test_times import MOMENTS, TEXTS
from tests.parts.disks import at, stored


def of(*texts: bytes) -> Index:
    made = indexing.Indexer(7)
    for text in texts:
        made.add(indexing.scan_frame(text, len(text)), b"compressed")
    return made.index_so_far()


@given(TEXTS, st.binary(max_size=40))
def test_a_frame_says_its_times_and_lines(text, behind):
    """What stands behind its end in the chunk is not its own."""
    size, lines, newlines, times, _, crc = indexing.scan_frame(text + behind, len(text))
    assert (size, lines, times) == (len(text), text.count(b"\n"), times_of(text))
    assert newlines is not None
    assert crc == (zlib.crc32(text) if text.endswith(b"\n") else None)
    assert newlines.tolist() == [at for at, byte in enumerate(text) if byte == ord("\n")]


@pytest.mark.slow
def test_a_large_text_is_looked_at_with_little_memory():
    """Of short lines the lists of all would take twenty times as much as the text."""
    text = stored(b"") * 100_000 + stored(b"x" * (10 << 20)) + stored(b"") * 200_000
    tracemalloc.start()
    try:
        looked = indexing.scan_frame(text, len(text))
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 100 << 20
    moment = "2026-11-20T06:18:42.123456Z"
    assert (looked.lines, looked.times) == (300_001, Times(moment, moment, True))
    assert looked.crc == zlib.crc32(text)
    assert not indexing.scan_frame(text + b"odd\n" * (4 << 20), len(text) + (16 << 20)).times.sure


@given(st.lists(MOMENTS, min_size=1))
def test_every_line_with_a_time_is_between_the_two(times):
    text = "".join(f"{time} udp:1 x\n" for time in times).encode()
    assert of(text, text).times == Times(min(times), max(times), True)


def test_a_damaged_index_is_made_again_at_the_start(tmp_path):
    disk = at(tmp_path)
    segment = Segment(3, "0000000003-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one", b"two"))
    seal(segment, disk)
    good = disk.read(segment.index)
    (tmp_path / segment.index).write_bytes(good.replace(b"06:18", b"05:18"))
    (tmp_path / ACTIVE).write_bytes(b"")
    tidy(disk)
    assert disk.read(segment.index) == good


def test_a_lost_index_is_made_again_from_the_frames(tmp_path):
    text = stored(*(b"line %d" % number for number in range(30_000)))
    disk = at(tmp_path)
    segment = Segment(3, "0000000003-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(text)
    made = seal(segment, disk)
    packed = Segment(3, segment.packed, Form.PACKED)
    disk.unlink(packed.index)
    indexing.rebuild_index(packed, disk)
    assert index.load(packed, disk) == made


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"rubbish" + data])
def test_a_damaged_segment_is_said_to_be_so(tmp_path, damage):
    assert callable(damage)
    disk = at(tmp_path)
    segment = Segment(3, "0000000003-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    seal(segment, disk)
    packed = Segment(3, segment.packed, Form.PACKED)
    (tmp_path / packed.name).write_bytes(damage(disk.read(packed.name)))
    with pytest.raises(ValueError):
        indexing.rebuild_index(packed, disk)
