"""Alerts at work on a real store, with a clock of the test's and messages that it holds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from logsrv.linelog.alerts.message import Undelivered
from logsrv.linelog.alerts.reports import Progress, Report
from logsrv.linelog.alerts.settings import AlertSettings
from logsrv.linelog.alerts.tally import Counted
from logsrv.linelog.alerts.watch import LAST, Watch, Watcher
from logsrv.linelog.read.follow import News
from logsrv.linelog.store.segment import Position
from tests.linelog.read.stores import line, lines, make_store, view_of

BEGIN = Progress(Position(1, 0))


class Stage:
    """A store, a watcher and what it sends; `held` are messages that have not arrived."""

    def __init__(self, directory: Path) -> None:
        self.directory = make_store(directory / "store", [[line("before")]])
        self.clock = Clock()
        self.sent: list[tuple[str, int, list[bytes]]] = []
        self.held: list[Deferred[None]] = []
        self.hold = False
        self.reports: list[Report] = []
        self.failures = 0
        self.watches: dict[str, Watch] = {}

    def deliver(self, alert: AlertSettings, counted: Counted) -> Mapping[str, Deferred[None]]:
        messages = [one.line.split(b" ", 2)[2] for one in counted.first]
        self.sent.append((alert.alert, counted.count, messages))
        done: Deferred[None] = Deferred()
        if self.hold:
            self.held.append(done)
        else:
            done.callback(None)
        return {"command": done}

    def start(self, progress: Progress, *queries: str) -> Watcher:
        """Watch for these queries from a place on; those of `add` too."""
        for query in queries:
            self.add(query, query, progress)
        watcher = Watcher(
            view_of(self.directory),
            self.watches,
            clock=self.clock,
            now=self.clock.seconds,
            report=self.reports.append,
            failed=self.fail,
        )
        watcher.start()
        return watcher

    def add(self, label: str, query: str, progress: Progress) -> None:
        alert = AlertSettings(alert=query, alert_command=("x",), alert_every=10)
        self.watches[label] = Watch(
            label, alert, progress, deliver=self.deliver, report=self.reports.append
        )

    def fail(self) -> None:
        self.failures += 1
        raise

    def write(self, *messages: str) -> None:
        with (self.directory / "current.log").open("ab") as file:
            file.write(b"".join(lines(messages)))

    def wait(self, seconds: float) -> None:
        self.clock.pump([0.05] * round(seconds / 0.05))

    def progress(self, label: str) -> Progress | None:
        """The last one reported."""
        return [one.progress for one in self.reports if one.kind == "come" and one.label == label][
            -1
        ]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def end(stage: Stage) -> Progress:
    return Progress(Position(1, (stage.directory / "current.log").stat().st_size))


def test_what_matches_is_told_within_a_second_and_what_was_before_is_not(stage: Stage) -> None:
    stage.write("oops old")
    stage.start(end(stage), "oops", "fine")
    stage.write("oops 1", "fine", "oops 2")
    stage.wait(0.9)
    assert sorted(stage.sent) == [("fine", 1, [b"fine"]), ("oops", 2, [b"oops 1", b"oops 2"])]


def test_the_rest_is_told_at_the_end_of_the_interval(stage: Stage) -> None:
    stage.start(end(stage), "oops")
    stage.write("oops 1")
    stage.wait(1)
    for _ in range(5):
        stage.write(*["oops more"] * 1000)
        stage.wait(1)
    assert len(stage.sent) == 1
    stage.wait(6)
    assert [(count, len(shown)) for _, count, shown in stage.sent] == [(1, 1), (5000, 10)]


def test_a_million_lines_are_one_message(stage: Stage) -> None:
    stage.start(end(stage), "oops")
    with (stage.directory / "current.log").open("ab") as file:
        for _ in range(100):
            file.write(line("oops") * 10_000)
    stage.wait(12)
    assert len(stage.sent) <= 2 and sum(count for _, count, _ in stage.sent) == 1_000_000


def test_one_message_at_a_time(stage: Stage) -> None:
    stage.hold = True
    stage.start(end(stage), "oops")
    stage.write("oops 1")
    stage.wait(1)
    stage.write("oops 2")
    stage.wait(30)
    assert len(stage.sent) == 1
    stage.held[0].callback(None)
    stage.wait(1)
    assert stage.sent[1][1:] == (1, [b"oops 2"])


def test_a_failure_is_reported_and_the_next_message_is_sent(stage: Stage) -> None:
    stage.hold = True
    stage.start(end(stage), "oops")
    stage.write("oops 1")
    stage.wait(1)
    stage.held[0].errback(Undelivered("no route"))
    assert Report("failed", "oops", "command", "no route") in stage.reports
    stage.write("oops 2")
    stage.wait(10)
    stage.held[1].callback(None)
    assert Report("sent", "oops", "command") in stage.reports


def test_a_successor_begins_before_what_has_not_arrived(stage: Stage) -> None:
    before = end(stage)
    stage.hold = True
    stage.start(before, "oops")
    stage.write("fine")
    behind = end(stage)
    stage.write("oops 1")
    stage.wait(3)
    assert stage.progress("oops") == Progress(behind.position)
    stage.held[0].callback(None)
    after = stage.progress("oops")
    assert after is not None and after.position == end(stage).position
    # The interval goes on in another process.
    assert after.due is not None and 8 < after.due - stage.clock.seconds() + 3 < 13


def test_lines_that_are_gone_are_said(stage: Stage, tmp_path: Path) -> None:
    stage.directory = make_store(tmp_path / "gone", [[line("a")], [line("oops")]])
    next(stage.directory.glob("0000000001-*.zst")).unlink()
    stage.start(BEGIN, "oops")
    stage.wait(1)
    assert Report("gap") in stage.reports
    assert [count for _, count, _ in stage.sent] == [1]


def test_at_the_end_what_is_counted_is_told_without_waiting(stage: Stage) -> None:
    watcher = stage.start(end(stage), "oops")
    stage.write("oops 1")
    stage.wait(1)
    stage.write("oops 2", "oops 3")
    finished = watcher.finish(hand_over=False)
    stage.wait(0.5)
    assert [count for _, count, _ in stage.sent] == [1, 2] and finished.called


def test_with_a_successor_it_is_left_to_that(stage: Stage) -> None:
    watcher = stage.start(end(stage), "oops")
    stage.write("oops 1")
    stage.wait(1)
    behind = end(stage)
    stage.write("oops 2", "oops 3")
    stage.wait(1)
    finished = watcher.finish(hand_over=True)
    stage.wait(0.5)
    assert len(stage.sent) == 1 and finished.called
    found = stage.progress("oops")
    assert found is not None and found.position == behind.position and found.due is not None


def test_the_end_waits_for_what_is_under_way_and_then_gives_up(stage: Stage) -> None:
    watcher = stage.start(end(stage), "oops")
    stage.hold = True
    stage.write("oops 1")
    stage.wait(1)
    finished = watcher.finish(hand_over=False)
    stage.wait(LAST - 0.2)
    assert not finished.called
    stage.wait(0.5)
    assert finished.called
    assert [one.why for one in stage.reports if one.kind == "failed"] == [
        "it was given up, because the service ends"
    ]


def test_an_alert_that_is_further_than_another_counts_nothing_twice(stage: Stage) -> None:
    stage.write("oops 1")
    further = end(stage)
    stage.write("oops 2")
    stage.add("late", "oops", further)
    stage.start(BEGIN, "oops")
    stage.wait(1)
    assert [one[1:] for one in stage.sent] == [(1, [b"oops 2"]), (2, [b"oops 1", b"oops 2"])]


def test_what_is_gone_before_an_alert_begins_is_no_gap_of_it(stage: Stage) -> None:
    """Another alert, further behind, missed lines; this one did not want them."""
    text = line("seven")
    for position, gap in ((Position(2, 0), False), (Position(1, 5), True)):
        stage.add("a", "seven", Progress(position))
        watch = stage.watches["a"]
        watch.look(News(Position(2, 0), text, gap=True), 0)
        assert watch._tally.counted.count == 1 and watch._tally.counted.gap is gap
