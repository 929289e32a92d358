"""Bits of a text: the same as looking at each of its bytes."""

import numpy
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store.words import bits

# As many as fill words of 64, and places behind them that are no members.
MEMBERS = st.lists(st.sampled_from([True, True, False]), min_size=1, max_size=200).map(
    lambda found: found + [False] * (128 - len(found) % 64)
)


def places(found: bits.Array) -> list[int]:
    """Return where bits are set."""
    return numpy.flatnonzero(bits.unpack_bits(found.view(numpy.uint8))).tolist()


@given(MEMBERS)
def test_members_side_by_side_are_found_across_words(members):
    found = bits.pack_bits(numpy.array(members))
    starts = range(len(members))
    assert places(found) == [at for at in starts if members[at]]
    for count in range(1, 9):
        wanted = [at for at in starts if sum(members[at : at + count]) == count]
        assert places(bits.in_a_row(found, count)) == wanted


@given(MEMBERS)
def test_places_with_two_members_of_seven_are_found(members):
    found = bits.pack_bits(numpy.array(members))
    wanted = [at for at in range(len(members)) if sum(members[at : at + 7]) >= 2]
    assert places(bits.two_of_seven(found)) == wanted


@given(MEMBERS, st.integers(1, 63))
def test_bitmaps_are_moved_ahead_and_behind(members, count):
    found = bits.pack_bits(numpy.array(members))
    ahead = [at - count for at in places(found) if at >= count]
    assert places(bits.later_bits(found, count)) == ahead
    assert places(bits.previous_bits(found)) == [at + 1 for at in places(found)]
