"""Framers give the same frames however the network cuts them, and keep no more than one."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.framing.frames import (
    Delimiter,
    FixedSize,
    Framing,
    LengthPrefix,
    Netstring,
    Varint,
)
from tests.parts.costs import allocated, doubled

MOST = 20
PREFIXES = [LengthPrefix(size, order) for size in (1, 2, 4, 8) for order in ("big", "little")]  # type: ignore[arg-type]
FRAMINGS: list[Framing] = [
    *PREFIXES,
    Varint(),
    Netstring(),
    Delimiter(b"\0"),
    Delimiter(b"\r\n"),
    Delimiter(b"aa"),
    FixedSize(3),
]
framings = st.sampled_from(FRAMINGS)


def frames_of(framing: Framing, pieces: list[bytes], most: int = MOST) -> tuple[list[bytes], str]:
    framer = framing.framer(most)
    frames = [frame for piece in pieces for frame in framer.receive(piece)]
    return frames, framer.fault


@given(framings, st.data())
def test_what_is_packed_is_read_however_the_bytes_are_cut(framing, data):
    size = framing.size if isinstance(framing, FixedSize) else None
    sent = data.draw(st.lists(st.binary(min_size=size or 0, max_size=size or MOST), max_size=6))
    frames, packed = [], b""
    for frame in sent:
        # A delimiter has no mark for a frame that contains it.
        with suppress(ValueError):
            packed += framing.pack(frame)
            frames.append(frame)
    at = data.draw(st.integers(0, len(packed)))
    for pieces in ([packed], [packed[:at], packed[at:]], [bytes([byte]) for byte in packed]):
        assert frames_of(framing, pieces) == (frames, "")


@pytest.mark.parametrize(
    ("framing", "giant", "sentence"),
    [
        (LengthPrefix(), b"GET / HTTP", "a frame of 1195725856 bytes is longer than 20 bytes"),
        (LengthPrefix(8, "little"), b"\xff" * 8, "a frame of 18446744073709551615 bytes is longer"),
        (Varint(), b"\xff\xff", "a frame is longer than 20 bytes"),
        (Varint(), b"\x80" * 10, "a length has more than 10 bytes"),
        (Netstring(), b"9" * 5000, "a frame is longer than 20 bytes"),
        (Netstring(), b"3;abc,", "a netstring does not begin with a length and a colon"),
        (Netstring(), b"007:", "a netstring does not begin with a length and a colon"),
        (Netstring(), b":", "a netstring does not begin with a length and a colon"),
        (Netstring(), b"999a:", "a frame is longer than 20 bytes"),
        (Netstring(), b"3:abcd", "a netstring has no comma at its end"),
        (Delimiter(), b"x" * 21, "a frame is longer than 20 bytes"),
    ],
)
def test_a_giant_is_refused_before_anything_of_it_is_kept(framing, giant, sentence):
    """Nothing that comes behind it is kept either."""
    framer = framing.framer(MOST)
    assert framer.receive(giant) == []
    assert framer.fault.startswith(sentence)
    assert framer.unfinished_bytes == 0
    assert framer.receive(b"x" * 1000) == []
    assert framer.unfinished_bytes == 0


@pytest.mark.parametrize("framing", FRAMINGS[:-1])
@pytest.mark.parametrize("size", [1, 2, 5, 19, 20, 21, 1000])
@pytest.mark.parametrize("over", [1, 100])
def test_a_frame_that_is_too_long_is_refused_wherever_the_bytes_are_cut(framing, size, over):
    """Also between others, and if each piece alone is short."""
    data = b"".join(framing.pack(b"x" * length) for length in (3, MOST, MOST + over, 3))
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    frames, fault = frames_of(framing, pieces)
    assert frames == [b"xxx", b"x" * MOST]
    assert f" longer than {MOST} bytes" in fault
    framer = framing.framer(MOST)
    for piece in pieces:
        framer.receive(piece)
        assert framer.unfinished_bytes <= MOST + 10


@pytest.mark.parametrize(
    ("length", "prefix"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (255, b"\xff\x01"),
        (256, b"\x80\x02"),
        (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"),
        (2_097_151, b"\xff\xff\x7f"),
    ],
)
def test_a_varint_is_written_and_read_to_its_last_bit(length, prefix):
    frame = b"x" * length
    packed = Varint().pack(frame)
    assert packed == prefix + frame
    for pieces in ([packed], [packed[:1], packed[1:]], [packed[:-1], packed[-1:]]):
        assert frames_of(Varint(), pieces, length) == ([frame], "")


@pytest.mark.parametrize("length", [5, 16_384])
def test_a_varint_behind_a_frame_is_read_and_its_frame_leaves_with_its_last_byte(length):
    """However few of its bytes come with the frame before it."""
    first, second = Varint().pack(b"abc"), Varint().pack(b"x" * length)
    for cut in range(1, 5):
        framer = Varint().framer(length)
        assert framer.receive(first + second[:cut]) == [b"abc"]
        assert framer.receive(second[cut:-1]) == []
        assert framer.receive(second[-1:]) == [b"x" * length]
        assert not framer.fault


def test_a_delimiter_may_overlap_itself():
    assert frames_of(Delimiter(b"aa"), [b"xaa", b"aa"]) == ([b"x", b""], "")
    assert frames_of(Delimiter(b"aa"), [b"xa", b"ba", b"a"]) == ([b"xab"], "")


def test_a_length_is_refused_with_the_byte_that_makes_it_one_too_much():
    assert frames_of(Varint(), [b"\x80" * 9], MOST) == ([], "")
    assert "10 bytes" in frames_of(Varint(), [b"\x80" * 10], MOST)[1]
    # As much as is taken: more bytes of the length may be zeros.
    assert frames_of(Varint(), [b"\xff\x80\x00" + b"x" * 127], 127) == ([b"x" * 127], "")
    assert "longer than 126" in frames_of(Varint(), [b"\xff"], 126)[1]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: LengthPrefix(3), "the size of a length is 1, 2, 4 or 8 bytes, not 3"),
        (lambda: LengthPrefix(4, "middle"), 'the order of a length is "big" or "little", not '),  # type: ignore[arg-type]
        (lambda: Delimiter(b""), "a delimiter is one byte or more, not b''"),
        (lambda: Delimiter("x"), "a delimiter is one byte or more, not 'x'"),  # type: ignore[arg-type]
        (lambda: FixedSize(0), "the size of a frame is one byte or more, not 0"),
        (lambda: LengthPrefix(1).pack(b"x" * 256), "a frame of 256 bytes is too long for"),
        (lambda: Delimiter().pack(b"a\0"), "a frame has the delimiter b'\\x00' in it"),
        (lambda: FixedSize(3).pack(b"x"), "a frame has 3 bytes, not 1"),
    ],
)  # fmt: skip
def test_impossible_framings_are_refused(make, sentence):
    with pytest.raises(ValueError) as caught:
        make()  # type: ignore[operator]
    assert str(caught.value).startswith(sentence)


def test_a_large_frame_in_small_pieces_is_not_copied_for_each():
    def copied(size: int) -> int:
        framer = LengthPrefix().framer(size)
        pieces = [size.to_bytes(4, "big"), *[b"x" * 100] * (size // 100)]
        received: list[list[bytes]] = []
        taken = allocated(lambda: received.extend(map(framer.receive, pieces)))
        assert [len(frame) for frames in received for frame in frames] == [size]
        return taken

    assert doubled(copied, 100_000) < 2.5
