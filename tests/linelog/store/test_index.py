"""The index beside a sealed segment leads to the right frame, and can be made again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store import index, indexing
from logsrv.linelog.store.index import Index
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form, Segment
from tests.linelog.store.faults import at, stored

SENSELESS = [
    b'{"segment":1,"text":Infinity,"compressed":1,"lines":1,"frames":[]}',
    b'{"segment":1,"text":1,"compressed":1,"lines":1,"frames":[[0,-Infinity,0,null,null]]}',
    b'{"segment":1,"text":NaN,"compressed":1,"lines":1,"frames":[]}',
    b'{"segment":1,"text":1,"compressed":1,"lines":1,"frames":[[0,0,0,7,null]]}',
    b'{"segment":1,"text":1,"compressed":1,"lines":1,"frames":[[0,0,0,null,["x"]]]}',
    b"[" * 100_000,
    b'{"segment":' * 100_000,
]


def of(*texts: bytes) -> Index:
    found = Index(7, 0, 0, 0, ())
    for text in texts:
        found = indexing.add(found, text, len(text), 10)
    return found


@given(st.lists(st.binary(min_size=1, max_size=40)))
def test_an_index_survives_being_stored(texts: list[bytes]) -> None:
    assert index.decode(indexing.encode(of(*texts))) == of(*texts)


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"7", b'{"segment":1}', b"\xff", b"null", *SENSELESS]
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        index.decode(data)


def test_an_offset_leads_to_the_frame_that_holds_it() -> None:
    found = of(b"a\n", b"bb\n", b"ccc\n")
    assert [found.frame_of(offset) for offset in range(10)] == [0, 0, 1, 1, 1, 2, 2, 2, 2, 3]
    assert [found.extent(number) for number in range(3)] == [(0, 10), (10, 10), (20, 10)]


def test_the_index_of_another_segment_is_refused(tmp_path: Path) -> None:
    disk = at(tmp_path)
    segment = Segment(3, "0000000003-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    seal(segment, disk)
    with pytest.raises(ValueError, match="index of segment 3, not of 4"):
        index.load(Segment(4, segment.packed, Form.PACKED), disk)


def test_what_a_shorter_file_lacks_is_counted_from_the_first_frame_that_is_not_whole() -> None:
    found = of(b"a\n", b"bb\nbb\n", b"ccc\n")
    assert [found.missing(size) for size in (0, 9, 10, 19, 20, 29, 30)] == [
        (4, 12),
        (4, 12),
        *[(3, 10)] * 2,
        *[(1, 4)] * 2,
        (0, 0),
    ]


def test_reading_imports_nothing_slow() -> None:
    """A search begins with it: NumPy alone takes a tenth of a second."""
    code = "import sys, logsrv.linelog.store.index; print(*{'numpy', 'attrs', 'json'} & {*sys.modules})"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == ""
