"""Lumberjack's frames, cut anywhere; windows; bombs; and what is none of it."""

import json
import struct
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.lumberjack.parse import (
    EventsToAcknowledge,
    LumberjackFramer,
    acknowledgement_frame,
)
from logsrv.linelog.lines import bodies
from tests.parts.messages import event, packed, window
from tests.parts.records import lines_of, runs_of


def events_of(framer: LumberjackFramer, data: bytes) -> list[EventsToAcknowledge]:
    return [one for one in framer.receive(data) if isinstance(one, EventsToAcknowledge)]


def sequences_of(one: EventsToAcknowledge) -> list[int]:
    return [sequence for _, sequence in struct.iter_unpack(">2sI", one.acknowledgements)]


def taken(
    data: bytes, size: int = 1 << 20, record: int = 100_000, body: int = 1 << 20
) -> tuple[list[bytes], list[int], LumberjackFramer]:
    """The lines, and what is to be acknowledged."""
    framer = LumberjackFramer(record, body)
    lines: list[bytes] = []
    sequences: list[int] = []
    for at in range(0, len(data), size):
        for one in events_of(framer, data[at : at + size]):
            lines += lines_of(one.records)
            sequences += sequences_of(one)
    return lines, sequences, framer


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 10**30), min_size=1, max_size=5), st.booleans())),
    st.integers(1, 40),
)
def test_frames_may_be_cut_anywhere(windows, size):
    """A window is acknowledged once, behind its last event; compressed or not."""
    data, lines, sequences = b"", [], []
    for numbers, compressed in windows:
        frames = b""
        for sequence, number in enumerate(numbers, 1):
            lines.append(b'{"n":%d}' % number)
            frames += event(sequence, lines[-1])
        data += window(number=len(numbers)) + (packed(frames) if compressed else frames)
        sequences.append(len(numbers))
    found, acknowledged, framer = taken(data, size)
    assert (found, acknowledged, framer.fault, framer.unfinished_bytes) == (lines, sequences, "", 0)


def test_an_acknowledgement_has_the_sequence_number_big_endian():
    assert acknowledgement_frame(258) == b"2A\0\0\1\2"


def test_a_window_in_several_frames_is_acknowledged_at_its_end():
    frames = [event(number, b"{}") for number in range(1, 5)]
    _, sequences, framer = taken(window(number=4) + packed(frames[0] + frames[1]) + frames[2])
    assert sequences == []
    assert list(map(sequences_of, events_of(framer, frames[3]))) == [[4]]


def test_without_a_window_each_is_acknowledged():
    assert taken(event(7, b"{}") + event(8, b"{}"))[1] == [7, 8]


def test_an_empty_window_gets_no_acknowledgement():
    assert taken(window(number=0) + packed(b"") + window(number=1) + event(1, b"{}"))[1] == [1]


def test_an_event_that_is_no_object_is_text():
    framer = LumberjackFramer(1000, 1000)
    texts = (b'{"a": 1}', b"no\njson\r\n", b"[1]", b"")
    (one,) = events_of(framer, window(number=4) + b"".join(event(1, text) for text in texts))
    assert [(run.lines, run.structured) for run in runs_of(one.records)] == [
        ([b'{"a": 1}'], True),
        ([b"no\njson", b"[1]", b""], False),
    ]
    assert (one.records.as_text, sequences_of(one)) == (2, [1])


def test_an_object_of_several_lines():
    text = json.dumps({"a": [1, {"b": "x y\u2028"}]}, indent=2, ensure_ascii=False).encode()
    assert taken(event(1, text))[0] == [b'{"a":[1,{"b":"x y\\u2028"}]}']


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"1W\0\0\0\1", "version 1; only version 2"),
        (b"GET / HTTP/1.1\r\n", "no Lumberjack"),
        (b"2D\0\0", "does not have"),
        (packed(packed(event(1, b"{}"))), "compressed data inside compressed data"),
        (packed(b"1J\0\0"), "version 1"),
        (packed(event(1, b"{}")[:-1]), "does not end where"),
        (packed(b"2"), "does not end where"),
    ],
)
def test_invalid_frames_stop_the_framer_after_the_events_before(data, sentence):
    for size in (1, 1000):
        lines, sequences, framer = taken(window(number=1) + event(9, b"{}") + data, size)
        assert (lines, sequences) == ([b"{}"], [9])
        assert sentence in framer.fault and framer.reason == "protocol"
        assert list(framer.receive(event(1, b"{}"))) == [] and framer.unfinished_bytes == 0


def test_a_frame_longer_than_the_limit_stops_the_framer():
    for data in (b"2J" + struct.pack(">II", 1, 1001), b"2C" + struct.pack(">I", 1001)):
        _, _, framer = taken(data, record=100, body=1000)
        assert framer.fault == "a frame is longer than 1000 bytes"
        assert framer.reason == "oversize"


@pytest.mark.parametrize("pack", [bytes, packed])
def test_an_event_longer_than_a_record_is_text(pack):
    """It and those beside it are acknowledged: else it would come again for ever."""
    long = b'{"a":"%s"}' % (b"x" * 100)
    frames = b"".join(event(number, text) for number, text in enumerate([b"{}", long, b"[]"], 1))
    framer = LumberjackFramer(100, 1000)
    windows = events_of(framer, window(number=3) + pack(frames))
    runs = [run for one in windows for run in runs_of(one.records)]
    assert [(list(run.lines), run.structured) for run in runs] == [
        ([b"{}"], True), ([long, b"[]"], False),
    ]  # fmt: skip
    assert [one for window in windows for one in sequences_of(window)] == [3] and not framer.fault
    assert sum(one.records.as_text for one in windows) == 2


@pytest.mark.parametrize(
    ("size", "number"), [(2, 5000), (100, 3000), (1000, 300), (30_000, 20), (70_000, 5)]
)
@pytest.mark.parametrize("pack", [bytes, packed])
def test_small_windows_are_stored_together_up_to_64_kib_or_1024(size, number, pack):
    """The first 64 KiB, and all those after them."""
    text = b'{"a":"%b"}' % (b"x" * (size - 8)) if size > 8 else b"{}"
    data = pack(b"".join(window(number=1) + event(at, text) for at in range(number)))
    found = events_of(LumberjackFramer(100_000, 1 << 20), data)
    acknowledged = [len(sequences_of(one)) for one in found]
    assert sum(acknowledged) == number
    each = min(1024, (64 << 10) // size) + 1
    assert len(set(acknowledged[:-1])) <= 1 and set(acknowledged[:-1]) <= {each}
    assert acknowledged[-1] <= each


def test_a_window_of_many_small_events_lets_others_have_a_turn():
    data = window(number=5000) + b"".join(event(at, b"{}") for at in range(5000))
    turns = [one for one in LumberjackFramer(100, 1 << 20).receive(data) if one is None]
    assert len(turns) >= 4


@pytest.mark.parametrize("data", [b"2C\0\0\0\4abcd", packed(event(1, b"{}"))[:-1] + b"y"])
def test_no_event_of_a_damaged_compressed_frame_is_stored(data):
    """Nothing of it is stored, though its frames looked well."""
    lines, sequences, framer = taken(event(5, b"[]") + data)
    assert (lines, sequences) == ([b"[]"], [5])
    assert "cannot be unpacked" in framer.fault and framer.reason == "unpacking"


@pytest.mark.slow
def test_a_compressed_bomb_stops_the_framer_with_little_memory():
    bomb = packed(event(1, b" " * 90_000) * 2000, 9)
    tracemalloc.start()
    _, _, framer = taken(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "it would be more than 1048576 bytes unpacked" in framer.fault
    assert peak < 8 << 20


def test_events_that_become_too_much_in_the_store(monkeypatch):
    """Each is stored with a time and a source, however short it is; nothing of such a frame is taken."""
    monkeypatch.setattr(bodies, "_LEAST_MADE", 1 << 16)
    for number, taken_in in ((900, 900), (1400, 0)):
        lines, _, framer = taken(packed(event(1, b"{}") * number), body=1 << 16)
        assert len(lines) == taken_in
        assert bool(framer.fault) is (not taken_in)
    assert framer.reason == "unpacking" and "more than 262144 bytes" in framer.fault


def test_others_have_a_turn_between_frames_without_events():
    frames = window(number=1) * 200_000
    framer = LumberjackFramer(1000, 2 * len(frames))
    steps = sum(1 for _ in framer.receive(packed(frames)))
    # One for each piece when it is measured, and one when it is read.
    assert steps >= 2 * len(frames) // (256 << 10)
    assert not framer.fault
