"""A process for a thread that waits for it: its answers, and how it is said to have ended."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from logsrv.kit.children.blocking import BlockingChild
from tests.kit.children.spawned import is_there


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Iterator[BlockingChild]:
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(__file__))
    found = BlockingChild("answering")
    yield found
    found.end()


def answer(child: BlockingChild) -> bytes:
    while (found := child.receive()) is None:
        pass
    return found


def test_it_answers_and_takes_files(child: BlockingChild) -> None:
    child.send({"say": "x" * 300_000})
    assert answer(child) == b"x" * 300_000
    read, write = os.pipe()
    child.send({"write": "hello"}, [write])
    os.close(write)
    with open(read, "rb") as pipe:
        assert (answer(child), pipe.read()) == (b"", b"hello")
    assert child.runs


def test_its_last_words_are_the_reason(child: BlockingChild) -> None:
    child.send({"end": "no room"})
    with pytest.raises(OSError, match="its process has ended: no room"):
        answer(child)


def test_it_is_ended_whatever_it_does(child: BlockingChild) -> None:
    child.end()
    assert not is_there(child.process.pid)
