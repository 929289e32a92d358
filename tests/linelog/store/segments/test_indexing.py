"""An index is made while sealing, or again from the frames, and says the same."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.recover import tidy
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments import index, indexing
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.segment import ACTIVE, Form, Segment
from logsrv.linelog.store.segments.times import Times, times_of
from tests.linelog.store.faults import at, stored
from tests.linelog.store.segments.test_times import MOMENTS, TEXTS


def of(*texts: bytes) -> Index:
    found = Index(7, 0, 0, 0, ())
    for text in texts:
        found = indexing.add(found, indexing.look(text, len(text)), b"compressed")
    return found


@given(TEXTS, st.binary(max_size=40))
def test_a_frame_says_its_times_and_lines(text: bytes, behind: bytes) -> None:
    """What stands behind its end in the chunk is not its own."""
    size, newlines, times, _, crc = indexing.look(text + behind, len(text))
    assert (size, times) == (len(text), times_of(text))
    assert crc == (zlib.crc32(text) if text.endswith(b"\n") else None)
    assert newlines.tolist() == [at for at, byte in enumerate(text) if byte == ord("\n")]


@given(st.lists(MOMENTS, min_size=1))
def test_every_line_with_a_time_is_between_the_two(times: list[str]) -> None:
    text = "".join(f"{time} udp:1 x\n" for time in times).encode()
    assert of(text, text).times == Times(min(times), max(times), True)


def test_a_damaged_index_is_made_again_at_the_start(tmp_path: Path) -> None:
    disk = at(tmp_path)
    segment = Segment(3, "0000000003-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one", b"two"))
    seal(segment, disk)
    good = disk.read(segment.index)
    (tmp_path / segment.index).write_bytes(good.replace(b"06:18", b"05:18"))
    (tmp_path / ACTIVE).write_bytes(b"")
    tidy(disk)
    assert disk.read(segment.index) == good


def test_a_lost_index_is_made_again_from_the_frames(tmp_path: Path) -> None:
    text = stored(*(b"line %d" % number for number in range(30_000)))
    disk = at(tmp_path)
    segment = Segment(3, "0000000003-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(text)
    made = seal(segment, disk)
    packed = Segment(3, segment.packed, Form.PACKED)
    disk.unlink(packed.index)
    indexing.rebuild(packed, disk)
    assert index.load(packed, disk) == made


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"rubbish" + data])
def test_a_damaged_segment_is_said_to_be_so(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    disk = at(tmp_path)
    segment = Segment(3, "0000000003-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    seal(segment, disk)
    packed = Segment(3, segment.packed, Form.PACKED)
    (tmp_path / packed.name).write_bytes(damage(disk.read(packed.name)))
    with pytest.raises(ValueError):
        indexing.rebuild(packed, disk)
