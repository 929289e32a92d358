"""Notes of blocks: read as they were written, and never read from what is damaged."""

from collections.abc import Sequence

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.notes import (
    BlockNote,
    NotesFile,
    make_notes_file,
    parse_notes_file,
)
from logsrv.linelog.store.segment import Position

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
    for place in range(8 * len(text)):
        changed = bytearray(text)
        changed[place // 8] ^= 1 << place % 8
        found = parse_notes_file(bytes(changed))
        assert (found.notes, found.changed, found.damaged) == ((NOTE, OTHER), 1, ()), place


def test_a_file_that_was_cut_anywhere_is_damaged():
    """Its writer came to its end in order: without its first line, an end between two lines looks whole."""
    text = NotesFile((NOTE, OTHER)).to_bytes()
    for size in range(len(text)):
        found = parse_notes_file(text[:size]).with_torn_as_damaged()
        assert found.damaged and not found.sure and not found.torn, size


def test_the_place_of_an_origin_noted_behind_a_damaged_line_is_known():
    text = b"what is this\n".join((NotesFile((NOTE,)).to_bytes(), OTHER.as_line()))
    found = parse_notes_file(text)
    assert found.notes == (NOTE, OTHER) and found.sure == {OTHER.origin}
    assert found.damaged == (b"what is this\n",)
    # However often it is written anew.
    again = parse_notes_file(make_notes_file(found.notes, found).to_bytes())
    assert (again.notes, again.sure, again.damaged) == (found.notes, found.sure, found.damaged)
    assert parse_notes_file(attrs.evolve(found, damaged=()).to_bytes()).sure == {
        NOTE.origin,
        OTHER.origin,
    }


@given(st.binary(max_size=200))
def test_invalid_lines_are_no_notes(data):
    assert not parse_notes_file(data).notes


def test_a_note_says_where_it_ends():
    note = BlockNote(Position(17, 5), 32 * "0", Position(3, 10), Position(3, 30), 7)
    assert (note.size, note.stored_end) == (20, Position(17, 25))
    assert note.as_line().startswith(b"17:5 20 " + 32 * b"0" + b" 3:10 3:30 - 00000007 ")
