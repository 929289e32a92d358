"""Chunks of GELF: in any order, from many senders, and never without bounds."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.framing.bodies.inflated import TooLargeError
from logsrv.linelog.framing.events import gelf_datagrams as module
from logsrv.linelog.framing.events.gelf_datagrams import ChunkJoiner, unpacked_message
from tests.parts.strangers import at_most


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
    assert unpacked_message(text, 100) == text
    assert unpacked_message(zlib.compress(text), 100) == text
    assert unpacked_message(gzip.compress(text), 100) == text
    assert unpacked_message(b"x is no zlib", 100) == b"x is no zlib"
    damaged = zlib.compress(text)[:-3]
    assert unpacked_message(damaged, 100) == damaged


@pytest.mark.parametrize("text", [b"\n", b"\0", b"\xff"])
def test_text_that_becomes_too_much_in_the_store(text):
    """Each of these is an escape of four bytes there."""
    assert len(unpacked_message(zlib.compress(text * 1000), 4000)) == 1000
    with pytest.raises(TooLargeError, match="4000 bytes in the store"):
        unpacked_message(zlib.compress(text * 1001), 4000)


@pytest.mark.parametrize("text", [b"\xff", b"\0", "\x85".encode(), "\u2028".encode()])
def test_a_bomb_of_escapes_is_not_escaped_to_know_its_size(text):
    """8 KB of a datagram, 8 MB of these, took a second and 500 MB."""
    bomb = zlib.compress(text * ((8 << 20) // len(text)))
    with at_most(40 << 20), pytest.raises(TooLargeError):
        unpacked_message(bomb, 8 << 20)


def test_a_long_message_of_any_letters_is_taken():
    for text in ("aä°€𝄞“ " * 100_000, "\t" * 900_000, "“" * 200_000, "é" * 400_000):
        message = text.encode()
        assert unpacked_message(zlib.compress(message), 3 << 20) == message


@pytest.mark.slow
def test_a_message_too_large_unpacked_is_refused():
    bomb = zlib.compress(bytes(50 << 20))
    with pytest.raises(TooLargeError):
        unpacked_message(bomb, 1 << 20)
