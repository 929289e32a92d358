"""The pipes to the process: what it says arrives in whatever pieces, and its last words are kept."""

from __future__ import annotations

from twisted.internet.error import ProcessDone
from twisted.python.failure import Failure

from logsrv.linelog.alerts.reports import Orders, Report, report_line
from logsrv.linelog.alerts.spawned import Spawned


def test_reports_in_pieces_and_last_words() -> None:
    reports: list[Report] = []
    ends: list[str] = []
    spawned = Spawned(Orders("/x", "", {}), reports.append, lambda _, words: ends.append(words))
    for byte in report_line(Report("sent", "1", "command")) + b"\n":
        spawned.outReceived(bytes([byte]))
    spawned.errReceived(b"Traceback\nKeyError: \x1b\n")
    spawned.processEnded(Failure(ProcessDone(0)))
    assert reports == [Report("sent", "1", "command")]
    assert ends == ["KeyError: \\x1b"]
