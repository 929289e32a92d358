"""Reading from any position gives what was written there, sealed or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.internet.threads import deferToThread

from logsrv.linelog.store.read import read
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.store import Store
from tests.linelog.store.faults import batch, stored, text_of, until

OpenStore = Callable[..., Store]


@pytest_twisted.ensureDeferred
async def test_a_position_leads_to_the_same_line_before_and_after_sealing(
    open_store: OpenStore,
) -> None:
    store = open_store()
    places = {}
    for number in range(2000):
        places[store.position] = number
        store.append(batch(b"%d" % number, *([b"x" * 900] * (number == 1000))))
        await store.durable()
    for _ in range(2):
        for place in list(places)[::97]:
            _, piece = next(iter(read(store.directory, place)))
            assert piece.startswith(stored(b"%d" % places[place]))
        store.rotate()
        await until(lambda: list(store.directory.glob("*.idx")))


@pytest_twisted.ensureDeferred
async def test_reading_goes_on_where_it_ended(open_store: OpenStore) -> None:
    store = open_store(rotate_size=2000)
    seen, place = b"", Position(0, 0)
    for number in range(200):
        store.append(batch(b"%d" % number))
        await store.durable()
        for found, piece in read(store.directory, place):
            place = Position(found.segment, found.offset + len(piece))
            seen += piece
    assert seen == stored(*(b"%d" % number for number in range(200)))


@pytest_twisted.ensureDeferred
async def test_a_reader_beside_a_busy_writer_sees_each_line_once(open_store: OpenStore) -> None:
    store = open_store(rotate_size=3000)
    reading = [True]

    def follow() -> bytes:
        seen, place = b"", Position(0, 0)
        while True:
            last = not reading[0]
            for found, piece in read(store.directory, place):
                place = Position(found.segment, found.offset + len(piece))
                seen += piece
            if last:
                return seen

    result = deferToThread(follow)
    for number in range(3000):
        store.append(batch(b"%d" % number))
        if number % 20 == 0:
            await store.durable()
    await store.durable()
    reading[0] = False
    assert await result == stored(*(b"%d" % number for number in range(3000)))


def test_a_line_that_is_not_whole_yet_is_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "current.log").write_bytes(stored(b"one") + b"2026-11")
    assert text_of(tmp_path) == stored(b"one")


def test_a_position_that_retention_removed_leads_to_the_oldest_line(tmp_path: Path) -> None:
    (tmp_path / "0000000005-20261120T061842Z.log").write_bytes(stored(b"five"))
    (tmp_path / "current.log").write_bytes(stored(b"six"))
    found = list(read(tmp_path, Position(2, 999)))
    assert found == [(Position(5, 0), stored(b"five")), (Position(6, 0), stored(b"six"))]


def test_a_directory_without_a_store_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        text_of(tmp_path)
