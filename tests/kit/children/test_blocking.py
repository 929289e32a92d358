"""A process for a thread that waits for it: its answers, and how it is said to have ended."""

import contextlib
import os
import resource
from collections.abc import Iterator

import pytest

from logsrv.kit.children.blocking import BlockingChild
from tests.parts.child_processes import is_there


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingChild]:
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    found = BlockingChild("answering")
    yield found
    found.kill()


def answer(child: BlockingChild) -> bytes:
    while (found := child.receive()) is None:
        pass
    return found


def test_a_child_answers_orders_and_gets_open_files(child):
    child.send({"say": "x" * 300_000})
    assert answer(child) == b"x" * 300_000
    read, write = os.pipe()
    child.send({"write": "hello"}, [write])
    os.close(write)
    with open(read, "rb") as pipe:
        assert (answer(child), pipe.read()) == (b"", b"hello")
    assert child.is_running


def test_a_child_starts_beside_thousands_of_connections(monkeypatch):
    """Its number is above 1023 then: no segment was sealed any more."""
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 2048:
        pytest.skip("this process may not have so many open files")
    with contextlib.ExitStack() as undo:
        undo.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 2048), hard))
        number = 0
        while number < 1024:
            number = os.open("/dev/null", os.O_RDONLY)
            undo.callback(os.close, number)
        child = BlockingChild("answering")
        undo.callback(child.kill)
        child.send({"say": "hello"})
        assert answer(child) == b"hello"


def test_the_last_line_of_a_dead_child_is_in_the_error(child):
    child.send({"end": "no room"})
    with pytest.raises(OSError, match="its process has ended: no room"):
        answer(child)


def test_end_kills_a_busy_child(child):
    child.kill()
    assert not is_there(child.process.pid)
