"""The process that makes columns beside the server."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from logsrv.descriptor import Descriptor
from logsrv.kit.children.blocking import BlockingChild
from logsrv.linelog.columns import child_side
from logsrv.linelog.columns.read_file import open_columns
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.segment import Segment, tmp
from tests.parts.disks import at, packed_segment
from tests.parts.mixed_lines import STAMP

LINES = b"".join(STAMP + b"n=1 user=u%d\n" % (one % 3) for one in range(100))


@pytest.fixture
def child() -> Iterator[BlockingChild]:
    child = BlockingChild(child_side.__name__)
    yield child
    child.kill()


def order(child: BlockingChild, directory: Path, packed: Segment) -> Any:
    """Let the process make the columns of a segment; return its answer."""
    disk = at(directory)
    name = tmp(packed.columns)
    with ExitStack() as undo:
        undo.callback(disk.close)
        spool = undo.enter_context(Descriptor(disk.create_anew(name)))
        columns = undo.enter_context(Descriptor(disk.create_anew(name)))
        text, of_text = (
            undo.enter_context(Descriptor(disk.open(one, os.O_RDONLY)))
            for one in (packed.name, packed.index)
        )
        files = {"text": text, "index": of_text, "columns": columns, "spool": spool}
        child.send({"files": list(files)}, list(files.values()))
        while (answer := child.receive()) is None:
            pass
        return json.loads(answer)


def test_it_makes_the_columns_of_one_segment_after_another(child, tmp_path):
    for number in (1, 2):
        packed = packed_segment(tmp_path, LINES, number)
        answer = order(child, tmp_path, packed)
        assert answer == {"not kept": []}
        disk = at(tmp_path)
        fd = disk.open(tmp(packed.columns), os.O_RDONLY)
        with open_columns(fd, index.load_head(packed, disk)) as columns:
            assert columns.group(0).field("user").texts == ["u0", "u1", "u2"]
        disk.close()


def test_a_damaged_segment_is_told(child, tmp_path):
    packed = packed_segment(tmp_path, LINES)
    data = bytearray((tmp_path / packed.name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / packed.name).write_bytes(data)
    assert "error" in order(child, tmp_path, packed)
    (tmp_path / packed.index).write_bytes(b"x")
    assert order(child, tmp_path, packed) == {"error": "it has no head that this version knows"}


def test_a_segment_without_whole_lines_gets_no_columns(child, tmp_path):
    packed = packed_segment(tmp_path, b"no end of a line")
    assert order(child, tmp_path, packed) == {"not kept": ["columns"]}


def checked(
    child: BlockingChild, packed: Segment, directory: Path, how: str = "all"
) -> dict[str, str]:
    """The answer of the process to the question whether this is the file of the segment's columns."""
    with ExitStack() as undo:
        files = [
            undo.enter_context(Descriptor(os.open(directory / one, os.O_RDONLY)))
            for one in (packed.index, packed.columns)
        ]
        child.send({"check": how, "files": ["index", "columns"]}, files)
        while (answer := child.receive()) is None:
            pass
        return json.loads(answer)


def test_it_tells_whether_a_file_has_the_columns_of_a_segment(child, tmp_path):
    one, other = (packed_segment(tmp_path, (LINES, LINES[: 99 * 60])[n], n + 1) for n in (0, 1))
    for packed in (one, other):
        order(child, tmp_path, packed)
        (tmp_path / tmp(packed.columns)).rename(tmp_path / packed.columns)
        assert (
            checked(child, packed, tmp_path) == checked(child, packed, tmp_path, "identity") == {}
        )
    right = (tmp_path / one.columns).read_bytes()
    for wrong in (b"", b"x", b"PAR1", right[:-1], (tmp_path / other.columns).read_bytes()):
        (tmp_path / one.columns).write_bytes(wrong)
        assert "error" in checked(child, one, tmp_path, "identity")
    # Files are not left open.
    assert len(os.listdir(f"/proc/{child.process.pid}/fd")) < 12


def test_it_reads_all_of_a_file_if_asked_to(child, tmp_path):
    """A bit of a value tells nothing of whose columns they are, but gives wrong figures."""
    packed = packed_segment(tmp_path, LINES)
    order(child, tmp_path, packed)
    data = bytearray((tmp_path / tmp(packed.columns)).read_bytes())
    data[100] ^= 1
    (tmp_path / packed.columns).write_bytes(data)
    assert checked(child, packed, tmp_path, "identity") == {}
    assert "checksum" in checked(child, packed, tmp_path)["error"]


def test_it_ends_with_the_server():
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", child_side.__name__], stdin=theirs.fileno()
        )
    ours.close()
    assert process.wait(20) == 0
