"""The process that makes the columns of segments beside the server.

    python -P -m logsrv.linelog.columns.child_side

It needs no directory and no names, as the one that packs segments (store/sealing): its standard input is
a socket to the server, which sends an order as JSON, with open files:

    {"files": ["text", "index", "columns", "spool"]}

Their descriptors are in this order: the compressed text and its index for reading, a new file for the
columns under its temporary name, and an unlinked file on the same disk, which has the text before the
segment: its first lines may go on with a record there. The answer is JSON, too:

    {"not kept": []}                      made, and synced
    {"not kept": ["columns"]}             a segment that can have no columns: no lines, or a frame too large
    {"errno": 28}                         a system error
    {"error": "a frame is damaged"}       the text or its index is damaged

Another order asks whether a file has the columns of a segment; with "all", whether it can all be read:

    {"check": "identity", "files": ["index", "columns"]}

The answer is {}, or {"error": "the reason why it cannot be used"}, or {"errno": 5}. With "outdated": true,
the reason is that a version with other rules has made the file: no damage.

The process ends when the socket is closed; to stop an order, the server ends the process. Between frames
it looks whether the server is gone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from logsrv.kit.children.child_side import ignore_stop_signals, limit_memory
from logsrv.linelog.columns import OfAnotherIndex, OnlyTextTells
from logsrv.linelog.columns.read_file import open_columns, verify_checksums
from logsrv.linelog.columns.write_file import ColumnsWriter
from logsrv.linelog.store.disk import explanation
from logsrv.linelog.store.index.segment_index import decode_head
from logsrv.linelog.store.sealing.packing import SealerConnection
from logsrv.linelog.store.sealing.seal import Interrupted
from logsrv.memory import collect_rarely, keep_freed_memory


def main() -> int:
    """Carry out orders until the server is gone; return the exit status 0."""
    ignore_stop_signals()
    limit_memory()
    keep_freed_memory(together=True)
    collect_rarely()
    # Arrow's own pool gives freed memory back, page by page.
    pa.set_memory_pool(pa.system_memory_pool())
    pa.set_cpu_count(1)
    with socket.socket(fileno=os.dup(0)) as connection:
        server = SealerConnection(connection)
        with contextlib.suppress(Interrupted, ConnectionError):
            while True:
                server.send_answer(_carry_out(*server.receive_order(), server))
    return 0


def _carry_out(
    order: Mapping[str, Any], files: Sequence[int], server: SealerConnection
) -> dict[str, object]:
    """Carry out an order, close its files, and return the answer. Raises Interrupted as `receive_order`."""
    try:
        if "check" in order:
            _check(*files, whole=order["check"] == "all")
            return {}
        text, index, columns, spool = files
        writer = ColumnsWriter(text, _content(index), columns, spool)
        for _ in writer.steps():
            server.receive_arrived()
        return {"not kept": [] if writer.is_complete else ["columns"]}
    except OSError as error:
        return {"errno": error.errno or errno.EIO}
    except MemoryError:
        return {"errno": errno.ENOMEM}
    except OfAnotherIndex as error:
        return {"error": explanation(error)}
    except OnlyTextTells as error:
        return {"error": explanation(error), "outdated": True}
    except ValueError as error:
        return {"error": explanation(error)}
    finally:
        for fd in files:
            os.close(fd)


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _check(index: int, columns: int, *, whole: bool) -> None:
    """Raise ValueError if a file of columns is not that of the segment with this index, or is damaged.

    Raises OnlyTextTells if another version has made it, and it is not damaged.
    """
    with contextlib.ExitStack() as undo:
        fd = os.dup(columns)
        undo.callback(os.close, fd)
        try:
            found = open_columns(fd, decode_head(_content(index)))
        except OnlyTextTells:
            # Nobody reads it, but a wrong bit tells of a failing disk.
            if whole:
                verify_checksums(columns)
            raise
        undo.pop_all()
    with found:
        if whole:
            found.verify()


if __name__ == "__main__":
    sys.exit(main())
