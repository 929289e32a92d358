"""The state that the alert process reports: what fires, at most once a second, and after a kill."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from logsrv.kit.text.time import rfc3339
from logsrv.linelog.alerts.alert_protocol import AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.states.reported_state import FIGURES, MOST_GROUPS
from logsrv.linelog.alerts.ways.delivery import AlertMessage
from tests.parts.stores import BEGIN
from tests.parts.watchers import WatcherStage

OOPS = "| max ms, count in 1m by app | where count > 0"


class Stage(WatcherStage):
    """A watcher of an alert with two ways, of which the first reports its state."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, self.take)
        self.alert = AlertSettings(
            alert=OOPS, name="web", alert_command=("x",), alert_webhook="http://127.0.0.1/"
        )

    def take(self, way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        return succeed(None)

    def start(self) -> None:
        ways = enumerate(self.alert.ways, 1)
        self.start_tasks({str(n): AlertTask("web", way, self.alert, self.end) for n, way in ways})

    @property
    def states(self) -> list[dict[str, Any]]:
        return [one.state for one in self.reports if one.kind == "state" and one.state is not None]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.kill()


def test_the_state_is_reported_at_the_start_and_with_each_change(stage):
    stage.start()
    assert stage.states == [{"alert": OOPS, "groups": [], "count": 0, "last": None}]
    stage.advance(4, "app=shop ms=7")
    *_, found = stage.states
    [group] = found["groups"]
    assert (group["group"], group["figures"]) == ({"app": "shop"}, "count 1, max ms 7 ms")
    assert rfc3339(BEGIN) <= group["since"] <= rfc3339(BEGIN + 3)
    assert found["last"] == {"group": {"app": "shop"}, "begin": group["since"], "end": None}
    stage.advance(150)
    *_, found = stage.states
    assert (found["groups"], found["count"]) == ([], 0)
    assert found["last"]["end"] > found["last"]["begin"]


def test_a_flood_of_changes_is_a_report_a_second(stage):
    stage.start()
    for number in range(40):
        stage.advance(0.25, f"app=a{number} ms={number}")
    assert len(stage.states) <= 12
    assert stage.states[-1]["count"] > 30
    # Then only figures, now and then.
    stage.advance(2)
    before = len(stage.states)
    stage.advance(2 * FIGURES + 1)
    assert 1 <= len(stage.states) - before <= 3


def test_of_many_groups_the_first_are_shown_and_all_are_counted(stage):
    stage.start()
    stage.advance(5, *[f"app=a{number} ms=1" for number in range(150)])
    *_, found = stage.states
    assert len(found["groups"]) == MOST_GROUPS and found["count"] == 150


def test_after_a_kill_the_next_process_reports_the_same_state(stage):
    stage.start()
    stage.advance(5, "app=shop ms=7", "app=web ms=8")
    before = stage.states[-1]
    stage.kill(2)
    stage.reports.clear()
    stage.start()
    stage.advance(5)
    after = stage.states[-1]
    assert [one["group"] for one in after["groups"]] == [one["group"] for one in before["groups"]]
    assert after["groups"][0] == before["groups"][0] and after["last"] == before["last"]
    # Each way knows when an earlier process has sent its last message.
    sent = [(one.way, one.time) for one in stage.reports if one.kind == "was-sent"]
    assert [way for way, _ in sent] == ["command", "webhook"]
    assert all(BEGIN <= time <= BEGIN + 5 for _, time in sent)


def test_groups_beyond_those_that_are_kept_have_no_values(stage, monkeypatch):
    monkeypatch.setattr("logsrv.linelog.alerts.windows.MOST_GROUPS", 1)
    stage.start()
    stage.advance(5, "app=a ms=1", "app=b ms=1", "app=c ms=1")
    groups = [one["group"] for one in stage.states[-1]["groups"]]
    assert {"app": "a"} in groups and None in groups
