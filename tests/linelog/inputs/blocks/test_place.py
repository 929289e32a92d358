"""What becomes of a block, by the place of its origin: nothing twice, no hole."""

import random

from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.inputs.blocks.body import (
    BlockDecision,
    decide_about,
)
from logsrv.linelog.ship.encode.block import UNKNOWN
from logsrv.linelog.store.segments.segment import Position
from tests.parts.blocks import Edge, block_of, blocks

ONE = 32 * "a"
TEXT = b"".join(b"line %d\n" % number for number in range(40))


@given(st.integers(1, 60), st.integers(1, 100), st.integers(0, 1000), st.integers(0, 1000))
def test_whatever_comes_in_whatever_order_the_text_is_whole(segment, most, first, seed):
    """Of shippers that begin anywhere, cut as they like, and repeat themselves."""
    edge = Edge(ONE, TEXT, segment)
    chance = random.Random(seed)
    shippers = [list(blocks(edge, most, first + one)) for one in range(3)]
    place, stored = None, b""
    for _ in range(200):
        found = chance.choice(shippers)
        block = chance.choice(found)
        if chance.random() < 0.5:
            # One that asks first.
            block = edge.next(place, most, chance) or block
        if decide_about(block, place) is BlockDecision.TAKE:
            at = edge.offset(block.start)
            stored += TEXT[at : at + block.text_size]
            place = block.end
        assert stored == TEXT[: edge.offset(place)]


def test_gaps_have_to_be_told():
    at = Position(1, 0)
    behind = block_of(ONE, b"abc\n", Position(1, 8), Position(1, 4))
    told = block_of(ONE, b"abc\n", Position(1, 8), Position(1, 4), UNKNOWN)
    assert decide_about(behind, Position(1, 4)) is BlockDecision.REFUSE
    assert decide_about(told, Position(1, 4)) is BlockDecision.TAKE
    assert decide_about(told, None) is BlockDecision.REFUSE
    # Nobody here knows where a segment ends.
    assert (
        decide_about(block_of(ONE, b"abc\n", Position(2, 0), Position(1, 4)), Position(1, 4))
        is BlockDecision.TAKE
    )
    assert decide_about(block_of(ONE, b"abc\n", at, None), None) is BlockDecision.TAKE
    assert decide_about(block_of(ONE, b"abc\n", at, None), Position(1, 2)) is BlockDecision.REFUSE
    assert decide_about(block_of(ONE, b"abc\n", at, None), Position(1, 4)) is BlockDecision.FORGET
