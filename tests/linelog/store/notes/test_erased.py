"""The note of what was erased."""

import pytest

from logsrv.linelog.store.notes.erased import (
    ErasedNotes,
    Erasure,
    erased_or_none,
    load_erased,
    save_erased,
    state_of_erasing,
)
from logsrv.linelog.store.segment import Position
from tests.parts.disks import at

ONE = Erasure("2026-11-30T04:00:00.000000Z", "request 17", "ann", 12, 3, 2)


def test_notes_are_read_as_they_were_written(tmp_path):
    disk = at(tmp_path)
    assert load_erased(disk) == ErasedNotes() and state_of_erasing(disk) is None
    notes = ErasedNotes().with_segment(17, 100, 200).with_segment(18, 0, 0).with_erasure(ONE)
    save_erased(notes, disk)
    assert load_erased(disk) == notes
    assert notes.touches(18) and not notes.touches(19)


def test_every_change_of_a_segment_is_another_state(tmp_path):
    disk, notes, seen = at(tmp_path), ErasedNotes(), set()
    for _ in range(3):
        notes = notes.with_segment(17, 100, 200)
        save_erased(notes, disk)
        seen.add(state_of_erasing(disk))
    assert len(seen) == 3


def test_lines_may_be_erased_where_two_positions_reach_over_the_span():
    notes = ErasedNotes().with_segment(17, 100, 200).with_segment(17, 50, 60).with_segment(18, 0, 0)
    assert notes.segments[17] == (50, 200)
    assert notes.erased_between(Position(17, 0), Position(17, 51))
    assert notes.erased_between(Position(17, 199), Position(17, 300))
    assert not notes.erased_between(Position(17, 0), Position(17, 50))
    assert not notes.erased_between(Position(17, 200), Position(17, 300))
    assert not notes.erased_between(Position(18, 0), Position(18, 300))
    assert notes.without_segments_before(18).segments == {18: (0, 0)}


def test_a_damaged_note_is_refused_where_it_counts(tmp_path):
    disk = at(tmp_path)
    save_erased(ErasedNotes().with_segment(17, 100, 200), disk)
    data = (tmp_path / "erased").read_bytes()
    for wrong in (data[:-9] + b"00000000\n", b'{"changes":1} 00\n', b""):
        (tmp_path / "erased").write_bytes(wrong)
        with pytest.raises(ValueError):
            load_erased(disk)
        assert erased_or_none(disk) == ErasedNotes()


def test_an_erasure_is_a_sentence_for_the_log():
    assert str(ONE) == "12 lines and 3 of their records erased in 2 segments by ann: request 17"
    alone = Erasure(ONE.time, "", "ann", 1, 0, 1)
    assert str(alone) == "1 line erased in 1 segment by ann"
