"""GELF: over streams, at every cut; its chunks in any order, of many senders, never unbounded."""

import gzip
import json
import zlib
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.formats.gelf import parse as module
from logsrv.linelog.formats.gelf.parse import (
    ChunkJoiner,
    GelfFramer,
    add_gelf_datagram,
    unpacked_message,
)
from logsrv.linelog.lines.bodies import LARGE, BodyRules, Records, RequestRefused
from logsrv.linelog.lines.inflated import TooLargeError
from logsrv.linelog.lines.objects import add_objects_or_text
from logsrv.linelog.lines.rules import LineCounts, LineRules, Oversize
from tests.parts.examples import more
from tests.parts.records import lines_of, move_all
from tests.parts.strangers import at_most

RULES = BodyRules("", "", 1000)


def unpacked(message: bytes, most: int) -> bytes:
    return unpacked_message(message, most, RULES)


def chunks_of(message: bytes, size: int, name: bytes = b"12345678") -> list[bytes]:
    parts = [message[at : at + size] for at in range(0, len(message), size)] or [b""]
    return [
        b"\x1e\x0f" + name + bytes((number, len(parts))) + part for number, part in enumerate(parts)
    ]


@given(st.binary(max_size=300), st.integers(3, 400), st.randoms(use_true_random=False))
def test_put_together_in_any_order(message, size, order):
    """Also with another message in between, of another sender, that has the same name."""
    mine, other = chunks_of(message, size), chunks_of(message[::-1], size)
    both = [("a", chunk) for chunk in mine] + [("b", chunk) for chunk in other]
    order.shuffle(both)
    chunks = ChunkJoiner()
    found = [(source, chunks.add_chunk(source, chunk, 0.0)) for source, chunk in both]
    whole = sorted((source, one) for source, one in found if one is not None)
    assert whole == [("a", message), ("b", message[::-1])]
    assert len(chunks) == chunks.size == chunks.given_up == 0


def test_a_chunk_that_comes_twice_counts_once():
    first, second = chunks_of(b"abcdef", 3)
    chunks = ChunkJoiner()
    assert [chunks.add_chunk("a", one, 0.0) for one in (first, first)] == [None, None]
    assert chunks.add_chunk("a", second, 0.0) == b"abcdef"


@pytest.mark.parametrize(
    "datagram",
    [
        b"\x1e\x0f",
        b"\x1e\x0f12345678\x00",
        b"\x1e\x0f12345678\x00\x00abc",
        b"\x1e\x0f12345678\x02\x02abc",
        b"\x1e\x0f12345678\x00\x81abc",
    ],
)
def test_an_invalid_chunk_is_a_message(datagram):
    chunks = ChunkJoiner()
    assert chunks.add_chunk("a", datagram, 0.0) == datagram
    assert len(chunks) == 0


def test_another_count_is_no_chunk_of_that_message():
    chunks = ChunkJoiner()
    assert chunks.add_chunk("a", b"\x1e\x0f12345678\x00\x02abc", 0.0) is None
    assert chunks.add_chunk("a", b"\x1e\x0f12345678\x01\x03abc", 0.0) is not None
    assert chunks.add_chunk("a", b"\x1e\x0f12345678\x01\x02def", 0.0) == b"abcdef"


def test_a_message_not_complete_in_time_is_given_up():
    first, second = chunks_of(b"abcdef", 3)
    chunks = ChunkJoiner()
    chunks.add_chunk("a", first, 10.0)
    chunks.drop_expired(14.9)
    assert len(chunks) == 1
    chunks.drop_expired(15.0)
    assert (len(chunks), chunks.size, chunks.given_up) == (0, 0, 1)
    assert chunks.add_chunk("a", second, 15.0) is None


def test_the_oldest_unfinished_message_is_given_up_above_the_limits():
    chunks = ChunkJoiner()
    for number in range(module.MOST_UNFINISHED + 10):
        chunks.add_chunk("a", b"\x1e\x0f%08d\x00\x02abc" % number, 0.0)
    assert (len(chunks), chunks.given_up) == (module.MOST_UNFINISHED, 10)
    big = b"x" * 60_000
    for number in range(2 * module.MOST_BYTES // len(big)):
        chunks.add_chunk("b", b"\x1e\x0f%08d\x00\x02%b" % (number, big), 0.0)
        assert chunks.size <= module.MOST_BYTES


def test_packed_messages_are_unpacked_and_damaged_ones_left_unchanged():
    text = b'{"short_message":"x"}'
    assert unpacked(text, 100) == text
    assert unpacked(zlib.compress(text), 100) == text
    assert unpacked(gzip.compress(text), 100) == text
    assert unpacked(b"x is no zlib", 100) == b"x is no zlib"
    damaged = zlib.compress(text)[:-3]
    assert unpacked(damaged, 100) == damaged


@pytest.mark.parametrize("text", [b"\n", b"\0", b"\xff"])
def test_text_that_becomes_too_much_in_the_store(text):
    """Each of these is an escape of four bytes there."""
    assert len(unpacked(zlib.compress(text * 1000), 4000)) == 1000
    with pytest.raises(TooLargeError, match="4000 bytes in the store"):
        unpacked(zlib.compress(text * 1001), 4000)


@pytest.mark.parametrize("text", [b"\xff", b"\0", "\x85".encode(), "\u2028".encode()])
def test_a_bomb_of_escapes_is_not_escaped_to_know_its_size(text):
    """8 KB of a datagram, 8 MB of these, took a second and 500 MB."""
    bomb = zlib.compress(text * ((8 << 20) // len(text)))
    with at_most(40 << 20), pytest.raises(TooLargeError):
        unpacked(bomb, 8 << 20)


def test_a_long_message_of_any_letters_is_taken():
    for text in ("aä°€𝄞“ " * 100_000, "\t" * 900_000, "“" * 200_000, "é" * 400_000):
        message = text.encode()
        assert unpacked(zlib.compress(message), 3 << 20) == message


@pytest.mark.slow
def test_a_datagram_too_large_unpacked_is_refused():
    """Up to eight times --max-record it is text."""
    records = Records()
    add_gelf_datagram(zlib.compress(b"x" * 8000), RULES, records)
    assert lines_of(records) == [b"x" * 8000]
    for bomb in (b"x" * 8001, bytes(50 << 20)):
        with pytest.raises(RequestRefused, match="too large unpacked") as raised:
            add_gelf_datagram(zlib.compress(bomb), RULES, Records())
        assert raised.value.reason == "unpacking"


MESSAGES = st.sampled_from(
    [b'{"short_message":"x"}', b'{"a": 1,\n "b": "\xc3\xa9"}', b"text", b"two\nlines\n", b"", b"[1]",
     b'{"broken": ', b"\xff\xfe", b"{}\n", b' {"a":"' + b"y" * 50 + b'"} ', b"long " * 20,
     b'{"a":"thirty bytes, as given"}']
)  # fmt: skip


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


def added(framer: GelfFramer, *pieces: bytes, most: int, ends: bool = False) -> Records:
    """What becomes of all messages in some data."""
    records = Records()
    for found in chain(*map(framer.receive, pieces), framer.finish() if ends else ()):
        if isinstance(found, Records):
            move_all(found, records)
        else:
            add_objects_or_text(found, most, records)
    return records


@more(3)
@given(st.lists(MESSAGES, max_size=8), st.integers(1, 80), st.sampled_from([30, 1000]))
def test_as_the_contract_says_at_every_cut(messages, size, most):
    data = b"\0".join(messages)
    framer = GelfFramer(LineRules(), LineCounts(), most)
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = added(framer, *pieces, most=most, ends=True)
    expected = slowly(data, most)
    assert [line for line in lines_of(found) if line] == [line for _, line in expected]
    assert found.as_text == sum(not structured for structured, _ in expected)


def test_no_more_is_held_than_a_record_may_have():
    counts, as_text = LineCounts(), 0
    framer = GelfFramer(LineRules(max_line=100), counts, 1000)
    for _ in range(100):
        as_text += added(framer, b'{"a":"' + b"x" * 500, most=1000).as_text
        assert framer.unfinished_bytes <= 1000
    assert counts.oversize_lines == as_text == 1
    last = added(framer, b"\0{}\0", most=1000)
    assert lines_of(last)[-1] == b"{}" and last.as_text == 0


def test_too_long_by_the_other_rules():
    counts = LineCounts()
    framer = GelfFramer(LineRules(max_line=5, oversize=Oversize.TRUNCATE), counts, 10)
    assert lines_of(added(framer, b"x" * 9, most=10)) == []
    assert lines_of(added(framer, b"x" * 9 + b"\0{}\0", most=10)) == [b"xxxxx", b"{}"]
    assert counts.dropped_truncated == 13
    framer = GelfFramer(LineRules(max_line=5, oversize=Oversize.CLOSE), counts, 10)
    added(framer, b"x" * 18 + b"\0{}\0", most=10)
    assert framer.closing == "a line is longer than 5 bytes"


def test_a_byte_order_mark_in_front_of_a_message_is_left_out():
    framer = GelfFramer(LineRules(), LineCounts(), 100)
    found = added(framer, b'\xef\xbb\xbf{"a":1}\0{"b":2}\0\xef\xbb\xbftext\0', most=100)
    assert lines_of(found) == [b'{"a":1}', b'{"b":2}', b"text"]
    assert found.as_text == 1


def test_a_large_message_comes_alone_between_those_beside_it():
    large = b"x" * (LARGE + 1)
    framer = GelfFramer(LineRules(), LineCounts(), 1 << 20)
    found = list(framer.receive(b"1\x002\x00%b\x003\x00" % large))
    assert found == [[b"1", b"2"], [large], [b"3"]]
