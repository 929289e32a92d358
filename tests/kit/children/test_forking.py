"""The process that forks, seen from the service: each end is told once, and no descriptor stays open."""

import errno
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from logsrv.kit.children.child_process import ChildProcess, ProcessEnd, child_environment
from logsrv.kit.children.forking import ForkedProcess, ForkingProcess
from tests.parts.reactor import REACTOR, until


class NoProcesses:
    """Starts nothing: orders wait in the socket."""

    def start(self, *_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace()


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


class Owner:
    """Starts the process that forks, and notes each end. ends: of those it has forked."""

    def __init__(self) -> None:
        self.child: ChildProcess | None = None
        self.over = False
        self.forked: list[ForkedProcess] = []
        self.waiting = 0
        self.ends: list[tuple[ForkedProcess, ProcessEnd]] = []
        processes: Any = self
        self.forking = ForkingProcess(REACTOR, processes, "forking_child", ended=self._note_over)

    def start(self, module: str, *, received: Any, ended: Any, **more: Any) -> ChildProcess:
        self.child = ChildProcess(REACTOR, received=received, ended=ended, said=print)
        here = {**child_environment(), "PYTHONPATH": os.path.dirname(__file__)}
        self.child.start(module, environment=here, **more)
        return self.child

    def _note_over(self, *_: object) -> None:
        assert not self.over
        self.over = True

    async def fork_until_it_waits(self) -> None:
        def note_end(child: ForkedProcess, end: ProcessEnd) -> None:
            self.ends.append((child, end))

        def note_answer(_: object) -> None:
            self.waiting += 1

        made = self.forking.fork(b"wait", note_end)
        made.received = note_answer
        self.forked.append(made)
        await until(lambda: self.waiting == len(self.forked), "a forked process")

    @property
    def pid(self) -> int:
        assert self.child is not None
        assert self.child.pid is not None
        return self.child.pid

    def children(self) -> str:
        """The processes of it that run, or have ended and were not reaped."""
        return Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()


@asynccontextmanager
async def forks(number: int) -> AsyncIterator[Owner]:
    before, owner = open_descriptors(), Owner()
    for _ in range(number):
        await owner.fork_until_it_waits()
    assert len(owner.children().split()) == number
    yield owner
    await until(lambda: owner.over, "the end of the process that forks")
    # What a forked process has said is read before its end is told.
    await until(lambda: len(owner.ends) >= number, "all ends")
    # Each of them once.
    assert {child for child, _ in owner.ends} == {*owner.forked}
    assert len(owner.ends) == number
    assert open_descriptors() == before


FEW_AND_MANY = pytest.mark.parametrize("number", [4, pytest.param(300, marks=pytest.mark.slow)])


@FEW_AND_MANY
async def test_those_that_end_together_are_reaped_and_each_end_is_told_once(number):
    async with forks(number) as owner:
        for one in owner.forked:
            one.kill()
        await until(lambda: len(owner.ends) == number, "all ends")
        assert owner.children() == ""
        assert {end for _, end in owner.ends} == {ProcessEnd(None, signal.SIGIO)}
        owner.forking.end()


@FEW_AND_MANY
async def test_those_that_go_on_after_the_last_order_are_told_as_well(number):
    async with forks(number) as owner:
        owner.forking.end()
        for one in owner.forked:
            one.kill()
        await until(lambda: owner.over, "the end of the process that forks")
        assert {end for _, end in owner.ends} == {ProcessEnd(None, signal.SIGIO)}


@FEW_AND_MANY
async def test_no_end_is_lost_or_told_twice_if_the_process_that_forks_is_killed_meanwhile(number):
    """Some ends are on their way; nobody tells those of the others."""
    async with forks(number) as owner:
        for one in owner.forked[: number // 2]:
            one.kill()
        await until(lambda: owner.ends, "the first end")
        os.kill(owner.pid, signal.SIGKILL)
    assert {end for _, end in owner.ends} <= {
        ProcessEnd(None, signal.SIGIO),
        ProcessEnd(None, signal.SIGKILL),
    }
