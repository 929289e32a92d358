"""Columns of a segment, made in this process."""

import os
from contextlib import ExitStack

from logsrv.descriptor import Descriptor
from logsrv.linelog.columns.write_file import ColumnsWriter
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Segment, tmp


def make_columns(packed: Segment, disk: Disk) -> bool:
    """Make the columns of a packed segment, in place of older ones; return whether it can have some."""
    name = tmp(packed.columns)
    with ExitStack() as undo:
        undo.callback(disk.unlink, name)
        spool = undo.enter_context(Descriptor(disk.create_anew(name)))
        columns = undo.enter_context(Descriptor(disk.create_anew(name)))
        text = undo.enter_context(Descriptor(disk.open(packed.name, os.O_RDONLY)))
        writer = ColumnsWriter(text, disk.read(packed.index), columns, spool)
        for _ in writer.steps():
            pass
        if writer.is_complete:
            disk.rename(name, packed.columns)
        return writer.is_complete
