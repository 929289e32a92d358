"""Refusals in the audit log: so many that nobody fills a disk, and a count of the others."""

from twisted.internet.task import Clock

from logsrv.linelog.http.readers.refusal_limit import ALL_AT_ONCE, RefusalLimit


def test_what_was_left_out_is_logged_at_a_stop_too():
    lines: list[str] = []
    limit = RefusalLimit(Clock(), lines.append)
    admitted = [limit.admits(f"192.0.2.{number % 250}") for number in range(5000)]
    assert sum(admitted) == ALL_AT_ONCE, "many addresses share a limit"
    limit.write_count()
    limit.write_count()
    assert lines == [f"audit reader=none left_out={5000 - ALL_AT_ONCE} addresses=250"]
