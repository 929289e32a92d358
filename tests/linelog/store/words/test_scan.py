"""Runs and windows of a frame: the same as plain Python finds them in it."""

import re

import numpy
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.times import SHAPE
from logsrv.linelog.store.words.evidence import (
    address_hashes,
    folded,
    window_hash,
)
from logsrv.linelog.store.words.scan import (
    Array,
    FrameText,
    in_a_row,
    later_bits,
    pack_bits,
    previous_bits,
    two_of_seven,
    unpack_bits,
)
from tests.linelog.store.words.texts import TEXTS


def without_times(text: bytes) -> bytes:
    shape = re.sub(rb"0", b"[0-9]", re.escape(SHAPE).replace(rb"\-", b"-"))
    return re.sub(rb"(?m)^" + shape + rb"(?= )", bytes(len(SHAPE)), text)


@given(TEXTS)
def test_runs_are_all_letters_side_by_side_that_are_not_all_hexadecimal(text):
    frame = FrameText(text, len(text))
    found = frame.find_runs()
    plain = folded(without_times(text))
    wanted = {match.start(): match[0] for match in re.finditer(rb"[a-{]{3,}", plain)}
    assert sorted(found.starts.tolist()) == [*wanted]
    assert frame.run_lengths(found, 128).tolist() == [
        len(wanted[at]) for at in found.starts.tolist()
    ]
    firsts = [wanted[at][:8] for at in found.starts.tolist()]
    assert found.first.tolist() == [int.from_bytes(first, "little") for first in firsts]


@given(TEXTS)
def test_windows_of_a_frame_are_those_of_the_format(text):
    ids, *others = FrameText(text, len(text)).window_hashes()
    plain = folded(without_times(text))
    fives = {plain[at : at + 5] for at in range(len(plain) - 4)}
    in_hex = {five for five in fives if re.fullmatch(rb"[0-9a-f]{5}", five)}
    mixed = {
        five
        for five in fives - in_hex
        if re.fullmatch(rb"[0-9a-{\x80-\xff]{5}", five) and not re.fullmatch(rb"[a-{]{5}", five)
    }
    sevens = {plain[at : at + 7] for at in range(len(plain) - 6)}
    addresses = {
        seven
        for seven in sevens
        if (re.fullmatch(rb"[0-9a-f.]{7}", seven) and seven.count(b".") > 1)
        or (re.fullmatch(rb"[0-9a-f:]{7}", seven) and seven.count(b":") > 1)
    }
    assert {*ids.tolist()} == set(map(window_hash, in_hex))
    assert {value for some in others for value in some.tolist()} == {*map(window_hash, mixed)} | {
        value for seven in addresses for value in address_hashes(seven)
    }


# As many as fill words of 64, and indexes behind them that are no members.
MEMBERS = st.lists(st.sampled_from([True, True, False]), min_size=1, max_size=200).map(
    lambda found: found + [False] * (128 - len(found) % 64)
)


def indexes(found: Array) -> list[int]:
    """Return where bits are set."""
    return numpy.flatnonzero(unpack_bits(found.view(numpy.uint8))).tolist()


@given(MEMBERS)
def test_members_side_by_side_are_found_across_words(members):
    found = pack_bits(numpy.array(members))
    starts = range(len(members))
    assert indexes(found) == [at for at in starts if members[at]]
    for count in range(1, 9):
        wanted = [at for at in starts if sum(members[at : at + count]) == count]
        assert indexes(in_a_row(found, count)) == wanted


@given(MEMBERS)
def test_places_with_two_members_of_seven_are_found(members):
    found = pack_bits(numpy.array(members))
    wanted = [at for at in range(len(members)) if sum(members[at : at + 7]) >= 2]
    assert indexes(two_of_seven(found)) == wanted


@given(MEMBERS, st.integers(1, 63))
def test_bitmaps_are_moved_ahead_and_behind(members, count):
    found = pack_bits(numpy.array(members))
    ahead = [at - count for at in indexes(found) if at >= count]
    assert indexes(later_bits(found, count)) == ahead
    assert indexes(previous_bits(found)) == [at + 1 for at in indexes(found)]
