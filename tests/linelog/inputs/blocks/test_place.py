"""What becomes of a block, by the place of its origin: nothing twice, no hole."""

from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.inputs.blocks.body import (
    BlockDecision,
    contains_last_block,
    decide_about,
    without_stored_part,
)
from logsrv.linelog.ship.encode.block import UNKNOWN
from logsrv.linelog.store.origins.notes import BlockNote
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.inputs.blocks.making import Edge, block_of, blocks

ONE = 32 * "a"
TEXT = b"".join(b"line %d\n" % number for number in range(40))


@given(st.integers(1, 60), st.integers(1, 100), st.integers(0, 1000), st.integers(0, 1000))
def test_whatever_comes_in_whatever_order_the_text_is_whole(
    segment: int, most: int, first: int, seed: int
) -> None:
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


def test_gaps_have_to_be_told() -> None:
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


def note_of(start: int, end: int, segment: int = 1) -> BlockNote:
    crc = zlib.crc32(TEXT[start:end])
    return BlockNote(Position(9, 9), ONE, Position(segment, start), Position(segment, end), crc)


def test_of_a_block_that_begins_with_what_is_here_the_rest_is_taken() -> None:
    block = block_of(ONE, TEXT, Position(1, 0), None, UNKNOWN)
    note = note_of(7, 28)
    assert contains_last_block(block, note)
    rest, text = without_stored_part(block, TEXT, note)
    assert (text, rest.start, rest.after, rest.gap) == (TEXT[28:], (1, 28), (1, 28), "")
    assert (rest.crc, rest.end) == (zlib.crc32(text), block.end)
    assert decide_about(rest, note.end) is BlockDecision.TAKE


def test_what_begins_with_other_lines_than_are_here_is_refused() -> None:
    block = block_of(ONE, TEXT.upper(), Position(1, 0), None)
    with pytest.raises(
        ValueError, match="from 1:7 to 1:28 its lines differ from those stored here"
    ):
        without_stored_part(block, TEXT.upper(), note_of(7, 28))


@pytest.mark.parametrize(
    "note", [None, note_of(0, 7), note_of(0, 21), note_of(14, len(TEXT)), note_of(14, 28, 2)]
)
def test_what_does_not_have_all_of_the_last_one_in_it_is_left_as_it_is(
    note: BlockNote | None,
) -> None:
    """Nobody could compare what is here with it."""
    block = block_of(ONE, TEXT[7:], Position(1, 7), None)
    assert not contains_last_block(block, note)
    assert without_stored_part(block, TEXT[7:], note) == (block, TEXT[7:])
