"""The frames of a segment, plain or packed, give each line once, whatever the bounds that are asked for."""

import gc
import os
import weakref
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.texts import (
    SIZE,
    AwayFrames,
    DamagedSegment,
    SegmentFrames,
    index_sound_frames,
)
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.segment import Position
from logsrv.linelog.store.times import NONE, Times
from tests.parts.stores import line, make_store, view_of

# Short ones, long ones, and some that are longer than a frame.
LENGTHS = [3, 2000, 70_000, SIZE - 60, 5, SIZE + 100, 2 * SIZE + 7, 1, 400_000]
LINES = [line(b"x" * length, number) for number, length in enumerate(LENGTHS * 3)]
TEXT = b"".join(LINES)


@pytest.fixture(params=["packed", "plain", "active"])
def frames(request: pytest.FixtureRequest, tmp_path: Path) -> SegmentFrames:
    form = request.param
    segments = [LINES] if form == "active" else [LINES, []]
    store = make_store(tmp_path / "logs", segments, packed=0 if form == "plain" else -1)
    opened = view_of(store).open_segment(1)
    assert opened is not None
    return opened


def test_frames_together_are_the_text(frames):
    assert frames.size == len(TEXT)
    read = b""
    for frame in range(frames.count):
        for offset, piece in frames.lines_between(*frames.frame_bounds(frame)):
            assert offset == len(read)
            read += piece
    assert read == TEXT


def test_any_bounds_give_the_lines_that_begin_within(frames):
    starts = [0]
    for one in LINES:
        starts.append(starts[-1] + len(one))

    @given(st.integers(0, len(TEXT) + 5), st.integers(0, 3 * SIZE))
    def check(start: int, length: int) -> None:
        stop = start + length
        wanted = b"".join(one for at, one in zip(starts, LINES, strict=False) if start <= at < stop)
        pieces = list(frames.lines_between(start, stop))
        assert b"".join(piece for _, piece in pieces) == wanted
        if pieces:
            assert pieces[0][0] in starts
            assert pieces[0][0] >= start

    check()


def test_offsets_lead_to_their_frame(frames):
    for frame in range(frames.count):
        start, stop = frames.frame_bounds(frame)
        assert frames.frame_at(start) == frame
        assert frames.frame_at(stop - 1) == frame
    assert frames.frame_at(frames.size) == frames.count


@pytest.mark.parametrize("frames", ["packed"], indirect=True)
def test_packed_frames_know_how_many_lines_they_have(frames):
    found = [
        sum(text.count(b"\n") for _, text in frames.lines_between(*frames.frame_bounds(frame)))
        for frame in range(frames.count)
    ]
    assert [frames.line_count(frame) for frame in range(frames.count)] == found


def test_frames_know_the_times_of_their_lines(frames):
    for frame in range(frames.count):
        found = [
            one[:27].decode()
            for _, text in frames.lines_between(*frames.frame_bounds(frame))
            for one in text.splitlines()
        ]
        assert frames.times_of_frame(frame) == (
            Times(min(found), max(found), True) if found else NONE
        )


def test_a_line_that_is_being_written_is_not_there_yet(tmp_path):
    store = make_store(tmp_path / "logs", [[line("whole"), line("torn")[:-1]]])
    opened = view_of(store).open_segment(1)
    assert opened is not None
    assert [piece for _, piece in opened.lines_between(0, 1000)] == [line("whole")]


def test_a_damaged_frame_is_named_and_the_others_are_read(tmp_path):
    store = make_store(tmp_path / "logs", [LINES, []])
    [packed] = store.glob("*.zst")
    view = view_of(store)
    opened = view.open_segment(1)
    assert opened is not None
    data = bytearray(packed.read_bytes())
    # The second frame, in the middle.
    offset = opened.file_bytes_of_frame(0) + opened.file_bytes_of_frame(1) // 2
    data[offset] ^= 0xFF
    packed.write_bytes(data)
    opened = view.open_segment(1)
    assert opened is not None
    assert list(opened.lines_between(*opened.frame_bounds(0)))
    with pytest.raises(DamagedSegment, match=r"\.zst is damaged at byte \d+"):
        list(opened.lines_between(*opened.frame_bounds(1)))
    assert list(opened.lines_between(*opened.frame_bounds(2)))


def test_frames_from_an_archive_are_freed_without_the_collector():
    """With memory of zstd, of which the collector does not know."""
    text: Any = SimpleNamespace(address="file:///archive/1", size=0, index=lambda: Index(1))
    frames = AwayFrames(1, text, pytest.fail)
    assert frames.size == 0
    gc.disable()
    try:
        freed = weakref.ref(frames)
        del frames
        assert freed() is None
    finally:
        gc.enable()


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
        position = hits[number].position
        assert lines.line_at(position) == hits[number]
        assert list(islice(lines.lines_from(position), 4)) == hits[number : number + 4]
        assert (
            list(islice(lines.lines_before(position), 4)) == hits[max(0, number - 4) : number][::-1]
        )
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


MANY_LINES = [line(f"{number} " + "abc" * 100, number) for number in range(20_000)]


def walked(path: Path) -> tuple[index.Index, str]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return index_sound_frames(1, fd)
    finally:
        os.close(fd)


def test_the_frames_are_those_of_the_index(tmp_path):
    store = make_store(tmp_path / "logs", [MANY_LINES, []])
    [packed] = store.glob("*.zst")
    found, wrong = walked(packed)
    known = index.decode_index(packed.with_name(packed.name + ".idx").read_bytes())
    assert wrong == ""
    assert (found.text, found.compressed) == (known.text, known.compressed)
    assert [(one.text, one.at) for one in found.frames] == [
        (one.text, one.at) for one in known.frames
    ]


def test_a_truncated_file_has_its_whole_frames(tmp_path):
    store = make_store(tmp_path / "logs", [MANY_LINES, []])
    [packed] = store.glob("*.zst")
    whole, _ = walked(packed)
    packed.write_bytes(packed.read_bytes()[:-10])
    found, wrong = walked(packed)
    assert found.frames == whole.frames[:-1]
    assert f"damaged at byte {whole.frames[-1].at}" in wrong


def test_a_file_without_zstandard_has_no_frames(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"no zstandard at all" * 100)
    found, wrong = walked(other)
    assert found.frames == ()
    assert "damaged at byte 0" in wrong
