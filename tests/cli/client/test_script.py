"""Standard input in a thread. (The whole conversation: test_connect.)"""

from __future__ import annotations

import os
from collections.abc import Generator
from typing import Any

import pytest_twisted
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from logsrv.cli.client.script import CHUNK, read_all

Waits = Generator[Deferred[Any], Any, None]


@pytest_twisted.inlineCallbacks
def test_the_next_chunk_is_read_when_the_last_one_is_taken() -> Waits:
    """So a slow server holds back the program that feeds us, and memory stays small."""
    reader, writer = os.pipe()
    taken: list[bytes] = []
    slow: list[Deferred[None]] = []
    came: list[Deferred[None]] = [Deferred(), Deferred()]

    async def take(data: bytes) -> None:
        taken.append(data)
        slow.append(Deferred())
        came[len(taken) - 1].callback(None)
        await slow[-1]

    ended = read_all(reader, take, reactor)
    os.write(writer, b"one")
    yield came[0]
    os.write(writer, b"two")
    os.write(writer, b"three")
    assert taken == [b"one"]
    slow[0].callback(None)
    yield came[1]
    assert taken == [b"one", b"twothree"]
    os.close(writer)
    slow[1].callback(None)
    yield ended
    os.close(reader)


@pytest_twisted.inlineCallbacks
def test_a_file_is_read_to_its_end(tmp_path: Any) -> Waits:
    """Of any kind, also where the reactor could not watch it."""
    data = os.urandom(2 * CHUNK + 1)
    (tmp_path / "input").write_bytes(data)
    taken = []

    async def take(chunk: bytes) -> None:
        taken.append(chunk)

    descriptor = os.open(tmp_path / "input", os.O_RDONLY)
    ended = read_all(descriptor, take, reactor)
    yield ended
    os.close(descriptor)
    assert b"".join(taken) == data
