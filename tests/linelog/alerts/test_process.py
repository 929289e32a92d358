"""The daemon's side: when a process is started, with what, and when again."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.error import ProcessDone, ProcessTerminated
from twisted.internet.task import Clock
from twisted.python.failure import Failure

from logsrv.errors import ConfigurationError
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.alerts.process import END, PAUSES, Alerts, check
from logsrv.linelog.alerts.reports import Orders, Progress, Report, read_orders, report_line
from logsrv.linelog.alerts.settings import AlertSettings
from logsrv.linelog.metrics import METRICS
from logsrv.linelog.store.segment import Position
from tests.kit.net.network import logged


class Process:
    """A process that does nothing; `said` is what the daemon wrote to it."""

    pid = 4711

    def __init__(self, protocol: Any) -> None:
        self.protocol = protocol
        self.said: list[bytes] = []
        self.killed = False
        protocol.makeConnection(self)

    def write(self, data: bytes) -> None:
        self.said += data.splitlines()

    def signalProcess(self, name: str) -> None:
        self.killed = True
        self.die()

    @property
    def orders(self) -> Orders:
        return read_orders(self.said[0])

    def report(self, report: Report, pieces: int = 1) -> None:
        line = report_line(report) + b"\n"
        for byte in [line] if pieces == 1 else [bytes([one]) for one in line]:
            self.protocol.outReceived(byte)

    def die(self, words: bytes = b"") -> None:
        self.protocol.errReceived(words)
        error = ProcessTerminated(1) if words else ProcessDone(0)
        self.protocol.processEnded(Failure(error))


class Reactor(Clock):
    """A clock that starts processes of that kind."""

    def __init__(self) -> None:
        super().__init__()
        self.processes: list[Process] = []
        self.full = False

    def callWhenRunning(self, function: Callable[..., object], *args: object) -> None:
        function(*args)

    def spawnProcess(self, protocol: Any, *_: object, **__: object) -> Process:
        if self.full:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        self.processes.append(Process(protocol))
        return self.processes[-1]

    @property
    def last(self) -> Process:
        return self.processes[-1]


class Stage:
    """Alerts with that reactor, at an end of the store that the test sets."""

    def __init__(self) -> None:
        self.reactor = Reactor()
        self.metrics = Metrics(METRICS)
        self.end = Position(1, 100)
        self.place = "/store"
        self.alerts = Alerts(
            place=lambda: self.place,
            position=lambda: self.end,
            reactor=self.reactor,
            metrics=self.metrics,
        )


@pytest.fixture
def stage() -> Stage:
    return Stage()


def alert(query: str, name: str | None = None, every: float = 300) -> AlertSettings:
    return AlertSettings(alert=query, name=name, alert_command=("x",), alert_every=every)


def test_without_alerts_there_is_no_process(stage: Stage) -> None:
    stage.alerts.change(())
    assert stage.reactor.processes == [] and stage.alerts.stop().called


def test_it_is_told_the_store_the_alerts_and_the_end_of_the_store(stage: Stage) -> None:
    stage.alerts.change((alert("a"), alert("b", "web")))
    begin = Progress(Position(1, 100))
    assert stage.reactor.last.orders == Orders(
        "/store", {"1": alert("a"), "web": alert("b", "web")}, {"1": begin, "web": begin}
    )


def test_a_process_that_is_started_again_looks_where_the_store_is_then(stage: Stage) -> None:
    stage.alerts.change((alert("a"),))
    stage.place = "/moved"
    stage.reactor.last.die()
    stage.reactor.advance(PAUSES[0])
    assert stage.reactor.last.orders.directory == "/moved"


def test_a_process_that_dies_is_replaced_later_and_later_and_goes_on_where_it_was(
    stage: Stage,
) -> None:
    stage.alerts.change((alert("a"),))
    come = Progress(Position(2, 5), 77.0)
    stage.reactor.last.report(Report("come", "1", progress=come), pieces=2)
    with logged() as messages:
        for pause in (*PAUSES, PAUSES[-1]):
            stage.reactor.last.die(b"Traceback\nKeyError: 'x'\n")
            number = len(stage.reactor.processes)
            stage.reactor.advance(pause - 0.1)
            assert len(stage.reactor.processes) == number
            stage.reactor.advance(0.2)
            assert len(stage.reactor.processes) == number + 1
            assert stage.reactor.last.orders.progress == {"1": come}
    assert any("started again in 1 s" in one and "KeyError: 'x'" in one for one in messages)


@pytest.mark.parametrize("leaving", [False, True])
def test_a_process_that_cannot_be_started_is_tried_again(stage: Stage, leaving: bool) -> None:
    if leaving:
        stage.alerts.change((alert("b"),))
        stage.alerts.change((alert("a"),))
    stage.reactor.full = True
    with logged() as messages:
        if leaving:
            stage.reactor.last.die()
        else:
            stage.alerts.change((alert("a"),))
        stage.reactor.advance(PAUSES[0])
    assert sum("Resource temporarily unavailable" in one for one in messages) == 2
    stage.reactor.full = False
    stage.reactor.advance(PAUSES[1])
    assert stage.reactor.last.orders.alerts == {"1": alert("a")}


def test_a_change_replaces_it_when_it_has_ended_and_keeps_how_far_each_has_come(
    stage: Stage,
) -> None:
    stage.alerts.change((alert("a"), alert("b")))
    first = stage.reactor.last
    stage.end = Position(3, 0)
    stage.alerts.change((alert("new"), alert("b", every=5)))
    assert first.said[1:] == [b"leave"] and stage.reactor.last is first
    # What it says while it leaves counts, by the numbers that it knows.
    first.report(Report("come", "1", progress=Progress(Position(2, 1))))
    first.report(Report("come", "2", progress=Progress(Position(2, 2), 9.0)))
    first.die()
    assert stage.reactor.last.orders.progress == {
        "1": Progress(Position(3, 0)),
        "2": Progress(Position(2, 2), 9.0),
    }


def test_how_far_an_alert_had_come_before_a_change_counts_if_it_says_no_more(
    stage: Stage,
) -> None:
    stage.alerts.change((alert("a"),))
    come = Progress(Position(2, 1), 9.0)
    stage.reactor.last.report(Report("come", "1", progress=come))
    stage.alerts.change((alert("new"), alert("a")))
    stage.reactor.last.die()
    begin = Progress(Position(1, 100))
    assert stage.reactor.last.orders.progress == {"1": begin, "2": come}


def test_the_same_alerts_again_change_nothing(stage: Stage) -> None:
    stage.alerts.change((alert("a"),))
    stage.alerts.change((alert("a"),))
    assert stage.reactor.last.said[1:] == []


def test_a_change_to_none_ends_it_and_to_one_begins_again(stage: Stage) -> None:
    stage.alerts.change((alert("a"),))
    stage.alerts.change(())
    stage.reactor.last.die()
    assert len(stage.reactor.processes) == 1
    stage.alerts.change((alert("a"),))
    assert len(stage.reactor.processes) == 2


def test_a_change_while_it_waits_starts_it_at_once(stage: Stage) -> None:
    stage.alerts.change((alert("a"),))
    stage.reactor.last.die(b"x")
    stage.alerts.change((alert("b"),))
    stage.reactor.advance(100)
    assert len(stage.reactor.processes) == 2


def test_two_changes_while_it_leaves(stage: Stage) -> None:
    stage.alerts.change((alert("a"),))
    stage.alerts.change((alert("b"),))
    stage.alerts.change((alert("c"),))
    assert stage.reactor.last.said[1:] == [b"leave"]
    stage.reactor.last.die()
    assert [one.alert for one in stage.reactor.last.orders.alerts.values()] == ["c"]


@pytest.mark.parametrize("leaving", [False, True])
def test_a_stop_waits_for_its_end(stage: Stage, leaving: bool) -> None:
    stage.alerts.change((alert("a"),))
    if leaving:
        stage.alerts.change((alert("b"),))
    stopped = stage.alerts.stop()
    assert stage.reactor.last.said[-1] == b"stop" and not stopped.called
    stage.reactor.last.die()
    assert stopped.called and stage.alerts.stop().called
    assert not stage.reactor.getDelayedCalls() and len(stage.reactor.processes) == 1


def test_one_that_does_not_end_is_killed(stage: Stage) -> None:
    stage.alerts.change((alert("a"),))
    stopped = stage.alerts.stop()
    stage.alerts.stop()
    stage.reactor.advance(END)
    assert stage.reactor.last.killed and stopped.called


def test_a_stop_while_it_waits(stage: Stage) -> None:
    stage.alerts.change((alert("a"),))
    stage.reactor.last.die(b"x")
    assert stage.alerts.stop().called
    stage.reactor.advance(100)
    assert len(stage.reactor.processes) == 1


def test_what_it_reports_is_counted_and_failures_are_logged_once_a_minute(stage: Stage) -> None:
    stage.alerts.change((alert("a"), alert("b", "web")))
    with logged() as messages:
        stage.reactor.last.report(Report("sent", "1", "command"))
        for _ in range(3):
            stage.reactor.last.report(Report("failed", "web", "webhook", "no route"))
        stage.reactor.last.report(Report("gap"))
        stage.reactor.last.report(Report("damage", why="it is damaged"))
    assert stage.metrics.value("alerts_sent_total", alert="1", way="command") == 1
    assert stage.metrics.value("alerts_failed_total", alert="web", way="webhook") == 3
    assert messages == [
        "alert web was not delivered: no route",
        "alerts: lines were removed from the store before they could be looked at",
        "alerts: it is damaged",
    ]


def test_a_command_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="no program nope"):
        check((AlertSettings(alert="a", alert_command=("nope",)),))
    check((AlertSettings(alert="a", alert_command=(sys.executable,)),))
    check((AlertSettings(alert="a", alert_webhook="http://x/"),))
