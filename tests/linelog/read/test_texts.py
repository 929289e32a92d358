"""The frames of a segment, plain or packed, give each line once, whatever the bounds that are asked for."""

import gc
import weakref
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.read.texts import (
    SIZE,
    ArchivedFrames,
    DamagedSegment,
    SegmentFrames,
)
from logsrv.linelog.store.segments.index import Index
from logsrv.linelog.store.segments.times import NONE, Times
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
        wanted = b"".join(
            one for place, one in zip(starts, LINES, strict=False) if start <= place < stop
        )
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
    place = opened.file_bytes_of_frame(0) + opened.file_bytes_of_frame(1) // 2
    data[place] ^= 0xFF
    packed.write_bytes(data)
    opened = view.open_segment(1)
    assert opened is not None
    assert list(opened.lines_between(*opened.frame_bounds(0)))
    with pytest.raises(DamagedSegment, match=r"\.zst is damaged at byte \d+"):
        list(opened.lines_between(*opened.frame_bounds(1)))
    assert list(opened.lines_between(*opened.frame_bounds(2)))


def test_frames_from_an_archive_are_freed_without_the_collector():
    """With memory of zstd, of which the collector does not know."""
    text: Any = SimpleNamespace(place="file:///archive/1", size=0, index=lambda: Index(1))
    frames = ArchivedFrames(1, text, pytest.fail)
    assert frames.size == 0
    gc.disable()
    try:
        freed = weakref.ref(frames)
        del frames
        assert freed() is None
    finally:
        gc.enable()
