"""The process that forks, seen from the service: a fork that fails leaves no descriptor open."""

import errno
import os
from typing import Any

import pytest

from logsrv.kit.children.forking import ForkingProcess


class NoProcesses:
    """Starts nothing: orders wait in the socket."""

    def start(self, *_: object, **__: object) -> None:
        pass


def open_descriptors() -> set[str]:
    return {*os.listdir("/proc/self/fd")}


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_a_fork_without_descriptors_or_room_leaves_none_open(monkeypatch, failing):
    processes: Any = NoProcesses()
    forking = ForkingProcess(None, processes, "module", ended=lambda *_: None)
    calls: list[None] = []
    before, pipe = open_descriptors(), os.pipe

    def full() -> tuple[int, int]:
        calls.append(None)
        if len(calls) == failing:
            raise OSError(errno.EMFILE, "Too many open files")
        return pipe()

    monkeypatch.setattr(os, "pipe", full)
    # The socket has nobody at its other end: the third failure is that of the order.
    with pytest.raises(OSError):
        forking.fork(b"order", lambda *_: None)
    assert open_descriptors() == before
    forking.end()
