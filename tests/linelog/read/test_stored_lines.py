"""Lines by position, forward and backward, over any segments."""

from itertools import islice
from pathlib import Path

import pytest

from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.store.segments.segment import Position
from tests.parts.stores import line, make_store, view_of

# More segments than are kept open, one of them empty of lines but for one, one of several frames.
SEGMENTS = [
    [line(f"{segment}/{number} " + "x" * (1500 if segment == 2 else 10), segment * 5000 + number)
     for number in range(3000 if segment == 2 else 3)]
    for segment in range(8)
]  # fmt: skip
EVERY = [one[:-1] for segment in SEGMENTS for one in segment]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("lines") / "logs", SEGMENTS, packed=5)


@pytest.fixture
def lines(store: Path) -> StoredLines:
    return StoredLines(view_of(store))


def test_forward_and_backward_meet(lines):
    hits = list(lines.lines_from(Position(0, 0)))
    assert [hit.line for hit in hits] == EVERY
    for number in (0, 1, 3, 4, 700, 1500, 3005, 3006, len(EVERY) - 1):
        place = hits[number].position
        assert lines.line_at(place) == hits[number]
        assert list(islice(lines.lines_from(place), 4)) == hits[number : number + 4]
        assert list(islice(lines.lines_before(place), 4)) == hits[max(0, number - 4) : number][::-1]
    assert [hit.line for hit in lines.lines_before(Position(99, 0))] == EVERY[::-1]


def test_a_line_stands_among_its_neighbours(lines):
    hits = list(lines.lines_from(Position(0, 0)))
    assert lines.lines_around(hits[4], 3, 2) == hits[1:7]
    assert lines.lines_around(hits[1], 5, 0) == hits[:2]
    assert lines.lines_around(hits[-1], 0, 5) == hits[-1:]


def test_no_line_begins_in_the_middle_of_another(lines):
    assert lines.line_at(Position(3, 5)) is None
    assert lines.line_at(Position(99, 0)) is None


def test_a_damaged_frame_is_reported_and_left_out(tmp_path):
    from logsrv.linelog.read.view import View

    store = make_store(tmp_path / "logs", [SEGMENTS[2], SEGMENTS[3]])
    [packed] = store.glob("*.zst")
    data = bytearray(packed.read_bytes())
    data[60] ^= 0xFF
    packed.write_bytes(data)
    told: list[str] = []
    found = list(StoredLines(View(str(store), told.append)).lines_from(Position(0, 0)))
    assert 1000 < len(found) < 3000
    assert len(told) == 1
