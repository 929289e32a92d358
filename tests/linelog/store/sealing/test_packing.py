"""The packing process is as nice as its server can afford, at each frame."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from typing import cast

import pytest

from logsrv.kit.children.frames import frame
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.sealing.packing import NICENESS, HandedDisk, Server, Threads
from logsrv.linelog.store.sealing.seal import FRAME, Interrupted
from logsrv.linelog.store.segments.segment import Form, Segment

NAME = "0000000001-20261120T061842Z.log"


class NicenessDisk(Disk):
    """A disk that notes how nice each thread is that writes a frame."""

    def __init__(self) -> None:
        self.niceness: list[int] = []

    def write(self, fd: int, data: bytes) -> None:
        # Of the thread that calls, on Linux.
        self.niceness.append(os.getpriority(os.PRIO_PROCESS, 0))
        super().write(fd, data)


class SaysSo:
    """A server that says before each frame what hurry there is."""

    def __init__(self, *hurry: int) -> None:
        self.hurry = 0
        self._next = iter(hurry)

    def look(self) -> bool:
        self.hurry = next(self._next, 0)
        return True


@pytest.mark.skipif(sys.platform != "linux", reason="a thread has no niceness of its own")
def test_it_is_less_nice_in_a_hurry(tmp_path: Path) -> None:
    """Also in the middle of a segment, and without the right to become less nice."""
    (tmp_path / NAME).write_bytes(b"x" * 99 + b"\n" + (b"y" * (FRAME - 1) + b"\n") * 4)
    disk, server = NicenessDisk(), SaysSo(0, 0, 1, 2, 9)
    disk.enter(tmp_path)
    made = Threads().pack(Segment(1, NAME, Form.PLAIN), disk, False, cast(Server, server))
    least = os.getpriority(os.PRIO_PROCESS, 0)
    assert made.lines == 5
    assert disk.niceness[:4] == [min(19, least + NICENESS[level]) for level in (0, 1, 2, 2)]
    disk.leave()


def test_it_hears_what_hurry_there_is_and_that_its_server_is_gone() -> None:
    ours, theirs = socket.socketpair()
    server = Server(theirs)
    first, second = (b"".join(frame(b'{"hurry": %d}' % one)) for one in (1, 3))
    ours.sendall(first + second[:-3])
    server.look()
    assert server.hurry == 1
    ours.sendall(second[-3:])
    server.look()
    assert server.hurry == 3
    ours.close()
    with pytest.raises(Interrupted):
        server.look()
    theirs.close()


def test_files_that_nobody_has_handed_over_cannot_be_made() -> None:
    disk = HandedDisk({})
    with pytest.raises(FileNotFoundError, match="nobody has made it"):
        disk.create_anew("0000000001-20261120T061842Z.log.zst.words.tmp")
    disk.unlink("words.tmp")
    assert disk.removed == ["words.tmp"]
