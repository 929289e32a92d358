"""Bytes go from a socket into a file by themselves, none lost, in their order."""

import errno
import os
import random
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.gopher.fetch import transfers as module
from logsrv.gopher.fetch.transfers import SplicePipe

pytestmark = pytest.mark.skipif(not hasattr(os, "splice"), reason="only Linux has splice")
CONTENT = random.Random(1).randbytes(5_000_000)


@pytest.fixture
def way() -> Iterator[SplicePipe]:
    found = SplicePipe()
    yield found
    found.close()


def copied(way: SplicePipe, path: Path) -> bytes:
    """Send CONTENT through a socket and `way` into a file."""
    here, there = socket.socketpair()

    def send() -> None:
        with there:
            there.sendall(CONTENT)

    sender = threading.Thread(target=send)
    with here, open(path, "wb") as file:
        sender.start()
        while size := way.fill_from_socket(here.fileno()):
            way.empty_into_file(file.fileno(), size)
        sender.join()
    return path.read_bytes()


def test_splice_moves_all_bytes_to_the_file(way, tmp_path):
    assert copied(way, tmp_path / "x") == CONTENT


def test_a_file_system_without_splice_gets_the_bytes_by_write(way, tmp_path, monkeypatch):
    splice = os.splice

    def only_from_sockets(source: int, target: int, size: int) -> int:
        if source == way._out:
            raise OSError(errno.EINVAL, "Invalid argument")
        return splice(source, target, size)

    monkeypatch.setattr(os, "splice", only_from_sockets)
    assert copied(way, tmp_path / "x") == CONTENT


def test_splice_raises_blocking_io_error_without_bytes(way):
    here, there = socket.socketpair()
    with here, there:
        here.setblocking(False)
        with pytest.raises(BlockingIOError):
            way.fill_from_socket(here.fileno())


def test_splice_works_with_a_usual_pipe(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SET_PIPE_SIZE", -1)
    way = SplicePipe()
    assert copied(way, tmp_path / "x") == CONTENT
    way.close()
