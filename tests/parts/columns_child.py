"""A process in place of the one that makes columns: the first word of a segment tells what it does.

A file of its columns is `columns of` and the checksum of the index. It does not need pyarrow.
"""

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import zstandard

from logsrv.linelog.store.index.segment_index import decode_head
from logsrv.linelog.store.sealing.packing import SealerConnection
from logsrv.linelog.store.sealing.seal import Interrupted

MODULE, FOLDER = "parts.columns_child", str(Path(__file__).parent.parent)
"""Its name, and the folder with it: a package `tests` of others may be installed."""


def whole(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def columns_of(index: bytes) -> bytes:
    """The columns of the segment with this index."""
    return b"columns of %d" % decode_head(index).crc


def answer(order: dict[str, Any], files: dict[str, int]) -> dict[str, object]:
    made = columns_of(whole(files["index"]))
    if "check" in order:
        found = whole(files["columns"])
        if found == b"crash":
            os.kill(os.getpid(), signal.SIGKILL)
        return {} if found == made else {"error": "these are the columns of another segment"}
    text = zstandard.ZstdDecompressor().stream_reader(whole(files["text"])).read(200)
    word = text.split()[2]
    if word == b"die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == b"hang":
        os.write(files["columns"], b"half")
        time.sleep(3600)
    if word == b"full":
        return {"errno": 28}
    if word == b"large":
        return {"errno": 12}
    if word == b"damaged":
        return {"error": "a frame is damaged"}
    if word == b"none":
        return {"not kept": ["columns"]}
    os.write(files["columns"], made)
    return {"not kept": []}


def main() -> None:
    with socket.socket(fileno=os.dup(0)) as connection:
        server = SealerConnection(connection)
        while True:
            try:
                order, files = server.receive_order()
            except Interrupted:
                return
            server.send_answer(answer(order, dict(zip(order["files"], files, strict=True))))
            for fd in files:
                os.close(fd)


if __name__ == "__main__":
    main()
