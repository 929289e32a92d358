"""A block of a stream that overlaps the last block here: its new part, once the rest was compared."""

import errno
import zlib
from pathlib import Path

import pytest

from logsrv.linelog.intake.blocks.body import BlockDecision, decide_about
from logsrv.linelog.intake.blocks.overlap import (
    overlaps_last_block,
    read_stored_crc,
    without_stored_part,
)
from logsrv.linelog.store.blocks import BlockNote
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.packed_block import UNKNOWN
from logsrv.linelog.store.segment import Position
from tests.parts.blocks import block_of
from tests.parts.stores import lines, make_store

ONE = 32 * "a"
TEXT = b"".join(lines([f"{number}" for number in range(40)]))
LINE = TEXT.index(b"\n") + 1
ENDS = [at + 1 for at, byte in enumerate(TEXT) if byte == 10]
BEFORE = lines(["of another store", "of a third"])


@pytest.fixture(params=["text", "packed"])
def store(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The directory of a centre whose last segment but one has lines of others, and then TEXT."""
    segments = [[*BEFORE, *TEXT.splitlines(keepends=True)]]
    if request.param == "packed":
        segments.append(lines(["a newer segment"]))
    return str(make_store(tmp_path / "store", segments))


def note_of(start: int, end: int, segment: int = 1) -> BlockNote:
    """The note of the block that has TEXT from `start` to `end`."""
    at = Position(1, sum(map(len, BEFORE)) + start)
    crc = zlib.crc32(TEXT[start:end])
    return BlockNote(at, ONE, Position(segment, start), Position(segment, end), crc)


@pytest.mark.parametrize(
    ("here", "sent"),
    [
        ((0, 20), (0, 40)),
        ((5, 20), (0, 40)),
        ((5, 20), (5, 21)),
        ((5, 20), (4, 21)),
        ((0, 20), (1, 40)),
        ((0, 20), (10, 30)),
        ((0, 20), (19, 40)),
        ((3, 39), (38, 40)),
        ((3, 39), (4, 40)),
        ((19, 20), (18, 40)),
    ],
)
def test_of_a_block_that_overlaps_the_last_one_the_rest_is_taken(store, here, sent):
    """Whichever begins first."""
    places = [0, *ENDS]
    note = note_of(*(places[one] for one in here))
    start, end = (places[one] for one in sent)
    block = block_of(ONE, TEXT[start:end], Position(1, start), Position(1, start), UNKNOWN)
    assert overlaps_last_block(block, note)
    crc = read_stored_crc(store, block, note)
    rest, text = without_stored_part(block, TEXT[start:end], note, crc)
    assert text == TEXT[note.end.offset : end]
    assert (rest.start, rest.after, rest.gap) == (note.end, note.end, "")
    assert (rest.crc, rest.end) == (zlib.crc32(text), block.end)
    assert decide_about(rest, note.end) is BlockDecision.TAKE


@pytest.mark.parametrize(("here", "sent"), [((1, 20), 0), ((0, 20), 0), ((0, 20), 10)])
def test_a_block_with_other_lines_than_are_here_is_refused(store, here, sent):
    places = [0, *ENDS]
    note, start = note_of(*(places[one] for one in here)), places[sent]
    other = TEXT[start:].replace(b"Z", b"z")
    block = block_of(ONE, other, Position(1, start), None)
    crc = read_stored_crc(store, block, note)
    with pytest.raises(ValueError, match=r"from 1:\d+ to 1:\d+ its lines differ from those stored"):
        without_stored_part(block, other, note, crc)


def test_lines_that_are_gone_here_are_not_compared(tmp_path):
    """Retention may have removed the segment; its last block is still known."""
    directory = str(make_store(tmp_path / "store", [lines(["one"])]))
    note = BlockNote(Position(9, 0), ONE, Position(1, 0), Position(1, ENDS[9]), 7)
    block = block_of(ONE, TEXT[LINE:], Position(1, LINE), None)
    assert read_stored_crc(directory, block, note) is None
    assert without_stored_part(block, TEXT[LINE:], note, None)[1] == TEXT[ENDS[9] :]


def test_a_segment_that_is_too_short_is_reported(tmp_path):
    directory = str(make_store(tmp_path / "store", [lines(["one"])]))
    note = BlockNote(Position(1, 0), ONE, Position(1, 0), Position(1, ENDS[9]), 7)
    block = block_of(ONE, TEXT[LINE:], Position(1, LINE), None)
    with pytest.raises(ValueError, match="segment 1 is shorter than its last block"):
        read_stored_crc(directory, block, note)


@pytest.mark.parametrize(
    "note", [None, note_of(0, LINE), note_of(0, len(TEXT)), note_of(0, 2 * LINE, 2)]
)
def test_a_block_that_does_not_overlap_the_last_one_is_left_alone(note):
    block = block_of(ONE, TEXT[LINE:], Position(1, LINE), None)
    assert not overlaps_last_block(block, note)


def test_a_block_is_not_taken_while_the_lines_here_cannot_be_read(tmp_path, monkeypatch):
    """Unread lines are no reason to take a block without comparing it."""
    directory = make_store(tmp_path / "store", [TEXT.splitlines(keepends=True), lines(["newer"])])
    real = Disk.open

    def fails(self: Disk, name: str, flags: int) -> int:
        if name.endswith(".zst"):
            raise OSError(errno.EIO, "Input/output error")
        return real(self, name, flags)

    monkeypatch.setattr(Disk, "open", fails)
    note = BlockNote(Position(1, 0), ONE, Position(1, 0), Position(1, ENDS[9]), 7)
    block = block_of(ONE, TEXT[LINE:], Position(1, LINE), None)
    with pytest.raises(ValueError, match="segment 1 cannot be read: Input/output error"):
        read_stored_crc(str(directory), block, note)
