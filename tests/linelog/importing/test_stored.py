"""The text of a store, to be compared."""

import pytest

from logsrv.linelog.importing.stored import StoredTextReader
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segments.segment import Form, Position, Segment
from tests.parts.disks import at, stored

NAME = "0000000001-20261120T061842Z.log"


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
@pytest.mark.parametrize("offset", [0, len(stored(b"line 0"))])
def test_it_is_read_on_over_segments(tmp_path, size, offset):
    first = stored(*(b"line %d" % number for number in range(100)))
    (tmp_path / NAME).write_bytes(first)
    seal(Segment(1, NAME, Form.PLAIN), at(tmp_path))
    (tmp_path / "current.log").write_bytes(stored(b"last"))
    text = StoredTextReader(str(tmp_path), Position(1, offset))
    found = b""
    while piece := text.read(size):
        found += piece
    text.close()
    assert found == (first + stored(b"last"))[offset:]
