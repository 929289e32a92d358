"""An index is made while sealing, or again from the frames, and says the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from logsrv.linelog.store import index, indexing
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form, Segment
from tests.linelog.store.faults import at, stored


def of(*texts: bytes) -> Index:
    found = Index(7, 0, 0, 0, ())
    for text in texts:
        found = indexing.add(found, text, len(text), 10)
    return found


def test_times_are_those_of_the_first_and_last_line_and_null_where_there_is_none() -> None:
    late = stored(b"x").replace(b"06:18", b"07:19")
    assert of(stored(b"a", b"b") + late).frames[0].last == "2026-11-20T07:19:42.123456Z"
    assert of(b"no time here\n").frames[0].first is None


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
