"""What the log and the counters tell of a target."""

import pytest
from twisted.logger import capturedLogs, formatEvent

from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.ship.reports import (
    AttemptFailed,
    GapFound,
    LagMeasured,
    LinesRefused,
    PlaceSaved,
    RemovedInAll,
    ShipperStopped,
    ShipReport,
    StoreForgotten,
    TargetDown,
    TargetUp,
    TextAcknowledged,
    TextResent,
    Trouble,
    report_sentence,
)
from logsrv.linelog.ship.ship_part import ShipPart
from logsrv.linelog.ship.target_monitor import TargetMonitor
from logsrv.linelog.store.segment import Position


class Stage:
    """A target, its metrics, and a clock."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.metrics = Metrics(ShipPart.metrics)
        self.monitor = TargetMonitor("centre", self.metrics, lambda: self.now)
        self.monitor.register_metrics()

    def value(self, name: str) -> float:
        return self.metrics.value(name, target="centre")

    def shown(self) -> set[str]:
        return {metric.name for metric, _, _ in self.metrics.read()}

    def take(self, *reports: ShipReport) -> list[tuple[str, str]]:
        """Give it reports; return what the log says: its level, and the text behind the name."""
        with capturedLogs() as events:
            for report in reports:
                self.monitor.handle_report(report)
        said = [(event["log_level"].name, formatEvent(event)) for event in events]
        assert all(text.startswith("ship centre: ") for _, text in said)
        return [(level, text.removeprefix("ship centre: ")) for level, text in said]


@pytest.fixture
def stage() -> Stage:
    return Stage()


def test_the_log_has_the_promise_at_the_start(stage):
    assert stage.value("ship_up") == 0
    assert stage.take(TargetUp("exactly once")) == [("info", "exactly once")]
    assert stage.value("ship_up") == 1


def test_the_log_has_a_line_when_it_goes_and_one_when_it_comes_back(stage):
    stage.take(TargetUp("exactly once"))
    down = TargetDown("refused")
    [(level, said)] = stage.take(
        down, AttemptFailed("refused", reason="unavailable", seconds=0.0), down
    )
    assert (level, said) == ("warn", "it takes nothing, and lines wait in the store: refused")
    assert stage.value("ship_up") == 0
    stage.now += 90
    [(level, said)] = stage.take(
        LagMeasured(Position(1, 0), bytes=1000, lines=17, seconds=90), TargetUp("exactly once")
    )
    assert level == "info"
    assert said == "it takes lines again, after 90 s; 17 lines wait for it, and none is lost"


def test_a_target_that_comes_and_goes_is_told_of_once_a_minute(stage):
    stage.take(TargetUp("exactly once"))
    down, up = TargetDown("refused"), TargetUp("exactly once")
    assert len(stage.take(*(down, up) * 50)) == 2
    # It stays away: that is said as soon as it may be said again.
    retry = AttemptFailed("refused again", reason="unavailable", seconds=0.0)
    assert stage.take(down, retry) == []
    stage.now += 61
    [(_, said)] = stage.take(retry, retry)
    assert said == "it takes nothing, and lines wait in the store: refused again"
    [(_, said)] = stage.take(up, down, retry)
    assert said.startswith("it takes lines again, after 61 s")


def test_a_target_that_promises_something_else_each_time_is_told_of_once_a_minute(stage):
    ups = [TargetUp(f"kept by version {number}") for number in range(50)]
    assert len(stage.take(*ups)) == 2
    stage.now += 61
    assert len(stage.take(ups[0])) == 1


@pytest.mark.parametrize(
    "report",
    [
        TextResent("it has nothing", Position(1, 0), bytes=7),
        StoreForgotten("it has nothing", Position(1, 0)),
    ],
)
def test_a_target_that_forgets_for_ever_is_told_of_once_a_minute(stage, report):
    assert len(stage.take(*[report] * 100)) == 1
    stage.now += 61
    [(level, said)] = stage.take(report)
    assert level == "error" and said.endswith(" (100 times)")
    assert stage.value("ship_resent_after_loss_total") == 101


def test_the_log_says_how_many_lines_a_returning_target_missed(stage):
    stage.take(TargetDown("refused"))
    [gap] = stage.take(GapFound(bytes=4096, lines=17))
    assert gap == (
        "error",
        "4096 bytes in 17 lines were removed from the store before they were sent",
    )
    [(_, said), promised] = stage.take(TargetUp("exactly once"))
    # Of a target that was down from the beginning nobody knew it before.
    assert promised == ("info", "exactly once")
    assert said.endswith("17 were removed before they were sent")


def test_what_is_gone_is_counted_while_the_target_is_away(stage):
    """In all, so that a process that begins anew counts nothing twice; and it grows only."""
    stage.take(TargetDown("refused"))
    for size, lines in ((600, 10), (900, 15), (900, 15), (840, 14)):
        stage.take(RemovedInAll(bytes=size, lines=lines, missed=lines))
    assert stage.value("ship_gap_bytes_total") == 900
    assert stage.value("ship_gap_lines_total") == 15
    [(_, said), _] = stage.take(TargetUp("exactly once"))
    assert said.endswith("0 lines wait for it, and 14 were removed before they were sent")


def test_the_place_that_counts_for_retention_is_the_one_that_is_kept(stage):
    stage.take(TextAcknowledged(Position(5, 0), bytes=0, lines=0, seconds=0.0))
    assert stage.monitor.position is None
    stage.take(PlaceSaved(Position(4, 7)))
    stage.take(TextAcknowledged(Position(6, 0), bytes=0, lines=0, seconds=0.0))
    assert stage.monitor.position == Position(4, 7)
    stage.take(TextResent("x", Position(2, 0), bytes=0))
    assert stage.monitor.position == Position(2, 0)


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (GapFound(bytes=None, lines=0), "an unknown number of bytes of lines were removed"),
        (
            GapFound(bytes=None, lines=3),
            "an unknown number of bytes of lines were removed",
        ),
        (TextResent("it had all", Position(1, 0), bytes=7), "it had all; 7 bytes are sent again"),
        (StoreForgotten("the target has nothing", Position(1, 0)), "the target has nothing"),
        (ShipperStopped("another store"), "another store"),
    ],
)
def test_losses_and_stops_are_logged_as_errors(stage, report, said):
    [(level, text)] = stage.take(report)
    assert level == "error" and text.startswith(said)
    assert text == report_sentence(report)


def test_losses_of_the_target_are_counted(stage):
    stage.take(TextResent("x", Position(1, 0), bytes=None), StoreForgotten("x", Position(1, 0)))
    assert stage.value("ship_resent_after_loss_total") == 2


def test_what_is_acknowledged_is_counted_and_not_said(stage):
    assert not stage.take(TextAcknowledged(Position(3, 9), bytes=100, lines=2, seconds=0.2))
    assert (stage.value("ship_sent_bytes_total"), stage.value("ship_sent_lines_total")) == (100, 2)
    [(_, labels, counted)] = stage.metrics.distributions()
    assert dict(labels) == {"target": "centre", "rule": ""} and sum(counted.counts) == 1


def test_retries_are_counted_by_their_reason(stage):
    assert not stage.take(AttemptFailed("x", reason="too-large", seconds=0.0))
    assert stage.metrics.value("ship_retries_total", target="centre", reason="too-large") == 1


def test_refused_lines_are_counted_and_said_once_in_a_while(stage):
    said = stage.take(*[LinesRefused("no field x", bytes=9, lines=3)] * 50)
    assert said == [("warn", "no field x")]
    assert stage.value("ship_refused_lines_total") == 150
    stage.now += 61
    [(_, later)] = stage.take(LinesRefused("no field x", bytes=9, lines=3))
    assert later == "no field x (50 times)"


def test_a_report_of_trouble_is_logged(stage):
    assert stage.take(Trouble("odd")) == [("warn", "odd")]


def test_the_lag_is_what_was_measured_last(stage):
    stage.take(LagMeasured(Position(1, 2), bytes=10, lines=3, seconds=1.5))
    found = [stage.value(f"ship_lag_{what}") for what in ("bytes", "lines", "seconds")]
    assert found == [10, 3, 1.5]


def test_a_target_that_was_taken_out_is_shown_no_longer_but_for_what_was_counted(stage):
    """An alert on ship_up would go on otherwise."""
    stage.take(TargetUp("x"), TextAcknowledged(Position(9, 9), bytes=5, lines=1, seconds=0.0))
    stage.monitor.remove_metrics()
    assert not {"ship_up", "ship_lag_bytes"} & stage.shown()
    stage.monitor.register_metrics()
    stage.monitor.register_metrics()
    assert stage.value("ship_up") == 0 and stage.value("ship_sent_bytes_total") == 5
    stage.monitor.remove_metrics()


def test_a_target_whose_process_has_ended_is_not_up(stage):
    stage.take(TargetUp("x"))
    stage.monitor.record_process_end()
    assert stage.value("ship_up") == 0
    assert stage.take(TargetUp("x")) == [("info", "x")]
