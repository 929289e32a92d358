"""GELF over streams: at every cut, JSON objects as they are and all else as text."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logsrv.linelog.framing.events.gelf import GelfFramer, Pieces, runs, texts
from logsrv.linelog.framing.lines.records import RecordRun, frame_records
from logsrv.linelog.framing.lines.rules import LineCounts, LineRules, Oversize

MESSAGES = st.sampled_from(
    [b'{"short_message":"x"}', b'{"a": 1,\n "b": "\xc3\xa9"}', b"text", b"two\nlines\n", b"", b"[1]",
     b'{"broken": ', b"\xff\xfe", b"{}\n", b' {"a":"' + b"y" * 50 + b'"} ', b"long " * 20]
)  # fmt: skip


def lines(pieces: Pieces) -> list[tuple[bool, bytes]]:
    """The records and lines, each with whether it is structured."""
    found: list[tuple[bool, bytes]] = []
    for piece in pieces:
        if isinstance(piece, RecordRun):
            found += [(piece.structured, one) for one in piece.lines if one]
        else:
            found += [(False, one) for one in bytes(piece).split(b"\n")[:-1]]
    return found


def slowly(data: bytes, most: int) -> list[tuple[bool, bytes]]:
    found = []
    for message in data.split(b"\0"):
        try:
            structured = len(message) <= most and isinstance(json.loads(message.decode()), dict)
        except ValueError:
            structured = False
        if structured:
            text = json.dumps(json.loads(message), ensure_ascii=False, separators=(",", ":"))
            found.append((True, text.encode()))
        elif len(message) > most:
            found.append((False, message.replace(b"\n", rb"\x0a")))
        elif message.removesuffix(b"\n"):
            found.append((False, message.removesuffix(b"\n")))
    return found


@settings(max_examples=300)
@given(st.lists(MESSAGES, max_size=8), st.integers(1, 80), st.sampled_from([30, 1000]))
def test_as_the_contract_says_at_every_cut(messages: list[bytes], size: int, most: int) -> None:
    data = b"\0".join(messages)
    framer = GelfFramer(LineRules(), LineCounts(), most)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = [one for piece in pieces for one in lines(framer.receive(piece))]
    assert found + lines(framer.finish()) == slowly(data, most)
    assert framer.long_texts == sum(len(message) > most for message in messages)


def test_the_text_of_json_stays() -> None:
    """Digits, order, keys that are there twice."""
    message = b'{"b":123456789012345678901.10,"a":1,"a":2}'
    assert runs([message], 100) == [RecordRun([message], True)]


@pytest.mark.parametrize(
    "message", [b"{" * 5000, b'{"a":' * 5000, b'{"a":NaN}', b'{"a":"\xff"}', b"{} {}", b"null"]
)
def test_what_is_no_object_is_text(message: bytes) -> None:
    found = runs([message], 1 << 20)
    assert found == [RecordRun([message], False)]
    assert texts(found) == 1


def test_kinds_that_alternate_stay_in_order() -> None:
    found = runs([b"{}", b'{"a":1}', b"x", b"", b"{}"], 100)
    assert found == [
        RecordRun([b"{}", b'{"a":1}'], True),
        RecordRun([b"x", b""], False),
        RecordRun([b"{}"], True),
    ]
    assert texts(found) == 1


def test_an_object_that_would_become_too_long_is_text() -> None:
    """One with characters that are escaped in a line grows."""
    message = '{"a":"\x85\x85\x85"}'.encode()
    assert runs([message], len(message)) == [RecordRun([message], False)]


def test_no_more_is_held_than_a_record_may_have() -> None:
    counts = LineCounts()
    framer = GelfFramer(LineRules(max_line=100), counts, 1000)
    for _ in range(100):
        framer.receive(b'{"a":"' + b"x" * 500)
        assert len(framer._held) <= 1000
    assert counts.oversize_lines == framer.long_texts == 1
    assert lines(framer.receive(b"\0{}\0"))[-1] == (True, b"{}")


def test_too_long_by_the_other_rules() -> None:
    counts = LineCounts()
    framer = GelfFramer(LineRules(max_line=5, oversize=Oversize.TRUNCATE), counts, 10)
    pieces = [*framer.receive(b"x" * 9), *framer.receive(b"x" * 9 + b"\0{}\0")]
    assert lines(pieces) == [(False, b"xxxxx"), (True, b"{}")]
    assert counts.dropped_truncated == 13
    framer = GelfFramer(LineRules(max_line=5, oversize=Oversize.CLOSE), counts, 10)
    framer.receive(b"x" * 18 + b"\0{}\0")
    assert framer.closing == "a line is longer than 5 bytes"


def test_records_make_lines() -> None:
    """What comes out is what the connection stores: no line of JSON needs an escape."""
    (run,) = runs(['{"a":"\x9b\u2028",\n"b":"\x7f"}'.encode()], 100)
    framed = frame_records(run.lines, LineRules(), LineCounts())
    assert framed.block is not None
    assert bytes(framed.block) == rb'{"a":"\u009b\u2028","b":"\u007f"}' + b"\n"


@pytest.mark.parametrize("number", [b"1E400", b"-1e400", b"1e-400", b"0.1000", b"1" * 5000])
def test_numbers_keep_their_digits(number: bytes) -> None:
    message = b'{"short_message":"x","_n":%b}' % number
    assert runs([message, b"{}"], 10_000) == [RecordRun([message, b"{}"], True)]
