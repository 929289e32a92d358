"""The pauses between two tries: they grow, and they are not the same for all."""

from __future__ import annotations

import random

from logsrv.linelog.ship.shipping.pauses import LONGEST, MOST_ASKED, SETTLED, SHORTEST, Pauses


def test_they_grow_up_to_a_half_minute_and_begin_anew() -> None:
    pauses = Pauses(lambda: 1.0)
    found = [pauses.pause() for _ in range(12)]
    assert found == [min(SHORTEST * 2**number, LONGEST) for number in range(12)]
    pauses.reset()
    assert pauses.pause() == SHORTEST


def test_many_shippers_do_not_come_back_all_at_once() -> None:
    dice = random.Random(1).random
    many = [Pauses(dice) for _ in range(100)]
    for _ in range(12):
        found = [one.pause() for one in many]
    assert LONGEST / 2 <= min(found) < LONGEST * 0.6 and LONGEST * 0.9 < max(found) <= LONGEST


def test_a_target_is_given_the_pause_that_it_asks_for() -> None:
    pauses = Pauses(lambda: 0.0)
    assert pauses.pause(after=7.0) == 7.0
    assert pauses.pause(after=1e9) == MOST_ASKED
    # One that asks for none is not asked in a tight loop.
    assert pauses.pause(after=0.0) == SHORTEST * 2
    assert pauses.pause(settled=True) == SETTLED
