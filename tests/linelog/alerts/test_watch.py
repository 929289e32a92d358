"""A watch by itself; with a watcher around it: test_watcher.py."""

from pathlib import Path

from twisted.internet.defer import Deferred

from logsrv.linelog.alerts.alert_places import AlertProgress
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.delivery import AlertMessage
from logsrv.linelog.alerts.message import TemporaryFailure
from logsrv.linelog.alerts.reports import AlertReport, AlertTask
from logsrv.linelog.alerts.shared_scan import SharedScans
from logsrv.linelog.alerts.watch import Watch
from logsrv.linelog.store.segments.segment import Position
from tests.parts.stores import line, make_store, view_of


def watch(
    directory: Path, until: Position | None = None, way: str = "command"
) -> tuple[Watch, SharedScans, list[AlertReport]]:
    """One whose messages all fail for now, at the begin of a store of two lines that match."""
    store = make_store(directory / f"store-{way}", [[line("oops 1"), line("oops 2")]])
    alert = AlertSettings(
        alert="oops", alert_command=("x",), alert_webhook="http://x/", alert_every=10
    )
    reports: list[AlertReport] = []

    def deliver(way: str, alert: AlertSettings, counted: AlertMessage) -> Deferred[None]:
        failing: Deferred[None] = Deferred()
        failing.errback(TemporaryFailure("not now"))
        return failing

    begin = AlertProgress(Position(1, 0))
    task = AlertTask("1", way, alert, begin.position, until)
    found = Watch(task, begin.due, deliver=deliver, now=lambda: 0.0, report=reports.append)
    scans = SharedScans(view_of(store))
    scans.replace_watches([found], {found: begin.position})
    return found, scans, reports


def test_a_message_that_fails_is_left_to_the_next_process_at_the_end(tmp_path):
    """It does not go round in circles with what fails at once."""
    found, scans, reports = watch(tmp_path)
    assert scans.search_next_pieces()
    for _ in range(3):
        found.take_if_due(ending=True)
        found.send_taken()
    assert [one.kind for one in reports] == ["lines", "later"]
    assert found.progress == AlertProgress(Position(1, 0))


def test_a_removed_alert_ends_at_its_line_and_gives_up_a_failed_message(tmp_path):
    found, scans, reports = watch(tmp_path, Position(1, len(line("oops 1"))))
    assert scans.search_next_pieces() and not scans.search_next_pieces()
    found.take_if_due()
    found.send_taken()
    assert [one.kind for one in reports] == ["lines", "failed"] and found.is_done


def test_lines_are_counted_once_for_an_alert_with_two_ways(tmp_path):
    for way, reported in (("command", [2]), ("webhook", [])):
        _, scans, reports = watch(tmp_path, way=way)
        assert scans.search_next_pieces()
        assert [one.number for one in reports if one.kind == "lines"] == reported
