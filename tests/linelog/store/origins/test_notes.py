"""Notes of blocks: read as they were written, and never read from what is damaged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.origins.notes import Note, parse_notes
from logsrv.linelog.store.segments.segment import Position

PLACES = st.builds(Position, st.integers(0, 10**10 - 1), st.integers(0, 10**14))
NOTES = st.builds(
    lambda at, origin, start, size, crc, sequence: Note(
        at, origin, start, Position(start.segment, start.offset + size), crc, sequence
    ),
    PLACES,
    st.text("0123456789abcdef", min_size=32, max_size=32),
    PLACES,
    st.integers(1, 8 << 20),
    st.integers(0, 2**32 - 1),
    st.none() | st.integers(0, 2**63),
)


@given(st.lists(NOTES, max_size=5))
def test_notes_are_read_as_they_were_written(notes: list[Note]) -> None:
    data = b"".join(note.line() for note in notes)
    found = parse_notes(data)
    assert [note for _, note in found] == notes
    assert [data[offset:].startswith(note.line()) for offset, note in found if note] == [
        True
    ] * len(notes)


@given(st.lists(NOTES, min_size=1, max_size=3), st.data())
def test_a_torn_line_is_none(notes: list[Note], data: st.DataObject) -> None:
    """As a power cut leaves it."""
    last = notes[-1].line()
    cut = data.draw(st.integers(1, len(last) - 1))
    text = b"".join(note.line() for note in notes[:-1]) + last[:cut]
    assert [note for _, note in parse_notes(text)] == [*notes[:-1], None]


@given(NOTES, st.data())
def test_a_changed_byte_is_seen(note: Note, data: st.DataObject) -> None:
    line = bytearray(note.line())
    at = data.draw(st.integers(0, len(line) - 2))
    line[at] ^= 1 << data.draw(st.integers(0, 6))
    assert note not in [found for _, found in parse_notes(bytes(line))]


@given(st.binary(max_size=200))
def test_nothing_else_is_a_note(data: bytes) -> None:
    assert all(note is None for _, note in parse_notes(data))
    assert sum(1 for _ in parse_notes(data)) == len(data.splitlines())


def test_a_note_says_where_it_ends() -> None:
    note = Note(Position(17, 5), 32 * "0", Position(3, 10), Position(3, 30), 7)
    assert (note.size, note.stop) == (20, Position(17, 25))
    assert note.line().startswith(b"17:5 20 " + 32 * b"0" + b" 3:10 3:30 - 00000007 ")
