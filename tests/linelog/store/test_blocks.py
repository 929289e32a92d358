"""Blocks of origins are on the medium when that is said; no note is read from what is damaged."""

import errno
import os
import threading
import zlib
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import gatherResults

from logsrv.errors import StoreError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.blocks import (
    BlockNote,
    Deposit,
    NotesFile,
    PendingBlock,
    parse_notes_file,
)
from logsrv.linelog.store.policy import Sync
from logsrv.linelog.store.segment import Position
from tests.linelog.store.conftest import closed
from tests.parts.clocks import EagerReactor
from tests.parts.disks import FaultyDisk, batch, no_space, stored, text_of, write

PLACES = st.builds(Position, st.integers(0, 10**10 - 1), st.integers(0, 10**14))
NOTES = st.builds(
    lambda at, origin, start, size, crc, sequence: BlockNote(
        at, origin, start, Position(start.segment, start.offset + size), crc, sequence
    ),
    PLACES,
    st.text("0123456789abcdef", min_size=32, max_size=32),
    PLACES,
    st.integers(1, 8 << 20),
    st.integers(0, 2**32 - 1),
    st.none() | st.integers(0, 2**63),
)


def file_of(notes: Sequence[BlockNote]) -> bytes:
    return NotesFile(tuple(notes)).to_bytes()


@given(st.lists(NOTES, max_size=5))
def test_notes_are_read_as_they_were_written(notes):
    """Also those of a version that knew no first line, if there are any."""
    lines = b"".join(note.as_line() for note in notes)
    for data in (file_of(notes), *([lines] if notes else [])):
        found = parse_notes_file(data)
        assert list(found.notes) == notes and not found.damaged
        assert found.sure == {note.origin for note in notes}
        for offset, note in zip(found.offsets, notes, strict=True):
            assert data[offset:].startswith(note.as_line())


@given(st.lists(NOTES, min_size=1, max_size=3), st.data())
def test_a_torn_line_is_told_from_a_damaged_one(notes, data):
    """As a power cut leaves one that came behind the others."""
    last = notes[-1].as_line()
    cut = data.draw(st.integers(1, len(last) - 1))
    text = file_of(notes[:-1])
    found = parse_notes_file(text + last[:cut])
    assert list(found.notes) == notes[:-1]
    assert found.torn == last[:cut] and not found.damaged


NOTE = BlockNote(Position(17, 5), 32 * "a", Position(3, 0), Position(3, 9), 7, 12)
OTHER = BlockNote(Position(17, 14), 32 * "b", Position(9, 0), Position(9, 77), 8)


@pytest.mark.slow
@pytest.mark.parametrize(
    "text", [NotesFile((NOTE, OTHER)).to_bytes(), NOTE.as_line() + OTHER.as_line()]
)
def test_a_bit_that_changed_is_put_right(text):
    for bit in range(8 * len(text)):
        changed = bytearray(text)
        changed[bit // 8] ^= 1 << bit % 8
        found = parse_notes_file(bytes(changed))
        assert (found.notes, found.changed, found.damaged) == ((NOTE, OTHER), 1, ()), bit


def test_a_file_that_was_cut_anywhere_is_damaged():
    """Its writer came to its end in order: without its first line, an end between two lines looks whole."""
    text = NotesFile((NOTE, OTHER)).to_bytes()
    for size in range(len(text)):
        found = parse_notes_file(text[:size]).with_torn_as_damaged()
        assert found.damaged and not found.sure and not found.torn, size


def test_a_note_says_where_it_ends():
    note = BlockNote(Position(17, 5), 32 * "0", Position(3, 10), Position(3, 30), 7)
    assert (note.size, note.stored_end) == (20, Position(17, 25))
    assert note.as_line().startswith(b"17:5 20 " + 32 * b"0" + b" 3:10 3:30 - 00000007 ")


ORIGIN, OTHER_ORIGIN = 32 * "a", 32 * "b"
STAMP = b"2026-11-20T06:18:42.123456Z tcp:1 "


def pending(origin: str, text: bytes, start: int = 0) -> PendingBlock:
    begin, end = Position(1, start), Position(1, start + len(text))
    return PendingBlock(origin, begin, end, zlib.crc32(text), text, text.count(b"\n"))


def text(number: int, lines: int = 10) -> bytes:
    return b"".join(STAMP + b"%d %d\n" % (number, line) for line in range(lines))


def test_a_deposit_goes_on_where_it_was_interrupted():
    deposit = Deposit([pending(ORIGIN, b"abc\n"), pending(OTHER_ORIGIN, b"defg\n")])
    assert not deposit.goes_on_at(Position(7, 100))
    deposit.make_notes(Position(7, 100))
    assert [note.at for note in deposit.notes] == [(7, 100), (7, 104)]
    deposit.written = 3
    assert deposit.goes_on_at(Position(7, 103))
    assert not deposit.goes_on_at(Position(7, 100))
    assert not deposit.goes_on_at(Position(8, 103))


@pytest.mark.parametrize("sync", Sync)
async def test_a_block_is_on_the_medium_when_it_is_acknowledged(open_store, disk, sync):
    """Whatever the policy is: first the note, then the text."""
    store = open_store(disk, sync=sync)
    store.append(batch(b"before"))
    await store.deposit(pending(ORIGIN, text(1)))
    await write(store, b"behind")
    note, active = store.directory / "origins", store.directory / "current.log"
    synced = [one for one in disk.synced if one in (note.stat().st_ino, active.stat().st_ino)]
    assert active.stat().st_ino in synced[synced.index(note.stat().st_ino) :]
    assert text_of(store.directory) == stored(b"before") + text(1) + stored(b"behind")
    last = store.origins.last_block(ORIGIN)
    assert last is not None
    assert (last.end, last.at) == (Position(1, len(text(1))), Position(1, len(stored(b"before"))))
    assert store.origins.under_way.size == 0
    assert not store.origins.under_way


async def test_blocks_that_wait_together_share_their_syncs(open_store):
    disk, go = FaultyDisk(), threading.Event()
    store = open_store(disk, sync=Sync.NEVER)
    await store.deposit(pending(ORIGIN, text(0)))
    before = disk.calls.count("fdatasync")
    disk.before["fdatasync"] = lambda: go.wait(PATIENCE)
    waiting = [store.deposit(pending(f"{number:032x}", text(number))) for number in range(50)]
    assert store.origins.under_way.size == sum(len(text(number)) for number in range(50))
    assert len(store.origins.under_way) == 50
    go.set()
    await gatherResults(waiting)
    # The first is on its way before the others have come.
    assert disk.calls.count("fdatasync") - before <= 6
    assert text_of(store.directory) == text(0) + b"".join(text(number) for number in range(50))


async def test_a_full_disk_is_waited_for_and_nothing_comes_between(open_store, disk, clock):
    store = open_store(disk, clock=clock)
    await store.deposit(pending(ORIGIN, text(1)))
    disk.room = len(text(2)) // 2
    waiting = store.deposit(pending(ORIGIN, text(2), len(text(1))))
    store.append(batch(b"behind"))
    clock.settle()
    assert store.stalled
    assert not waiting.called
    last = store.origins.last_block(ORIGIN)
    assert last is not None
    assert last.end.offset == len(text(1))
    disk.room = None
    clock.advance(1)
    await waiting
    await store.durable()
    assert text_of(store.directory) == text(1) + text(2) + stored(b"behind")
    assert store.stalled is None


async def test_a_note_that_cannot_be_written_is_tried_again(open_store, disk, clock):
    store = open_store(disk, clock=clock)
    disk.errors["create"] = no_space()
    waiting = store.deposit(pending(ORIGIN, text(1)))
    clock.settle()
    assert store.stalled
    assert text_of(store.directory) == b""
    del disk.errors["create"]
    clock.advance(1)
    await waiting
    assert text_of(store.directory) == text(1)
    assert b" %s " % ORIGIN.encode() in (store.directory / "origins").read_bytes()


async def test_bytes_that_a_failed_sync_lost_are_written_again_at_the_same_place(
    open_store, disk, clock
):
    """The kernel lets go of pages that it could not write: another sync alone would say nothing."""
    store = open_store(disk, clock=clock)
    await store.deposit(pending(ORIGIN, text(1)))
    position = store.position
    failures = [OSError(errno.EIO, os.strerror(errno.EIO))]

    def fail() -> None:
        # The note has been synced, and the block is written; only the writer is to be told.
        ours = threading.current_thread().name == "store-write"
        if ours and store.position != position and failures:
            error = failures.pop()
            # As a kernel does that lets go of what it could not write.
            with (store.directory / "current.log").open("r+b") as file:
                file.seek(position.offset)
                file.write(bytes(len(text(2))))
            raise error

    disk.before["fdatasync"] = fail
    waiting = store.deposit(pending(ORIGIN, text(2), len(text(1))))
    clock.settle()
    # A sender that asks for the position now would drop the block if it were counted.
    last = store.origins.last_block(ORIGIN)
    assert not failures and last is not None and last.end.offset == len(text(1))
    clock.advance(1)
    await waiting
    assert text_of(store.directory) == text(1) + text(2)


async def test_a_file_that_is_removed_meanwhile_has_the_block_stored_in_the_next(
    open_store, disk, clock
):
    store = open_store(disk, clock=clock)
    await store.deposit(pending(ORIGIN, text(1)))
    disk.room = 5
    waiting = store.deposit(pending(ORIGIN, text(2), len(text(1))))
    clock.settle()
    assert store.stalled
    (store.directory / "current.log").unlink()
    disk.room = None
    clock.advance(1)
    await waiting
    assert text_of(store.directory) == text(2)
    last = store.origins.last_block(ORIGIN)
    assert last is not None
    assert last.at == Position(2, 0)
    notes = (store.directory / "origins").read_bytes().splitlines()
    assert len([note for note in notes if note.startswith(b"1:")]) == 1


async def test_the_place_is_kept_over_a_stop(open_store, tmp_path):
    store = open_store()
    await store.deposit(pending(ORIGIN, text(1)))
    await store.close()
    with pytest.raises(StoreError):
        await store.deposit(pending(ORIGIN, text(1)))
    again = open_store()
    last = again.origins.last_block(ORIGIN)
    assert last is not None
    assert last.end.offset == len(text(1))
    await again.deposit(pending(ORIGIN, text(2), len(text(1))))
    assert text_of(again.directory) == text(1) + text(2)


async def test_a_block_that_is_said_to_be_stored_is_the_last_of_its_origin(open_store, clock):
    """Its sender may bring the next one at once, or ask for the position."""
    notes: list[Any] = []
    store = open_store(using=EagerReactor(), clock=clock)
    waiting = store.deposit(pending(ORIGIN, text(1)))
    waiting.addCallback(lambda _: notes.append(store.origins.last_block(ORIGIN)))
    clock.settle()
    await closed(store)
    assert [note and note.end.offset for note in notes] == [len(text(1))]


async def test_a_store_that_closes_on_a_dead_disk_tells_who_waits(open_store, disk, clock):
    store = open_store(disk, clock=clock)
    disk.room = 5
    waiting = store.deposit(pending(ORIGIN, text(1)))
    clock.settle()
    assert store.stalled
    await store.close()
    with pytest.raises(StoreError, match="closed"):
        await waiting
    # It was there in part, and comes again.
    again = open_store(clock=clock)
    assert again.origins.last_block(ORIGIN) is None
    assert text_of(again.directory) == b""
