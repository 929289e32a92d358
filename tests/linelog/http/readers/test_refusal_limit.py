"""Refusals in the audit log: so many that nobody fills a disk, and a count of the others."""

from twisted.internet.task import Clock

from logsrv.linelog.http.readers.refusal_limit import (
    ALL_AT_ONCE,
    AT_ONCE,
    COUNT_SECONDS,
    SECONDS_EACH,
    RefusalLimit,
)


def test_what_was_left_out_is_logged_at_a_stop_too():
    lines: list[str] = []
    clock = Clock()
    limit = RefusalLimit(clock, lines.append)
    admitted = [limit.admits(f"192.0.2.{number % 250}") for number in range(5000)]
    assert sum(admitted) == ALL_AT_ONCE, "many addresses share a limit"
    limit.write_count()
    limit.write_count()
    assert lines == [f"audit reader=none left_out={5000 - ALL_AT_ONCE} addresses=250"]
    assert not clock.getDelayedCalls()


def test_each_count_is_of_what_was_left_out_since_the_last_one():
    lines: list[str] = []
    clock = Clock()
    limit = RefusalLimit(clock, lines.append)
    for addresses in (3, 1):
        for number in range(600):
            limit.admits(f"192.0.2.{number % addresses}")
        clock.advance(COUNT_SECONDS)
    # One line of the first address is due again after each of some seconds.
    again = int(COUNT_SECONDS / SECONDS_EACH)
    assert lines == [
        f"audit reader=none left_out={600 - 3 * AT_ONCE} addresses=3",
        f"audit reader=none left_out={600 - again} addresses=1",
    ]
