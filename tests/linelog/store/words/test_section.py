"""A section keeps to its limits, whatever text it is given, and forgets nothing by that."""

import random
import string

import numpy
import pytest

from logsrv.linelog.store.words import section
from logsrv.linelog.store.words.evidence import letter_slots
from logsrv.linelog.store.words.layout import HEADER_SIZE, unpack_header
from logsrv.linelog.store.words.lookup import WordIndex
from logsrv.linelog.store.words.scan import FrameText
from logsrv.linelog.store.words.section import BitTable, SectionBuilder
from tests.parts.word_indexes import stored_index

LONG = b"begin" + b"xyz" * 100 + b"zebra" + b"xyz" * 100


def random_words(count: int, seed: int, letters: str = string.ascii_letters) -> list[bytes]:
    draw = random.Random(seed)
    return ["".join(draw.choices(letters, k=draw.randint(4, 20))).encode() for _ in range(count)]


def test_a_dictionary_that_is_full_leaves_the_rest_to_windows(monkeypatch):
    monkeypatch.setattr(section, "MOST_RUNS", 100)
    frames = [b" ".join(random_words(80, seed)) + b"\n" for seed in range(6)]
    words = WordIndex(stored_index(*frames))
    assert unpack_header(words.read(0, HEADER_SIZE)).postings.rows <= 100
    for number, frame in enumerate(frames):
        for word in frame.split():
            found = words.frames_with(word)
            assert found is None or found >> number & 1
    assert words.frames_with(b"yesterday") == 0


def test_random_ids_do_not_fill_the_dictionary():
    letters = string.ascii_letters + string.digits * 8
    text = b" ".join(random_words(3000, 1, letters)) + b" plain words\n"
    words = WordIndex(stored_index(text))
    assert unpack_header(words.read(0, HEADER_SIZE)).postings.rows < 500
    for word in text.split()[:500]:
        assert words.frames_with(word) in (1, None)


def test_a_run_too_long_to_be_a_word_makes_its_frame_open():
    words = WordIndex(stored_index(b"one\n", LONG + b"\n", b"two\n"))
    assert words.frames_with(b"zebra") == 0b10
    assert words.frames_with(LONG) == 0b10
    assert words.frames_with(b"one") == 0b011


def test_words_that_share_their_first_letters_are_kept_apart():
    frames = [b"internationalisation\n", b"internationalisations\n", b"international\n"]
    words = WordIndex(stored_index(*frames))
    assert [words.frames_with(b" " + text.strip() + b" ") for text in frames] == [1, 2, 4]
    assert words.frames_with(b"international") == 7


def test_a_table_is_folded_to_the_size_that_it_may_have():
    draw = numpy.random.default_rng(1)
    bits = BitTable(14)
    for number in range(20):
        bits.set_column(
            number, draw.integers(0, 1 << 63, 3000).astype(numpy.uint64) * numpy.uint64(2)
        )
    full, data = bits.fold_and_pack(0.99, 1e9)
    half, less = bits.fold_and_pack(0.2, 1e9)
    small, least = bits.fold_and_pack(0.2, 1000)
    assert full.rows < 1 << 14 and half.rows == 1 << 14 and len(data) < len(less)
    assert len(least) <= 1000 and small.rows >= 64


def test_letter_windows_are_hashed_as_they_are_looked_up():
    frame = FrameText(b"x1zebra ", 8)
    made = {value >> 49 for value in section._letter_hashes(frame, frame.find_runs()).tolist()}
    assert made == letter_slots(b"zebra", 15)


@pytest.mark.slow
def test_a_section_is_full_after_512_frames():
    made = SectionBuilder()
    for _ in range(512):
        assert not made.is_full
        made.add_frame(b"word\n", 5, 9)
    assert made.is_full
    assert unpack_header(made.pack_section(0.13)[:HEADER_SIZE]).frames == 512


def test_a_run_is_one_word_whatever_stands_behind_it():
    runs = [b"transact", b"transaction", b"internationalisation"]
    text = b" ".join(run + b" " + other for run in runs for other in (b"x", b"beginning", b"7z"))
    words = WordIndex(stored_index(text + b"\n"))
    # Those, and `beginning`.
    assert unpack_header(words.read(0, HEADER_SIZE)).postings.rows == len(runs) + 1
