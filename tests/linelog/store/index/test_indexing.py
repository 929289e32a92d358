"""An index is made while sealing, or again from the frames, and says the same."""

import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.fields.continuations.earlier_texts import EarlierTexts
from logsrv.linelog.fields.stamps import StampedLines
from logsrv.linelog.store.index import indexing
from logsrv.linelog.store.index.indexing import count_levels
from logsrv.linelog.store.index.segment_index import Index
from logsrv.linelog.store.times import (
    NONE,
    UNKNOWN,
    Times,
    combine_times,
    time_of,
    times_of,
)
from tests.parts.disks import at, packed_segment, stored

TIMES = [
    "2026-11-20T06:18:42.123456Z",
    "2026-11-20T06:18:42.123457Z",
    "2026-11-20T06:00:00.000000Z",
]
MOMENTS = st.sampled_from([*TIMES, "1999-01-01T00:00:00.000000Z", "2026-11-20T06:18:41.999999Z"])
LINES = st.one_of(
    MOMENTS.map(lambda time: f"{time} udp:1 x".encode()),
    MOMENTS.map(lambda time: f"{time} udp:1 x".encode()),
    st.tuples(MOMENTS, st.integers(0, 27)).map(lambda cut: cut[0][: cut[1]].encode()),
    st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")),
    st.just(b"2026-13-45T06:18:42.123456Z udp:1 no such day"),
)
TEXTS = st.builds(
    lambda lines, ended: b"".join(line + b"\n" for line in lines)[: None if ended else -1],
    st.lists(LINES, max_size=8),
    st.booleans(),
)


def of(*texts: bytes) -> Index:
    made, earlier = indexing.Indexer(7), EarlierTexts()
    for text in texts:
        made.add(indexing.scan_frame(text, len(text), earlier), b"compressed")
    return made.index_so_far()


@given(TEXTS, st.binary(max_size=40))
def test_a_frame_says_its_times_and_lines(text, behind):
    """What stands behind its end in the chunk is not its own."""
    size, lines, newlines, times, _, crc, *_ = indexing.scan_frame(
        text + behind, len(text), EarlierTexts()
    )
    assert (size, lines, times) == (len(text), text.count(b"\n"), times_of(text))
    assert newlines is not None
    assert crc == (zlib.crc32(text) if text.endswith(b"\n") else None)
    assert newlines.tolist() == [at for at, byte in enumerate(text) if byte == ord("\n")]


@pytest.mark.slow
def test_a_large_text_is_looked_at_with_little_memory():
    """Of short lines the lists of all would take twenty times as much as the text."""
    text = stored(b"") * 100_000 + stored(b"x" * (10 << 20)) + stored(b"") * 200_000
    tracemalloc.start()
    try:
        looked = indexing.scan_frame(text, len(text), EarlierTexts())
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 100 << 20
    moment = "2026-11-20T06:18:42.123456Z"
    assert (looked.lines, looked.times) == (300_001, Times(moment, moment, True))
    assert looked.crc == zlib.crc32(text)
    text += b"odd\n" * (4 << 20)
    assert not indexing.scan_frame(text, len(text), EarlierTexts()).times.sure


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"rubbish" + data])
def test_a_damaged_segment_is_said_to_be_so(tmp_path, damage):
    assert callable(damage)
    disk, packed = at(tmp_path), packed_segment(tmp_path, stored(b"one"))
    (tmp_path / packed.name).write_bytes(damage(disk.read(packed.name)))
    with pytest.raises(ValueError):
        indexing.rebuild_index(packed, disk)


@given(TEXTS, MOMENTS, MOMENTS, st.booleans(), st.booleans())
def test_no_line_that_a_search_would_find_is_left_out(text, since, until, with_since, with_until):
    since, until = since * with_since, until * with_until
    heads = [line[:27].decode("latin-1") for line in text.removesuffix(b"\n").split(b"\n")]
    found = [head for head in heads if head >= since and (not until or head < until)]
    if text and found:
        assert times_of(text).may_reach(since, until)


def test_a_late_line_is_the_smallest_and_not_the_first():
    text = "".join(f"{time} udp:1 x\n" for time in TIMES).encode()
    assert times_of(text) == Times(TIMES[2], TIMES[1], True)
    assert not times_of(text).may_reach("2026-11-20T06:18:42.123458Z", "")
    assert not times_of(text).may_reach("", TIMES[2])
    assert times_of(text).may_reach(TIMES[1], "")


def test_lines_without_a_time_make_the_others_unsure():
    text = f"at main.c:7\n{TIMES[0]} udp:1 x\n\n".encode()
    assert times_of(text) == Times(TIMES[0], TIMES[0], False)
    assert times_of(b"one\ntwo\n") == UNKNOWN
    assert times_of(b"") == NONE


def test_times_of_parts_are_put_together():
    parts = [Times(time, time, True) for time in TIMES]
    assert combine_times(parts) == Times(TIMES[2], TIMES[1], True)
    assert combine_times([*parts, UNKNOWN]) == Times(TIMES[2], TIMES[1], False)
    assert combine_times([]) == NONE


@pytest.mark.parametrize(
    "line",
    [b"", TIMES[0][:26].encode(), b"2026-11-20 06:18:42.123456Z", b"2026-02-30T06:18:42.123456Z"],
)
def test_text_that_is_no_time_is_refused(line):
    assert time_of(line) is None
    assert time_of(TIMES[0].encode() + line) == TIMES[0]


STAMP = b"2026-11-20T06:18:42.123456Z tcp:10.0.0.1:1 "


def count(text: bytes) -> tuple[int, ...] | None:
    return count_levels(StampedLines(text))


def test_lines_are_counted_by_level():
    text = b"".join(STAMP + one + b"\n" for one in (b"x", b"ERROR y", b"<15>z", b"y"))
    assert count(text) == (2, 1, 0, 0, 0, 1, 0, 0, 0)


@pytest.mark.parametrize(
    "time",
    [b"2026-11-20T06:18:42.12345xZ", b"2026-11-20T24:18:42.123456Z", b"2026-11-20T06:60:42.123456Z",
     b"2026-11-20T06:18:61.123456Z", b"2026-11-31T06:18:42.123456Z", b"2026-11-20 06:18:42.123456Z",
     b"ERROR"]
)  # fmt: skip
def test_a_frame_with_a_line_without_a_time_is_not_counted(time):
    assert count(STAMP + b"x\n" + time + b" tcp:1:2 x\n" + STAMP + b"x\n") is None


def test_days_are_counted_wherever_they_change():
    text = b"".join(STAMP.replace(b"-20T", b"-%02dT" % day) + b"x\n" for day in range(1, 31))
    assert count(text) == (30, 0, 0, 0, 0, 0, 0, 0, 0)


def test_an_unended_line_is_not_counted():
    assert count(STAMP + b"x\n" + STAMP + b"x") is None


def test_lines_that_take_long_are_not_counted():
    """One by one, that would slow down sealing; one among many does not."""
    slow, quick = STAMP + b"\xc3\xa9 x\n", STAMP + b"x\n"
    assert count(slow * 100) is None
    assert count(slow + quick * 99) == (100, 0, 0, 0, 0, 0, 0, 0, 0)
