"""Tests for the headers of blocks out of a stream that has let go of others."""

from __future__ import annotations

import pytest

from logsrv.linelog.inputs.blocks.place import Fate, fate
from logsrv.linelog.inputs.nats.headers import placed
from logsrv.linelog.ship.blocks.block import read_block
from logsrv.linelog.store.segments.segment import Position
from tests.linelog.inputs.blocks.making import block_of

STORE = 32 * "a"
BLOCK = block_of(STORE, b"x\n" * 50, Position(3, 100), Position(3, 100))
FIRST = block_of(STORE, b"x\n" * 50, Position(3, 100), None)


def what(
    headers: dict[str, str], place: Position | None, *, passes_holes: bool = False
) -> tuple[Fate, str]:
    found = read_block(placed(headers, place, passes_holes=passes_holes), b"")
    return fate(found, place), found.gap


def test_whatever_is_there_first_begins_a_store_and_what_begins_at_its_place_follows() -> None:
    for one in BLOCK, FIRST:
        assert what(one.headers(), None) == (Fate.TAKE, "")
        assert what(one.headers(), Position(3, 100)) == (Fate.TAKE, "")
        assert what(one.headers(), Position(3, 200)) == (Fate.FORGET, "")


@pytest.mark.parametrize("place", [Position(3, 50), Position(2, 7)])
def test_a_hole_is_refused_unless_it_is_to_be_passed_over(place: Position) -> None:
    for one in BLOCK, FIRST:
        assert what(one.headers(), place) == (Fate.REFUSE, "")
        assert what(one.headers(), place, passes_holes=True) == (Fate.TAKE, "unknown")


def test_a_block_that_begins_before_the_place_is_never_taken_in_part() -> None:
    for passes in False, True:
        assert what(BLOCK.headers(), Position(3, 150), passes_holes=passes)[0] is Fate.REFUSE


def test_headers_of_nats_are_none_of_a_block() -> None:
    found = placed({**BLOCK.headers(), "Nats-Expected-Stream": "LOGS"}, None, passes_holes=False)
    assert "Nats-Expected-Stream" not in found


def test_a_place_that_is_none_is_for_others_to_refuse() -> None:
    headers = {**BLOCK.headers(), "Logsrv-From": "nowhere"}
    assert placed(headers, Position(1, 0), passes_holes=True) == headers
