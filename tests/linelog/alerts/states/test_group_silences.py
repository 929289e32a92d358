"""Silenced groups of a running alert: what is sent, what messages say, and the end of a silence."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from logsrv.linelog.alerts.alert_protocol import AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episodes import EpisodeMessage
from logsrv.linelog.alerts.message import message_of_episodes
from logsrv.linelog.alerts.states.silences import Group, Silence, save_silences
from logsrv.linelog.alerts.ways.delivery import AlertMessage
from logsrv.linelog.alerts.ways.webhook import alertmanager_body, chat_body
from logsrv.linelog.store.place import PlaceFolder
from tests.parts.watchers import WatcherStage

OOPS = "oops | count > 0 in 1m by app"


class Stage(WatcherStage):
    """A watcher of an alert by groups; `sent` has its messages."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, self.take)
        self.sent: list[EpisodeMessage] = []
        self.alert = AlertSettings(alert=OOPS, name="web", alert_command=("x",), alert_every=3600)

    def take(self, way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        assert isinstance(sent, EpisodeMessage)
        self.sent.append(sent)
        return succeed(None)

    def start(self) -> None:
        self.start_tasks({"1": AlertTask("web", "command", self.alert, self.end)})

    def silence(self, seconds: float, *groups: Group | None) -> None:
        until = self.time_of_day() + seconds
        found = [Silence("web", until, group=group) for group in groups]
        folder = PlaceFolder(str(self.directory), "alerts")
        save_silences(str(self.directory), folder, found)
        # The process looks once a second.
        self.advance(1.25)

    @property
    def told(self) -> list[list[str]]:
        """The groups of each message; `-` before one that is resolved."""
        return [
            [f"{'' if one.ended is None else '-'}{one.key[0]}" for one in message.episodes]
            for message in self.sent
        ]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.kill()


def test_a_silenced_group_sends_nothing_and_the_message_of_others_says_so(stage):
    stage.start()
    stage.silence(600, {"app": "a"}, {"app": "b"})
    stage.advance(20, *[f"app={app} msg=oops" for app in "abcde"])
    assert stage.told == [["c", "d", "e"]]
    silenced = stage.sent[0].silenced
    assert silenced is not None and (silenced.count, silenced.firing) == (2, 5)
    message = message_of_episodes(stage.alert, stage.sent[0], "here")
    said = "2 of 5 firing groups are silenced until 20"
    assert said in message.text()
    assert json.loads(message.json)["silenced"]["groups"] == 2
    assert json.loads(message.json)["silenced"]["of"] == 5
    assert said in json.loads(chat_body(message))["text"]
    labels: list[dict[str, Any]] = json.loads(alertmanager_body(message, stage.sent[0]))
    assert len(labels) == 3 and all(said in one["annotations"]["silenced"] for one in labels)


def test_without_silences_no_message_tells_of_them(stage):
    stage.start()
    stage.advance(5, "app=a msg=oops")
    message = message_of_episodes(stage.alert, stage.sent[0], "here")
    assert "silenced" not in message.text() + message.json.decode()


def test_the_end_of_a_silence_reports_the_groups_that_still_fire(stage):
    stage.start()
    stage.silence(200, {"app": "early"}, {"app": "late"}, {"app": "none"})
    stage.advance(130, "app=early msg=oops")
    stage.advance(60, "app=late msg=oops")
    assert stage.told == []
    stage.advance(30)
    assert stage.told == [["late"]]
    stage.advance(120)
    assert stage.told == [["late"], ["-late"]]


def test_what_was_told_before_a_silence_is_resolved_at_its_end(stage):
    stage.start()
    stage.advance(5, "app=a msg=oops")
    stage.silence(300, {"app": "a"})
    stage.advance(290)
    assert stage.told == [["a"]]
    stage.advance(20)
    assert stage.told == [["a"], ["-a"]]


def test_a_silenced_group_is_not_told_again_and_others_are(stage):
    stage.alert = AlertSettings(alert=OOPS, name="web", alert_command=("x",), alert_every=20)
    stage.start()
    stage.advance(1, "app=a msg=oops", "app=b msg=oops")
    stage.silence(3600, {"app": "a"})
    stage.advance(30)
    assert stage.told == [["a", "b"], ["b"]]


def test_of_two_silences_of_a_group_the_later_end_counts(stage):
    stage.start()
    folder = PlaceFolder(str(stage.directory), "alerts")
    now = stage.time_of_day()
    both = [Silence("web", now + 20, group={"app": "a"}), Silence("web", now + 90)]
    save_silences(str(stage.directory), folder, both)
    stage.advance(1.25)
    stage.advance(50, "app=a msg=oops", "app=b msg=oops")
    assert stage.told == []
    stage.advance(45)
    assert stage.told == [["a", "b"]]


def test_a_silence_of_a_group_goes_on_over_a_kill_of_the_process(stage):
    stage.start()
    stage.silence(300, {"app": "a"})
    stage.advance(5, "app=a msg=oops", "app=b msg=oops")
    stage.kill(5)
    stage.start()
    stage.advance(20, "app=a msg=oops")
    assert stage.told == [["b"]]
