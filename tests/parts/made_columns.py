"""Columns of a segment, made in this process, and the values in them."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from logsrv.descriptor import Descriptor
from logsrv.linelog.columns.read_file import SegmentColumns, open_columns
from logsrv.linelog.columns.write_file import ColumnsWriter
from logsrv.linelog.fields.values import text_of_value
from logsrv.linelog.read.answers import column_search, sources
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.text_before import text_before
from logsrv.linelog.store.segment import Segment, tmp
from tests.parts.disks import at, packed_segment


def make_columns(packed: Segment, disk: Disk) -> bool:
    """Make the columns of a packed segment, in place of older ones; return whether it can have some."""
    name = tmp(packed.columns)
    with ExitStack() as undo:
        undo.callback(disk.unlink, name)
        spool = undo.enter_context(Descriptor(disk.create_anew(name)))
        os.pwrite(spool, text_before(packed, disk), 0)
        columns = undo.enter_context(Descriptor(disk.create_anew(name)))
        text = undo.enter_context(Descriptor(disk.open(packed.name, os.O_RDONLY)))
        writer = ColumnsWriter(text, disk.read(packed.index), columns, spool)
        for _ in writer.steps():
            pass
        if writer.is_complete:
            disk.rename(name, packed.columns)
        return writer.is_complete


@contextmanager
def columns_of(directory: Path, lines: Sequence[bytes]) -> Iterator[SegmentColumns]:
    """Seal lines in a directory, make their columns, and open these."""
    packed = packed_segment(directory, b"".join(line + b"\n" for line in lines))
    with at(directory) as disk:
        make_columns(packed, disk)
        fd = disk.open(packed.columns, os.O_RDONLY)
        with open_columns(fd, index.load_head(packed, disk)) as columns:
            yield columns


def values_of(columns: SegmentColumns, name: str) -> list[Any]:
    """Return the values of a field in all lines, as texts, or lists of texts."""
    found: list[Any] = []
    for number in range(len(columns.groups)):
        field = columns.group(number).field(name)
        values = [
            [*map(text_of_value, one)] if isinstance(one, list) else one for one in field.values()
        ]
        found += [None if code < 0 else values[code] for code in field.codes.tolist()]
    return found


@contextmanager
def columns_for_few_frames() -> Iterator[None]:
    """Let columns be read also where text would cost less."""
    with (
        patch.object(sources, "WITHOUT_COLUMNS", 0),
        patch.object(column_search, "FEWEST_FRAMES", 0),
    ):
        yield
