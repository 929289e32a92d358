"""Lumberjack's frames, cut anywhere; windows; bombs; and what is none of it."""

import json
import struct
import tracemalloc

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.lumberjack.parse import (
    TO_COME,
    CompressedFrames,
    EmptyWindow,
    Events,
    LumberjackFramer,
    acknowledgement_frame,
    add_compressed_events,
)
from logsrv.linelog.lines.bodies import BodyRules, Records, RequestRefused, record_bytes_limit
from tests.parts.messages import event, packed, window
from tests.parts.records import lines_of, runs_of


def sequences_of(acknowledgements: bytes) -> list[int]:
    return [sequence for _, sequence in struct.iter_unpack(">2sI", acknowledgements)]


def rules(record: int = 100_000, body: int = 1 << 20) -> BodyRules:
    return BodyRules("", "", record, record_bytes_limit(body), body)


def unpacked(
    frame: bytes, limits: BodyRules | None = None, to_come: int = 0
) -> tuple[Records, list[int], int]:
    """What becomes of a compressed frame: its records, acknowledgements, and the events to come."""
    records = Records()
    reply = add_compressed_events(
        CompressedFrames(frame[6:]).order(to_come), limits or rules(), records
    )
    return records, sequences_of(reply.body), int(reply.headers[TO_COME])


def taken(
    data: bytes, size: int = 1 << 20, body: int = 1 << 20
) -> tuple[list[bytes], list[int], LumberjackFramer]:
    """The events, and what is to be acknowledged."""
    framer = LumberjackFramer(body)
    texts: list[bytes] = []
    sequences: list[int] = []
    for at in range(0, len(data), size):
        for one in framer.receive(data[at : at + size]):
            if isinstance(one, Events):
                texts += one.texts
                sequences += sequences_of(one.acknowledgement)
            elif isinstance(one, CompressedFrames):
                reply = add_compressed_events(
                    one.order(framer.to_come), rules(body=body), records := Records()
                )
                framer.to_come = int(reply.headers[TO_COME])
                texts += lines_of(records)
                sequences += sequences_of(reply.body)
    return texts, sequences, framer


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
    begun = window(number=4) + packed(frames[0] + frames[1]) + frames[2]
    assert taken(begun)[1] == [] and taken(begun + frames[3])[1] == [4]


def test_without_a_window_each_is_acknowledged():
    assert taken(event(7, b"{}") + event(8, b"{}"))[1] == [7, 8]


def test_an_empty_window_is_told_and_gets_no_acknowledgement():
    data = window(number=0) + packed(b"") + window(number=1) + event(1, b"{}")
    assert taken(data)[1] == [1]
    found = [type(one) for one in LumberjackFramer(1000).receive(data)]
    assert found == [EmptyWindow, CompressedFrames, Events]
    assert unpacked(packed(b""))[0].reasons == {"unknown": 1}
    assert unpacked(packed(window(number=0) * 2))[0].reasons == {"unknown": 2}


INVALID = [
    (b"1W\0\0\0\1", "version 1; only version 2"),
    (b"GET / HTTP/1.1\r\n", "no Lumberjack"),
    (b"2D\0\0", "does not have"),
]


@pytest.mark.parametrize(("data", "sentence"), INVALID)
@pytest.mark.parametrize("size", [1, 1000])
def test_invalid_frames_stop_the_framer_after_the_events_before(data, sentence, size):
    texts, sequences, framer = taken(window(number=1) + event(9, b"{}") + data, size)
    assert (texts, sequences) == ([b"{}"], [9])
    assert sentence in framer.fault and framer.reason == "protocol"
    assert list(framer.receive(event(1, b"{}"))) == [] and framer.unfinished_bytes == 0


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        *INVALID,
        (packed(event(1, b"{}")), "compressed data inside compressed data"),
        (event(1, b"{}")[:-1], "does not end where"),
        (b"2", "does not end where"),
    ],
)
def test_a_compressed_frame_with_invalid_frames_is_refused(frames, sentence):
    with pytest.raises(RequestRefused, match=sentence) as raised:
        unpacked(packed(event(1, b"{}") + frames), to_come=3)
    # The whole event in front is not stored either.
    assert (raised.value.reason, raised.value.records) == ("protocol", 3)


def test_a_frame_longer_than_the_limit_stops_the_framer():
    for data in (b"2J" + struct.pack(">II", 1, 1001), b"2C" + struct.pack(">I", 1001)):
        _, _, framer = taken(data, body=1000)
        assert framer.fault == "a frame is longer than 1000 bytes"
        assert framer.reason == "oversize"


def test_events_become_objects_or_text_in_their_order():
    """Also one that is longer than a record: it would come again for ever."""
    long = b'{"a":"%s"}' % (b"x" * 100)
    texts = (b'{"a": 1}', b"no\njson\r\n", long, b"[1]", b"")
    frames = b"".join(event(number, text) for number, text in enumerate(texts, 1))
    records, sequences, to_come = unpacked(packed(frames), rules(record=100), to_come=5)
    assert [(run.lines, run.structured) for run in runs_of(records)] == [
        ([b'{"a": 1}'], True),
        ([b"no\njson", long, b"[1]", b""], False),
    ]
    assert (records.as_text, sequences, to_come) == (3, [5], 0)


def test_an_object_of_several_lines_becomes_one_line():
    text = json.dumps({"a": [1, {"b": "x y\u2028"}]}, indent=2, ensure_ascii=False).encode()
    records, _, _ = unpacked(packed(event(1, text)))
    assert lines_of(records) == [b'{"a":[1,{"b":"x y\\u2028"}]}']


@pytest.mark.parametrize(("size", "number"), [(2, 5000), (100, 3000), (30_000, 20), (70_000, 5)])
def test_events_of_a_long_window_come_in_parts(size, number):
    """At most little more than 64 KiB or 1024 events together, and a larger event alone."""
    data = window(number=number) + b"".join(event(at, b"x" * size) for at in range(number))
    parts = [one for one in LumberjackFramer(1 << 20).receive(data) if isinstance(one, Events)]
    assert sum(len(one.texts) for one in parts) == number
    assert max(len(one.texts) for one in parts) == min(1024, (64 << 10) // size + 1)
    assert [bool(one.acknowledgement) for one in parts] == [False] * (len(parts) - 1) + [True]


@pytest.mark.parametrize("frame", [b"2C\0\0\0\4abcd", packed(event(1, b"{}"))[:-1] + b"y"])
def test_a_compressed_frame_that_cannot_be_unpacked_is_refused(frame):
    with pytest.raises(RequestRefused, match="cannot be unpacked") as raised:
        unpacked(frame, to_come=4)
    assert (raised.value.reason, raised.value.records) == ("unpacking", 4)


@pytest.mark.slow
def test_a_compressed_bomb_is_refused_with_little_memory():
    bomb = packed(event(1, b" " * 90_000) * 2000, 9)
    tracemalloc.start()
    with pytest.raises(RequestRefused, match="it would be more than 1048576 bytes unpacked"):
        unpacked(bomb)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_events_that_become_too_much_in_the_store_are_refused():
    """Each is stored with a time and a source, however short it is."""
    limits = attrs.evolve(rules(body=1 << 16), max_made=1 << 18)
    assert len(unpacked(packed(event(1, b"{}") * 900), limits)[0]) == 900
    with pytest.raises(RequestRefused, match="more than 262144 bytes") as raised:
        unpacked(packed(event(1, b"{}") * 1400), limits)
    assert raised.value.reason == "unpacking"
