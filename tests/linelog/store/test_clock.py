"""A clock that jumps is believed when it has stayed there for a day."""

from __future__ import annotations

from logsrv.linelog.store.clock import BelievedTime, Reading
from logsrv.linelog.store.policy import DAY

START = 1_795_155_522.0
YEAR = 365 * DAY
MINUTE = 60.0


def running(believed: float = START) -> BelievedTime:
    return BelievedTime(Reading(believed, 1000.0))


def after(time: BelievedTime, seconds: float, off: float = 0.0) -> float:
    """What is believed `seconds` after the start, as an offset to the start, if the clock is off."""
    return time.believe(START + seconds + off, 1000.0 + seconds) - START


def test_a_quiet_server_grows_old_as_the_clock_says() -> None:
    time = running()
    for minute in range(30 * 1440):
        assert after(time, minute * MINUTE) == minute * MINUTE


def test_a_clock_that_is_adjusted_is_believed() -> None:
    time = running()
    assert after(time, 60, off=3600.0) == 3660
    assert after(time, 120, off=-3600.0) == -3480


def test_a_jump_ahead_that_is_taken_back_was_never_believed() -> None:
    time = running()
    for minute in range(1439):
        assert after(time, minute * MINUTE, off=10 * YEAR) == minute * MINUTE
    assert after(time, DAY) == DAY
    assert after(time, DAY + 60, off=10 * YEAR) == DAY + 60


def test_a_jump_ahead_that_has_lasted_for_a_day_is_believed() -> None:
    time = running()
    assert after(time, 0, off=10 * YEAR) == 0
    assert after(time, DAY, off=10 * YEAR) == DAY + 10 * YEAR
    assert after(time, DAY + 60, off=10 * YEAR) == DAY + 60 + 10 * YEAR


def test_another_jump_has_to_last_for_a_day_of_its_own() -> None:
    time = running()
    assert after(time, 0, off=YEAR) == 0
    assert after(time, DAY / 2, off=10 * YEAR) == DAY / 2
    assert after(time, DAY, off=10 * YEAR) == DAY
    assert after(time, 1.5 * DAY, off=10 * YEAR) == 1.5 * DAY + 10 * YEAR


def test_a_jump_back_holds_removal_up_at_once_and_does_no_harm_when_it_ends() -> None:
    """A dead battery: the server starts in 1970, and the network tells it the time later."""
    time = running()
    assert after(time, 60, off=-50 * YEAR) == 60 - 50 * YEAR
    assert after(time, 120) == 120


def test_a_start_with_a_clock_far_ahead_of_the_last_run_waits_for_a_day() -> None:
    time = running(START - YEAR)
    assert after(time, 0) == -YEAR
    assert after(time, DAY) == DAY
