"""What a target says when it does not take something: each is one sentence, and says what is to be done."""

from __future__ import annotations

from logsrv.errors import LogsrvError
from logsrv.linelog.ship.target import (
    Misplaced,
    PartlyRefused,
    RefusedForGood,
    TooMuchAtOnce,
    Unavailable,
)
from logsrv.linelog.store.segments.segment import Position


def test_each_is_a_sentence() -> None:
    for error in (Unavailable("a"), TooMuchAtOnce("a"), RefusedForGood("a"), PartlyRefused("a", 2)):
        assert isinstance(error, LogsrvError) and str(error) == "a"
    assert str(Misplaced(Position(17, 5))) == "the target is at 17:5"
    assert Misplaced(None).place is None


def test_unavailable_says_for_how_long() -> None:
    assert (Unavailable("a").after, Unavailable("a").settled) == (None, False)
    assert Unavailable("a", after=3.0).after == 3.0
    assert Unavailable("a", settled=True).settled


def test_refused_in_part_is_refused() -> None:
    """Who knows nothing of parts sends halves: lines come twice, and none is lost."""
    some = PartlyRefused("a", 3, [1, 2, 5])
    assert isinstance(some, RefusedForGood)
    assert (some.number, list(some.which)) == (3, [1, 2, 5])
    assert list(PartlyRefused("a", 3).which) == []
