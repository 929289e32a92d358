"""A temporary file for the columns of row groups, until the types of all columns are known."""

from __future__ import annotations

import errno
import os

import pyarrow as pa

from logsrv.linelog.columns.numbers import ArrowArray


class Spool:
    """An empty temporary file that nobody else uses. Its methods raise OSError."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._end = 0

    def write(self, column: ArrowArray, *, is_sparse: bool = False) -> slice:
        """Write an array; return its slice of the file. is_sparse: whether most lines lack a value."""
        batch = pa.record_batch({"": column})
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="lz4" if is_sparse else None)
        with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
            writer.write_batch(batch)
        start, left = self._end, memoryview(sink.getvalue())
        while left:
            written = os.pwrite(self._fd, left, self._end)
            self._end += written
            left = left[written:]
        return slice(start, self._end)

    def read(self, slice_: slice) -> ArrowArray:
        """Return an array that was written."""
        data = os.pread(self._fd, slice_.stop - slice_.start, slice_.start)
        if len(data) < slice_.stop - slice_.start:
            raise OSError(errno.EIO, "somebody has cut the temporary file")
        return pa.ipc.open_stream(data).read_next_batch().column(0)
