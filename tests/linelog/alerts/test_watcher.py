"""Alerts at work on a real store, with a clock of the test's and messages that it holds."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from logsrv.errors import StoreError
from logsrv.kit.children.resident import END
from logsrv.linelog.alerts.alert_child import KEEP, LAST, Watcher
from logsrv.linelog.alerts.alert_places import AlertPlaces, AlertProgress
from logsrv.linelog.alerts.alert_protocol import AlertReport, AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.message import TemporaryFailure, UndeliveredMessage
from logsrv.linelog.alerts.shared_scan import SharedScans
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.watch import RETRY, Watch
from logsrv.linelog.alerts.ways.delivery import AlertMessage
from logsrv.linelog.store.segment import Position
from tests.parts.stores import line, make_store, watched_stores
from tests.parts.watchers import WatcherStage

BEGIN = Position(1, 0)


class Places(AlertPlaces):
    """Places on a disk that may be full; `saved` says how often one was saved."""

    full = False
    saved = 0

    def save_progress(
        self, name: str, task: AlertTask, progress: AlertProgress, *, sync: bool = True
    ) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.saved += 1
        super().save_progress(name, task, progress, sync=sync)


class Stage(WatcherStage):
    """A store, a watcher and what it sends; `held` are messages that have not arrived.

    kept_then: the progress that was kept when each message was sent.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, self.counted)
        self.sent: list[tuple[str, int, list[bytes]]] = []
        self.held: list[Deferred[None]] = []
        self.kept_then: list[AlertProgress | None] = []
        self.hold = False
        self.tasks: dict[str, AlertTask] = {}
        self.kept = Places(str(self.directory), "", self.clocks)

    def counted(self, way: str, alert: AlertSettings, counted: AlertMessage) -> Deferred[None]:
        assert isinstance(counted, MatchCount)
        messages = [one.line.split(b" ", 2)[2] for one in counted.first]
        self.sent.append((alert.alert, counted.count, messages))
        self.kept_then.append(self.progress(alert.alert))
        done: Deferred[None] = Deferred()
        if self.hold:
            self.held.append(done)
        else:
            done.callback(None)
        return done

    def start(self, begin: Position, *queries: str) -> Watcher:
        """Watch for these queries from a place on; those of `add` too."""
        for query in queries:
            self.add(query, query, begin)
        return self.start_tasks(self.tasks)

    def add(self, label: str, query: str, begin: Position, every: float = 10) -> None:
        alert = AlertSettings(alert=query, alert_command=("x",), alert_every=every)
        self.tasks[label] = AlertTask(label, "command", alert, begin)

    def wait(self, seconds: float, *messages: str) -> None:
        """Let time pass, once these are written."""
        self.advance(seconds, *messages, step=0.05)

    def progress(self, label: str) -> AlertProgress | None:
        """The one that is kept."""
        return self.kept.load_progress(label, 10)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.kill()


def test_new_lines_are_reported_within_a_second_and_earlier_ones_are_not(stage):
    stage.write("oops old")
    stage.start(stage.end, "oops", "fine")
    stage.wait(0.9, "oops 1", "fine", "oops 2")
    assert sorted(stage.sent) == [("fine", 1, [b"fine"]), ("oops", 2, [b"oops 1", b"oops 2"])]


def test_an_alert_sends_one_message_at_a_time(stage):
    stage.hold = True
    stage.start(stage.end, "oops")
    stage.wait(1, "oops 1")
    stage.wait(30, "oops 2")
    assert len(stage.sent) == 1
    stage.held[0].callback(None)
    stage.wait(1)
    assert stage.sent[1][1:] == (1, [b"oops 2"])


def test_a_message_that_has_arrived_is_kept_before_the_next_one_is_sent(stage):
    """A kill in between would send the first once more."""
    stage.hold = True
    before = stage.end
    stage.start(before, "oops")
    stage.wait(1, "oops 1")
    second = stage.end
    stage.wait(30, "oops 2")
    stage.held[0].callback(None)
    stage.wait(1)
    first, then = stage.kept_then
    assert first == AlertProgress(before)
    assert then is not None and then.position == second


def test_a_message_that_arrives_ends_the_long_pauses(stage):
    stage.hold = True
    stage.start(stage.end, "oops")
    stage.wait(1, "oops 1")
    for pause in RETRY[:2]:
        stage.held[-1].errback(TemporaryFailure("nobody is there"))
        stage.wait(pause + 1)
    stage.held[-1].callback(None)
    stage.wait(12, "oops 2")
    tries = len(stage.sent)
    stage.held[-1].errback(TemporaryFailure("nobody is there"))
    stage.wait(RETRY[0] + 1)
    assert len(stage.sent) == tries + 1


def test_a_failure_is_reported_and_the_next_message_is_sent(stage):
    stage.hold = True
    stage.start(stage.end, "oops")
    stage.wait(1, "oops 1")
    stage.held[0].errback(UndeliveredMessage("no route"))
    assert AlertReport("failed", "oops", "command", "no route") in stage.reports
    stage.wait(10, "oops 2")
    stage.held[1].callback(None)
    assert AlertReport("sent", "oops", "command") in stage.reports


def test_the_next_process_begins_before_lines_that_have_not_arrived(stage):
    before = stage.end
    stage.hold = True
    stage.start(before, "oops")
    stage.write("fine")
    behind = stage.end
    stage.wait(3, "oops 1")
    found = stage.progress("oops")
    assert found is not None and found.position <= behind
    stage.held[0].callback(None)
    stage.wait(0.3)
    after = stage.progress("oops")
    assert after is not None and after.position == stage.end
    # The interval goes on in another process.
    assert after.due is not None and 8 < after.due - stage.clock.seconds() + 3 < 13


def test_removed_lines_are_reported_when_the_next_line_comes(stage, tmp_path):
    stage.directory = make_store(tmp_path / "gone", [[line("a")], [line("b")], []])
    for path in stage.directory.glob("0*"):
        path.unlink()
    stage.start(BEGIN, "oops")
    stage.wait(1)
    stage.wait(1, "oops")
    assert AlertReport("missed", "oops", "command", number=2) in stage.reports


def test_counted_lines_are_sent_at_the_end_of_the_watcher(stage):
    watcher = stage.start(stage.end, "oops")
    stage.wait(1, "oops 1")
    stage.write("oops 2", "oops 3")
    finished = watcher.finish()
    stage.wait(0.5)
    assert [count for _, count, _ in stage.sent] == [1, 2] and finished.called


def test_the_end_waits_for_a_message_under_way_and_then_gives_up(stage):
    watcher = stage.start(stage.end, "oops")
    stage.hold = True
    before = stage.end
    stage.wait(1, "oops 1")
    finished = watcher.finish()
    stage.wait(LAST - 0.2)
    assert not finished.called
    # With a second to save its places, before it is killed.
    stage.wait(END - 1 - LAST)
    assert finished.called
    assert stage.reports[-1] == AlertReport("put-off", "oops", "command", number=1)
    kept = stage.progress("oops")
    assert kept is not None and kept == AlertProgress(before)


def test_a_webhook_that_is_down_for_long_is_told_all_in_order_in_one_message(stage):
    """It is asked less and less often, and what is kept does not grow."""
    stage.hold = True
    before = stage.end
    stage.start(before, "oops")
    stage.wait(1, "oops first")
    pauses = (*RETRY, RETRY[-1])
    for pause in pauses:
        tries = len(stage.sent)
        stage.held[-1].errback(TemporaryFailure("nobody is there"))
        stage.wait(pause - 1, *["oops"] * 1000)
        assert len(stage.sent) == tries
        kept = stage.progress("oops")
        assert kept == AlertProgress(before)
        stage.wait(2)
        assert len(stage.sent) == tries + 1
    _, count, shown = stage.sent[-1]
    assert (count, len(shown), shown[0]) == (len(pauses) * 1000 + 1, 10, b"oops first")
    stage.held[-1].callback(None)
    stage.wait(12, "oops last")
    assert stage.sent[-1][1:] == (1, [b"oops last"])
    kinds = [one.kind for one in stage.reports if one.kind not in ("done", "lines", "silences")]
    assert kinds == ["later"] * len(pauses) + ["sent"]


def test_an_alert_that_fails_keeps_no_other_waiting(stage):
    stage.hold = True
    stage.start(stage.end, "oops", "fine")
    stage.wait(1, "oops")
    stage.held[0].errback(TemporaryFailure("nobody is there"))
    stage.hold = False
    stage.wait(1, "fine")
    assert stage.sent[-1] == ("fine", 1, [b"fine"])


def test_a_place_that_cannot_be_saved_is_said_and_saved_later(stage):
    stage.kept.full = True
    stage.start(stage.end, "oops")
    stage.wait(1, "oops 1")
    assert [count for _, count, _ in stage.sent] == [1]
    why = "the place of alert oops cannot be saved: No space left on device"
    assert AlertReport("trouble", why=why) in stage.reports
    stage.kept.full = False
    stage.wait(6)
    kept = stage.progress("oops")
    assert kept is not None and kept.position == stage.end


def test_lines_that_match_nothing_do_not_keep_the_disk_busy(stage):
    stage.start(stage.end, "oops")
    saved = stage.kept.saved
    for _ in range(round(KEEP) - 2):
        stage.wait(1, "fine")
    assert stage.kept.saved == saved
    stage.wait(5)
    assert stage.kept.saved == saved + 1


def mend_command(stage: Stage, watcher: Watcher) -> None:
    """Reload with another command for the alert `oops`."""
    task = stage.tasks["oops"]
    mended = AlertSettings(alert="oops", alert_command=("mended",), alert_every=10)
    watcher.replace_tasks({"oops": AlertTask("oops", "command", mended, task.begin)})


def test_a_changed_alert_is_tried_again_at_once(stage):
    """Who has mended the URL and reloads does not wait for five minutes."""
    stage.hold = True
    watcher = stage.start(stage.end, "oops")
    stage.wait(1, "oops")
    stage.held[0].errback(TemporaryFailure("nobody is there"))
    stage.wait(1)
    mend_command(stage, watcher)
    stage.wait(0.5)
    assert len(stage.sent) == 2


def test_an_alert_that_was_changed_while_its_message_was_under_way_is_tried_again_at_once(stage):
    """The message that fails then went to the receiver of before."""
    stage.hold = True
    watcher = stage.start(stage.end, "oops")
    stage.wait(1, "oops")
    mend_command(stage, watcher)
    stage.held[0].errback(TemporaryFailure("nobody is there"))
    stage.wait(0.5)
    assert len(stage.sent) == 2


def test_a_reload_that_changes_no_alert_sends_nothing_early_to_a_receiver_that_is_down(stage):
    stage.hold = True
    watcher = stage.start(stage.end, "oops")
    stage.wait(1, "oops")
    stage.held[0].errback(TemporaryFailure("nobody is there"))
    for _ in range(2):
        watcher.replace_tasks(dict(stage.tasks))
        stage.wait(RETRY[0] / 4)
    assert len(stage.sent) == 1
    stage.wait(RETRY[0])
    assert len(stage.sent) == 2


def test_a_removed_alert_reports_earlier_lines_and_ends(stage):
    watcher = stage.start(stage.end, "oops")
    stage.wait(1, "oops 1")
    stage.write("oops 2")
    until = stage.end
    stage.write("oops after")
    task = stage.tasks["oops"]
    watcher.replace_tasks({"oops": AlertTask("oops", "command", task.alert, task.begin, until)})
    stage.wait(1)
    assert [shown for _, _, shown in stage.sent] == [[b"oops 1"], [b"oops 2"]]
    assert stage.reports[-1] == AlertReport("done", name="oops") and stage.kept.saved_names() == []


def test_orders_that_cross_the_end_of_a_removed_alert_send_nothing_again(stage):
    """The daemon has not read yet that the alert is done, and is reloaded once more."""
    watcher = stage.start(stage.end, "oops")
    stage.wait(1, "oops 1")
    task = stage.tasks["oops"]
    removed = AlertTask("oops", "command", task.alert, task.begin, stage.end)
    for _ in range(2):
        watcher.replace_tasks({"oops": removed})
        stage.wait(1)
        assert stage.reports[-1] == AlertReport("done", name="oops")
    assert len(stage.sent) == 1


def test_a_store_that_is_removed_is_an_error(stage):
    stage.start(stage.end, "oops")
    shutil.rmtree(stage.directory)
    with pytest.raises(StoreError, match="was removed"):
        stage.wait(1)


class Turns(Clock):
    """A clock on which each advance is one turn, also of what is to be called at once."""

    def callLater(self, delay: float, *args: Any, **more: Any) -> Any:  # type: ignore[override]
        return super().callLater(max(delay, 0.01), *args, **more)


def test_a_watch_far_behind_or_slow_takes_turns_with_the_others(stage):
    """After an outage of its webhook an alert may have days of lines to look at."""
    stage.clock = Turns()
    with (stage.directory / "current.log").open("ab") as file:
        for _ in range(60):
            file.write(line("oops " + "x" * 1000) * 1000)
    stage.add("fine", "fine", stage.end)
    stage.start(BEGIN, "oops")
    stage.write("fine")
    while ("fine", 1, [b"fine"]) not in stage.sent and stage.clock.seconds() < 5:
        stage.clock.advance(0.01)
    assert sum(count for query, count, _ in stage.sent if query == "oops") < 60_000
    assert stage.clock.seconds() < 0.5
    stage.clock.pump([0.05] * 300)
    assert sum(count for query, count, _ in stage.sent if query == "oops") == 60_000
    assert len(stage.sent) == 3


class SlowPlaces(Places):
    """Places on a disk that needs half a second for each; meanwhile this process does nothing else."""

    def save_progress(self, *words: Any, sync: bool = True) -> None:
        super().save_progress(*words, sync=sync)
        self.take_time(0.5)

    def take_time(self, seconds: float) -> None:
        """Let so much time pass; set by the test."""


def test_answers_to_messages_are_heard_while_the_places_of_many_alerts_are_saved(stage):
    """Else a message that has arrived would be taken for a lost one, and be sent again."""
    places = SlowPlaces(str(stage.directory), "", stage.clocks)

    def take_time(seconds: float) -> None:
        stage.clock.rightNow += seconds

    stage.kept = places
    stage.start(stage.end, *(f"oops {number}" for number in range(100)))
    stage.wait(KEEP - 2, "fine")
    places.take_time = take_time  # type: ignore[method-assign]
    heard: list[float] = []
    due = stage.clock.seconds() + 5
    stage.clock.callLater(5, lambda: heard.append(stage.clock.seconds()))
    saved = places.saved
    stage.wait(6)
    assert places.saved > saved + 10
    assert heard and heard[0] - due < 1


def test_a_stop_while_places_are_saved_still_searches_what_has_come_since(stage):
    places = SlowPlaces(str(stage.directory), "", stage.clocks)
    finished: list[Deferred[None]] = []

    def stop() -> None:
        stage.write("oops 99")
        finished.append(watcher.finish())

    def take_time(seconds: float) -> None:
        if not stops:
            stage.clock.rightNow += seconds
            stops.append(stage.clock.callLater(0, stop))

    stage.kept = places
    stops: list[object] = []
    watcher = stage.start(stage.end, *(f"oops {number}" for number in range(100)))
    stage.wait(KEEP - 2, "fine")
    places.take_time = take_time  # type: ignore[method-assign]
    stage.wait(10)
    assert finished and finished[0].called
    assert ("oops 99", 1, [b"oops 99"]) in stage.sent


class NotingPlaces(Places):
    """Places that note what was saved, in order."""

    def __init__(self, *words: Any) -> None:
        super().__init__(*words)
        self.order: list[str] = []

    def save_state(self, *words: Any) -> None:
        self.order.append("state")
        super().save_state(*words)

    def save_progress(self, *words: Any, sync: bool = True) -> None:
        self.order.append("progress")
        super().save_progress(*words, sync=sync)


def test_the_state_of_a_condition_is_saved_before_its_place(stage):
    """A kill between the two: what the state knows is not counted again, and no line is left out."""
    stage.kept = places = NotingPlaces(str(stage.directory), "", stage.clocks)
    stage.start(BEGIN, "oops | count > 0 in 1m")
    stage.clock.advance(KEEP + 1)
    assert places.order and places.order == ["state", "progress"] * (len(places.order) // 2)


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
        return fail(TemporaryFailure("not now"))

    task = AlertTask("1", way, alert, BEGIN, until)
    found = Watch(task, None, deliver=deliver, now=lambda: 0.0, report=reports.append)
    scans = SharedScans(watched_stores(store), lambda: 0.0)
    scans.replace_watches([found], {found: BEGIN})
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
