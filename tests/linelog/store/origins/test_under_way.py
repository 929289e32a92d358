"""Blocks under way to the medium: the place of each origin behind them, and who waits for room."""

from logsrv.linelog.store.origins.origins import ENOUGH, BlocksUnderWay
from logsrv.linelog.store.segments.segment import Position

ONE, OTHER = 32 * "a", 32 * "b"
FIRST, SECOND = Position(1, 10), Position(1, 20)


def test_the_last_block_under_way_tells_the_place_of_its_origin():
    under_way = BlocksUnderWay()
    under_way.add_block(ONE, FIRST, 10)
    under_way.add_block(ONE, SECOND, 10)
    under_way.add_block(OTHER, FIRST, 5)
    assert (under_way.last_end(ONE), under_way.last_end(OTHER)) == (SECOND, FIRST)
    assert (len(under_way), under_way.size) == (3, 25)
    under_way.remove_first_block(ONE, 10)
    assert under_way.last_end(ONE) == SECOND
    under_way.remove_first_block(ONE, 10)
    under_way.remove_first_block(OTHER, 5)
    assert under_way.last_end(ONE) is None
    assert (len(under_way), under_way.size) == (0, 0)


def test_blocks_that_wait_for_room_get_it_in_their_order():
    under_way = BlocksUnderWay()
    assert under_way.reserve(ENOUGH) is None
    under_way.add_block(ONE, FIRST, ENOUGH)
    under_way.release(ENOUGH)
    assert under_way.size == ENOUGH
    assert under_way.reserve(1) is None
    waiting = [under_way.reserve(ENOUGH) for _ in range(3)]
    small = under_way.reserve(1)

    def called() -> list[bool]:
        return [one is not None and one.called for one in (*waiting, small)]

    under_way.remove_first_block(ONE, ENOUGH)
    assert called() == [True, False, False, False]
    under_way.release(1)
    assert called() == [True, True, False, False]
    under_way.release(ENOUGH)
    assert called() == [True, True, True, False]
    under_way.release(ENOUGH)
    assert called() == [True, True, True, True]
    under_way.release(ENOUGH)
    under_way.release(1)
    assert under_way.size == 0


def test_a_later_block_does_not_overtake_a_waiting_one():
    under_way = BlocksUnderWay()
    assert under_way.reserve(ENOUGH + 1) is None
    first = under_way.reserve(ENOUGH + 1)
    assert first is not None and not first.called
    under_way.release(ENOUGH + 1)
    assert first.called and under_way.reserve(1) is not None
