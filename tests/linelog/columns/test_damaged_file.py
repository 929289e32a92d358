"""A file of columns that is damaged, or not ours, is refused with a sentence."""

import os
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logsrv.linelog.columns import layout
from logsrv.linelog.columns.read_file import open_columns
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.segment_index import IndexHead
from logsrv.linelog.store.segment import Segment
from tests.parts.disks import at, packed_segment
from tests.parts.made_columns import make_columns
from tests.parts.mixed_lines import STAMP

LINES = b"".join(
    STAMP + b'{"n":%d,"x":%d.5,"user":"u%d","tags":["a",%d]}\n' % (one, one, one % 7, one % 3)
    for one in range(3000)
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Segment, IndexHead]:
    """A segment with columns: its directory, its names, and the head of its index."""
    directory = tmp_path_factory.mktemp("store")
    packed = packed_segment(directory, LINES)
    with at(directory) as disk:
        make_columns(packed, disk)
        return directory, packed, index.load_head(packed, disk)


def answers(path: Path, head: IndexHead) -> list[Any]:
    """Return all that a file says of its lines. Raises ValueError if it is refused."""
    fd = os.open(path, os.O_RDONLY)
    try:
        columns = open_columns(fd, head)
    except ValueError:
        # It stays with the caller.
        os.close(fd)
        raise
    with columns:
        group = columns.group(0)
        found = [group.offsets().tolist(), group.moments().tolist(), columns.groups]
        for name in ("source", "port", "level", "n", "x", "user", "tags"):
            field, numbers = group.field(name), group.numbers(name)
            found.append((columns.has(name), field.codes.tolist(), field.texts, field.lists))
            found.append(numbers and (numbers.values.tolist(), numbers.integers))
        return found


def refused(path: Path, head: IndexHead) -> str:
    with pytest.raises(ValueError, match=r"[a-z]") as caught:
        answers(path, head)
    return str(caught.value)


@pytest.mark.slow
def test_any_flipped_bit_is_noticed_or_changes_nothing(made, tmp_path):
    directory, packed, head = made
    data = (directory / packed.columns).read_bytes()
    known = answers(directory / packed.columns, head)
    random = Random(59)
    noticed = 0
    for _ in range(400):
        flipped = bytearray(data)
        flipped[random.randrange(len(data))] ^= 1 << random.randrange(8)
        (tmp_path / "flipped").write_bytes(flipped)
        try:
            assert answers(tmp_path / "flipped", head) == known
        except ValueError:
            noticed += 1
    # Only the mark at the beginning of the file, and columns that are not asked for, are not read.
    assert noticed > 300


def test_a_file_that_was_cut_is_refused(made, tmp_path):
    directory, packed, head = made
    data = (directory / packed.columns).read_bytes()
    for size in (0, 1, 7, 8, 100, len(data) // 2, len(data) - 1):
        (tmp_path / "cut").write_bytes(data[:size])
        said = "it is no Parquet file, or its end is missing"
        assert refused(tmp_path / "cut", head) == said
    # A hole in the middle, such as a power cut leaves.
    (tmp_path / "cut").write_bytes(data[:100] + bytes(len(data) - 400) + data[-300:])
    refused(tmp_path / "cut", head)


def test_a_parquet_file_of_a_stranger_is_refused(made, tmp_path):
    _, _, head = made
    pq.write_table(pa.table({"position": [1, 2], "time": [3, 4]}), tmp_path / "theirs")
    assert refused(tmp_path / "theirs", head) == (
        "it has no checksums of logsrv: another program has made it"
    )
    (tmp_path / "text").write_bytes(b"logsrv.crc PAR1")
    refused(tmp_path / "text", head)


def test_columns_of_another_segment_are_refused(made):
    directory, packed, head = made
    for other in (
        head._replace(segment=2),
        head._replace(text=head.text + 1),
        head._replace(compressed=head.compressed - 1),
        head._replace(lines=1),
    ):
        assert (
            refused(directory / packed.columns, other) == "these are the columns of another segment"
        )
    other = head._replace(crc=head.crc ^ 1)
    assert refused(directory / packed.columns, other) == (
        "these columns belong to another index of the segment"
    )


def test_columns_by_other_rules_are_refused(made, monkeypatch):
    directory, packed, head = made
    monkeypatch.setattr(layout, "VERSIONS", [1, 2, 99])
    assert refused(directory / packed.columns, head) == (
        "another version of logsrv made these columns"
    )


def test_a_full_disk_leaves_the_older_file(made, tmp_path, monkeypatch):
    packed = packed_segment(tmp_path, LINES)
    with at(tmp_path) as disk:
        make_columns(packed, disk)
        before = (tmp_path / packed.columns).read_bytes()
        names = sorted(path.name for path in tmp_path.iterdir())

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(OSError, match="No space"):
            make_columns(packed, disk)
    assert (tmp_path / packed.columns).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == names


def test_a_segment_that_was_cut_gets_no_columns(tmp_path):
    packed: Segment = packed_segment(tmp_path, LINES)
    (tmp_path / packed.name).write_bytes((tmp_path / packed.name).read_bytes()[:-100])
    with at(tmp_path) as disk, pytest.raises(ValueError, match=r"[a-z]"):
        make_columns(packed, disk)
    assert not (tmp_path / packed.columns).exists()
