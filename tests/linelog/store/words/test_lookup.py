"""A look-up never leaves out a frame that holds the literal, and leaves out nearly all others."""

import os
import random
import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.linelog.store.index.segment_index import FrameStart, Index
from logsrv.linelog.store.times import UNKNOWN
from logsrv.linelog.store.words.evidence import LetterRun, evidence, folded
from logsrv.linelog.store.words.lookup import MissingParts, PartialFile, WordIndex
from tests.linelog.store.words.texts import TEXTS
from tests.parts.disks import STAMP, stored
from tests.parts.word_indexes import stored_index


def frames_of(bits: int, count: int) -> list[int]:
    return [number for number in range(count) if bits >> number & 1]


@pytest.mark.slow
@given(
    texts=st.lists(TEXTS, min_size=1, max_size=4),
    cut=st.tuples(st.integers(0), st.integers(0), st.integers(1, 40)),
    section=st.integers(1, 3),
    swap=st.booleans(),
)
@example([STAMP + b"x", b"y"], (0, 20, 12), 1, False)
@example([b"a" * 300 + b"zebra" + b"b" * 300], (0, 298, 9), 1, True)
def test_no_frame_with_the_literal_is_left_out(texts, cut, section, swap):
    which, start, size = cut
    text = texts[which % len(texts)]
    start %= len(text) + 1
    literal = text[start : start + size].partition(b"\n")[0]
    if swap:
        literal = literal.swapcase()
    words = WordIndex(stored_index(*texts, section=section))
    found = words.frames_with(literal, ignore_case=swap)
    if found is not None:
        lines = [[line.lower() for line in text.split(b"\n")] for text in texts]
        having = [
            number
            for number, some in enumerate(lines)
            if any(literal.lower() in one for one in some)
        ]
        assert {*having} <= {*frames_of(found, len(texts))}


def many() -> list[bytes]:
    """Return forty frames of 300 lines with ids and addresses of their own."""
    draw = random.Random(5)

    def line() -> bytes:
        octets = ".".join(str(draw.randrange(256)) for _ in range(3))
        request = uuid.UUID(int=draw.getrandbits(128))
        return f"request {request} from 10.{octets} failed, user{draw.randrange(10**6)}".encode()

    return [stored(*(line() for _ in range(300))) for _ in range(40)]


FRAMES = many()
FRAMES[7] += stored(b"the quick zebra's timeouts at 203.0.113.77 and [2001:db8::8a2e:370:7334]")
INDEX = stored_index(*FRAMES)


@pytest.mark.parametrize(
    "literal",
    [
        b"zebra",
        b"imeout",
        b"ZEBRA'S TIME",
        b"203.0.113.77",
        b"2001:db8::8a2e:370:7334",
        b" quick ",
        FRAMES[7][len(STAMP) + 8 :][:36],
        FRAMES[7][len(STAMP) + 8 :][:8],
    ],
)
def test_a_literal_of_one_frame_leads_to_that_frame(literal):
    found = WordIndex(INDEX).frames_with(literal, ignore_case=True)
    assert found is not None
    assert 7 in frames_of(found, 40) and found.bit_count() <= 5


@pytest.mark.parametrize(
    "literal", [b"absent", b" imeouts", b"timeout ", b"198.51.100.23", b"0123456789abcdef"]
)
def test_a_literal_of_no_frame_leads_nowhere(literal):
    found = WordIndex(INDEX).frames_with(literal)
    assert found is not None and found.bit_count() <= 1


def test_a_common_word_leads_everywhere_and_a_short_one_is_not_decided():
    words = WordIndex(INDEX)
    assert words.frames_with(b"request") == (1 << 40) - 1
    assert words.frames_with(b"at") is None


def test_a_word_index_is_read_from_a_descriptor_as_well():
    fd = os.memfd_create("words")
    try:
        os.write(fd, INDEX)
        assert WordIndex(fd).frames_with(b"zebra") == 1 << 7
    finally:
        os.close(fd)


def test_the_word_index_of_another_segment_is_refused():
    words = WordIndex(INDEX)
    ours = Index(1, sum(map(len, FRAMES)), 99, 0, (FrameStart(0, 0, 0, UNKNOWN),) * 40)
    words.require_same_segment(ours)
    with pytest.raises(ValueError, match="another segment, not of 2"):
        words.require_same_segment(ours._replace(segment=2))


@given(st.lists(st.text("\\uU0\n", max_size=12), min_size=1, max_size=10))
def test_escapes_of_json_are_known_frame_by_frame(texts):
    frames = [text.encode() for text in texts if text] or [b"\n"]
    words = WordIndex(stored_index(*frames, section=3))
    for escape in (b"\\u", b"\\u00"):
        found = words.frames_with(escape)
        assert found is not None
        having = [number for number, frame in enumerate(frames) if escape in frame]
        assert frames_of(found, len(frames)) == having


@pytest.mark.parametrize(
    ("literal", "runs"),
    [
        (b"imeou", [LetterRun(b"imeou", False, False)]),
        (b" Timeout:", [LetterRun(b"timeout", True, True)]),
        (b"user=bob", [LetterRun(b"user", False, True), LetterRun(b"bob", True, False)]),
        (b"max_size", [LetterRun(b"max{size", False, False)]),
    ],
)
def test_letters_are_a_run_open_where_the_literal_ends(literal, runs):
    assert list(evidence(literal).runs) == runs


@pytest.mark.parametrize(
    ("literal", "windows"),
    [
        (b"4bf92f3577b34da6a3ce929d0e0e4736", 28),
        (b"c8cd3af1-2ac5-357b-a01c-a9423d31b097", 12),
        (b"DEADBEEF", 4),
        (b"10.23.45.67", 10),
        (b"fe80::1ff:fe23", 12),
        ("Größe".encode(), 3),
        (b"host17", 2),
    ],
)
def test_ids_and_addresses_have_windows(literal, windows):
    found = evidence(literal)
    assert len(found.ids) + len(found.others) == windows


@pytest.mark.parametrize(
    "literal",
    [
        b"",
        b"ab",
        b"500",
        b"dead",
        b"{}",
        b" - ",
        b"a\nlong enough",
        b"12:18",
        b"2026-11-20T06:18:42",
    ],
)
def test_a_literal_that_the_index_cannot_decide_has_no_evidence(literal):
    assert not evidence(literal)


def test_a_part_that_may_lie_in_the_time_of_a_line_is_no_evidence():
    """Times are not indexed, so `123456` may stand in a frame that the index knows nothing of."""
    assert not evidence(b"23456")
    assert not evidence(b":42.123456Z ")
    assert not evidence(b"42.123456Z tc")
    assert evidence(b"42.123456Z tcp:") == evidence(b" tcp:")
    assert evidence(b"1234567")


def test_upper_and_lower_case_have_the_same_evidence():
    assert evidence(b"TimeOut 4BF92F") == evidence(b"timeout 4bf92f")
    assert folded(b"A_{") == b"a{_"


def test_bytes_within_a_known_part_are_read():
    file = PartialFile(100, [(10, b"abcdef"), (50, b"xyz")])
    assert file.read(12, 3) == b"cde"
    assert file.read(50, 3) == b"xyz"
    assert file.read(100, 5) == file.read(20, 0) == b""
    for at, size in ((9, 3), (14, 3), (0, 1), (16, 1)):
        with pytest.raises(MissingParts) as missing:
            file.read(at, size)
        assert missing.value.ranges == [(at, size)]


def test_all_missing_parts_are_named_at_once():
    file = PartialFile(100, [(10, b"abcdef")])
    with pytest.raises(MissingParts) as missing:
        file.require_fetched([(10, 2), (0, 5), (40, 5)])
    assert missing.value.ranges == [(0, 5), (40, 5)]
    file.add(0, b"12345")
    file.add(40, b"67890")
    file.require_fetched([(10, 2), (0, 5), (40, 5)])


def test_a_small_part_does_not_hide_a_larger_one():
    file = PartialFile(100, [(0, b"a" * 50)])
    file.add(10, b"a")
    assert file.read(10, 20) == b"a" * 20


@pytest.mark.parametrize(
    "data",
    [b"", b"x", INDEX[:-1], INDEX[1:], INDEX[: len(INDEX) // 2], INDEX + b"x", b"x" * 500],
    ids=["empty", "short", "no end", "no begin", "half", "longer", "text"],
)
def test_a_word_index_that_is_cut_off_or_something_else_is_refused(data):
    with pytest.raises(ValueError, match="word index"):
        WordIndex(data)
