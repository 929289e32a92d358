"""The state of a centre as it is sent, and what a liar may send in its place."""

import json

import pytest

from logsrv.linelog.inputs.blocks.state import (
    CentreState,
    PackedFile,
    decode_state,
    encode_state,
    is_packed_name,
    is_segment_file_name,
)
from logsrv.linelog.store.origins.notes import BlockNote
from logsrv.linelog.store.segments.segment import Form, Position, Segment
from tests.parts.strangers import at_most

NAME = "0000000001-20261120T061842Z.log.zst"
AWAY = NAME.replace("01-", "02-")
NOTE = BlockNote(Position(4, 0), 32 * "e", Position(7, 0), Position(7, 40), 5, 9)
STATE = CentreState(
    32 * "a",
    Position(4, 50),
    (PackedFile(NAME, 1000, 20),),
    ((3, 700), (4, 50)),
    ((AWAY, 300),),
    (NOTE,),
)


def test_it_comes_as_it_was_sent():
    assert decode_state(encode_state(STATE)) == STATE
    assert STATE.bytes == 1770
    assert STATE.packed[0].segment == Segment(1, NAME, Form.PACKED)
    nothing = CentreState(32 * "a", Position(1, 0), (), (), (), ())
    assert decode_state(encode_state(nothing)) == nothing


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "current.log", "origins", f"{NAME}.words", f"x/{NAME}", f"{NAME}\n", ""]
    + [f"0000000001-{time}Z.log.zst" for time in ("99999999T061842", "20261120T251842")],
)
def test_no_other_name_than_that_of_a_segment_is_let_pass(name):
    assert is_packed_name(NAME) and not is_packed_name(name)
    assert is_segment_file_name(f"{NAME}.idx") and not is_segment_file_name(f"{name}.idx.words")
    with pytest.raises(ValueError, match="an invalid name of a segment"):
        decode_state(encode_state(STATE).replace(NAME.encode(), json.dumps(name)[1:-1].encode()))


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("format", 2, "another version"),
        ("store", "x", "an invalid identity of its store"),
        ("store", 7, "no state"),
        ("origins", ["x"], "an invalid note of an origin"),
        ("origins", ["\ud800"], "an invalid note of an origin"),
        ("origins", [[]], "an invalid note of an origin"),
        ("origins", "x", "no state"),
        ("packed", "x", "no state"),
        ("texts", [[1, 2, 3]], "no state"),
        ("origins", [NOTE.as_line().decode().strip()] * 2, "an origin twice"),
        ("position", "5:50", "contradict"),
        ("position", "4:30", "contradict"),
        ("position", "9999999999:0", "contradict"),
        ("position", "nowhere", "is no position"),
        ("texts", [[4, 50]] * 2, "contradict"),
        ("texts", [[1, 50], [4, 50]], "contradict"),
        ("texts", [[0, 50], [4, 50]], "contradict"),
        ("texts", [[3, 0], [4, 50]], "contradict"),
        ("texts", [[5, 5]], "contradict"),
        ("texts", [[3, -1]], "no state"),
        ("texts", [[3, "7"]], "no state"),
        ("packed", [[NAME, 1, 0]] * 2, "contradict"),
        ("packed", [[NAME.replace("01-", "04-"), 1, 0]], "contradict"),
        ("packed", [[NAME, 1 << 70, 0]], "no state"),
        ("packed", 7, "no state"),
        ("away", None, "no state"),
        ("away", [["x", 1]], "an invalid name of a segment"),
        ("away", [[NAME, 1]], "contradict"),
        ("away", [[NAME, -1]], "no state"),
        ("away", [[AWAY, 1 << 61]], "a note of an impossible size"),
        ("packed", [[NAME, 1000, 1 << 30]], "too large for its segment"),
    ],
)
def test_what_contradicts_itself_is_refused(key, value, why):
    found = json.loads(encode_state(STATE))
    with pytest.raises(ValueError, match=why):
        decode_state(json.dumps({**found, key: value}).encode())


def test_an_origin_behind_the_end_is_refused():
    found = json.loads(encode_state(STATE))
    found["texts"], found["position"] = [[3, 700], [4, 30]], "4:30"
    with pytest.raises(ValueError, match="whose last block is after the end of the store"):
        decode_state(json.dumps(found).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff"])
def test_what_is_no_state_is_refused(data):
    with pytest.raises(ValueError, match=r"^it is no state of a centre$"):
        decode_state(data)


def test_a_state_that_would_take_much_more_memory_than_its_bytes_is_refused():
    data = encode_state(STATE)[:-1] + b',"more":[' + b"[]," * 2_000_000 + b"[]]}"
    with at_most(64 << 20), pytest.raises(ValueError, match="more than 2,000,000 values"):
        decode_state(data)


@pytest.mark.parametrize("origins", ["a" * 2_000_000, ["a\n" * 1_000_000], ["a" * 2_000_000]])
def test_origins_that_are_one_text_take_little_memory(origins):
    """A text of 32 MB took 1 GB, as a string for each of its characters or lines."""
    found = json.loads(encode_state(STATE))
    data = json.dumps({**found, "origins": origins}).encode()
    with at_most(16 << 20), pytest.raises(ValueError, match="it "):
        decode_state(data)


@pytest.mark.slow
def test_a_state_of_many_segments_is_taken():
    packed = tuple(
        PackedFile(f"{number:010d}-20261120T061842Z.log.zst", 60_000_000, 4_000_000)
        for number in range(1, 20_000)
    )
    many = CentreState(32 * "a", Position(20_000, 0), packed, (), (), ())
    assert decode_state(encode_state(many)) == many
