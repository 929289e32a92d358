"""Alerts with a condition at work on a real store, with a clock of the test's."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, fail, succeed

from logsrv.linelog.alerts.alert_child import Watcher
from logsrv.linelog.alerts.alert_places import AlertProgress
from logsrv.linelog.alerts.alert_protocol import AlertReport, AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.condition_watch import UNWATCHED, ConditionWatch
from logsrv.linelog.alerts.episodes import GATHER, EpisodeMessage
from logsrv.linelog.alerts.message import TemporaryFailure, UndeliveredMessage, first_value
from logsrv.linelog.alerts.states.silences import Silence, save_silences
from logsrv.linelog.alerts.watch import RETRY
from logsrv.linelog.alerts.ways.delivery import AlertMessage
from logsrv.linelog.store.place import PlaceFolder
from logsrv.linelog.store.segment import Position
from tests.parts.watchers import WatcherStage

Told = tuple[str, str]
OOPS = "oops | count > 0 in 1m by app"


class Stage(WatcherStage):
    """A store, a watcher and the messages that it sends; `failures` are what becomes of the next ones.

    hold: whether messages stay under way.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, self.told_of)
        self.sent: list[list[Told]] = []
        self.values: list[float | None] = []
        self.removed: list[bool] = []
        self.failures: list[Exception] = []
        self.hold = False

    def told_of(self, way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        assert isinstance(sent, EpisodeMessage)
        if self.failures:
            return fail(self.failures.pop(0))
        states = ["firing" if one.ended is None else "resolved" for one in sent.episodes]
        keys = [",".join(map(str, one.key)) for one in sent.episodes]
        self.sent.append(list(zip(states, keys, strict=True)))
        self.values += [first_value(one) for one in sent.episodes]
        self.removed.append(sent.is_removed)
        return Deferred() if self.hold else succeed(None)

    def task(self, text: str, **options: Any) -> AlertTask:
        alert = AlertSettings(alert=text, name="web", alert_command=("x",), **options)
        return AlertTask("web", "command", alert, self.end)

    def start(self, text: str, **options: Any) -> Watcher:
        """Start a process that watches for this, from the end of the store or its place on."""
        return self.start_tasks({"1": self.task(text, **options)})

    def silence(self, seconds: float) -> None:
        folder = PlaceFolder(str(self.directory), "alerts")
        save_silences(str(self.directory), folder, [Silence("web", self.time_of_day() + seconds)])

    @property
    def firing(self) -> list[int]:
        return [one.number for one in self.reports if one.kind == "firing"]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path)
    yield stage
    stage.kill()


def test_an_alert_fires_repeats_and_is_resolved(stage):
    stage.start("oops | count > 2 in 1m", alert_every=40)
    stage.advance(5, "oops", "oops", "fine")
    assert stage.sent == []
    stage.advance(1, "oops")
    assert stage.sent == [[("firing", "")]] and stage.firing == [0, 1]
    # The window has three lines up to 1:00, then nothing is due; a window later the episode is over.
    stage.advance(119)
    assert stage.sent[1:] == [[("firing", "")], [("resolved", "")]]
    assert stage.firing == [0, 1, 0]
    stage.advance(300)
    assert len(stage.sent) == 3
    assert [one.number for one in stage.reports if one.kind == "lines"] == [2, 1]


def test_a_renamed_alert_that_fires_is_reported_by_its_new_name(stage):
    watcher = stage.start(OOPS)
    stage.advance(1, "app=a msg=oops", "app=b msg=oops")
    task = stage.task(OOPS)
    renamed = attrs.evolve(task, label="shop", alert=attrs.evolve(task.alert, name="shop"))
    watcher.replace_tasks({"1": renamed})
    stage.advance(1)
    watcher.replace_tasks(
        {"1": attrs.evolve(renamed, alert=attrs.evolve(renamed.alert, alert_every=9))}
    )
    stage.advance(1)
    firing = [(one.label, one.number) for one in stage.reports if one.kind == "firing"]
    assert firing == [("web", 0), ("web", 2), ("shop", 2)]


def test_a_false_condition_has_no_repetition_until_it_is_true_again_also_over_kills(stage):
    stage.start(OOPS, alert_every=40)
    stage.advance(58, "app=a msg=oops", "app=b msg=oops")
    assert stage.sent == [[("firing", "a"), ("firing", "b")]] * 2
    stage.write("app=a msg=fine")
    stage.kill(37)
    stage.start(OOPS, alert_every=40)
    stage.advance(10)
    assert len(stage.sent) == 2
    stage.advance(1, "app=b msg=oops")
    assert stage.sent[2:] == [[("firing", "b")]]


def test_groups_of_the_same_moment_are_one_message_and_later_ones_wait(stage):
    stage.start("| count >= 2 in 1m by app", alert_resolved=False)
    for name in "abab":
        stage.write(f"app={name} n=1")
    stage.advance(1)
    assert stage.sent == [[("firing", "a"), ("firing", "b")]]
    stage.advance(1, *["app=c n=1"] * 2)
    stage.advance(1, *["app=d n=1"] * 2)
    assert len(stage.sent) == 1
    stage.advance(GATHER)
    assert stage.sent[1:] == [[("firing", "c"), ("firing", "d")]]
    stage.advance(250)
    assert len(stage.sent) == 2


def test_an_episode_that_a_receiver_may_know_ends_for_it_over_a_kill_and_silences(stage):
    """It begins and ends in silences; between them a kill came while its message was under way."""
    stage.start(OOPS)
    stage.silence(10)
    stage.advance(2)
    stage.advance(4, "app=b msg=oops")
    assert stage.sent == []
    stage.hold = True
    stage.advance(6)
    assert stage.sent == [[("firing", "b")]]
    stage.kill(1)
    stage.hold = False
    stage.silence(300)
    stage.start(OOPS)
    stage.advance(320)
    assert ("resolved", "b") in stage.sent[-1]


def test_a_shorter_interval_begins_at_the_reload(stage):
    watcher = stage.start(OOPS, alert_every=100_000)
    stage.advance(5, "app=a msg=oops")
    assert len(stage.sent) == 1
    watcher.replace_tasks({"1": stage.task(OOPS, alert_every=30)})
    stage.advance(25)
    assert len(stage.sent) == 1
    stage.advance(10, "app=a msg=oops")
    assert stage.sent[1:] == [[("firing", "a")]]


def test_a_host_that_falls_silent_is_noticed_and_its_return_too(stage):
    stage.start("| none in 1m by hostname")
    for _ in range(12):
        stage.advance(10, "hostname=web1 n=1", "hostname=web2 n=1")
    for _ in range(8):
        stage.advance(10, "hostname=web2 n=1")
    assert stage.sent == [[("firing", "web1")]]
    for _ in range(8):
        stage.advance(10, "hostname=web1 n=1", "hostname=web2 n=1")
    assert stage.sent == [[("firing", "web1")], [("resolved", "web1")]]


def test_state_and_window_survive_a_kill(stage):
    text = "| count > 2 in 1m by app"
    stage.start(text, alert_every=10_000)
    stage.advance(1, "app=a n=1", "app=a n=1", "app=a n=1", "app=b n=1")
    assert stage.sent == [[("firing", "a")]]
    stage.kill(20)
    stage.start(text, alert_every=10_000)
    stage.advance(2, "app=b n=1", "app=b n=1")
    # Of b, two lines are new, and one is counted again; a is known to fire.
    assert stage.sent[1:] == [[("firing", "b")]]
    stage.kill(300)
    stage.start(text)
    stage.advance(2)
    assert stage.sent[2:] == [[("resolved", "a"), ("resolved", "b")]]
    stage.kill()
    stage.start(text)
    stage.advance(100)
    assert len(stage.sent) == 3


@pytest.mark.parametrize("behind", [25, 3600])
@pytest.mark.parametrize("killed", [False, True])
def test_a_clock_that_is_set_back_loses_no_lines(stage, behind, killed):
    """Not even those that come before anybody has looked at the new time."""
    text = "oops | count > 2 in 10s"
    stage.start(text)
    stage.advance(100, "fine")
    stage.ahead = -behind
    if killed:
        stage.kill()
        stage.start(text)
    stage.advance(1, "oops", "oops", "oops")
    assert stage.sent == [[("firing", "")]]
    stage.advance(30)
    assert stage.sent[1:] == [[("resolved", "")]]


SETTINGS = [0.4, 3, 300, 3600, 86_400, -0.4, -3, -15, -300, -3600, -86_400]


def keep_coming(stage: Stage, seconds: int, *messages: str) -> None:
    """Let these come every second."""
    for _ in range(seconds):
        stage.advance(1, *messages)


@pytest.mark.slow
@pytest.mark.parametrize("by", SETTINGS)
@pytest.mark.parametrize(
    "text", ["| none in 20s by app", "| none in 20s", "| count < 2 in 20s by app"]
)
def test_nobody_is_absent_because_the_clock_was_set(stage, text, by):
    stage.start(text)
    keep_coming(stage, 30, "app=a n=1", "app=b n=1")
    # What is read with the next lines still has a TIME by the old clock.
    stage.write("app=a n=1", "app=b n=1")
    stage.ahead += by
    keep_coming(stage, 50, "app=a n=1", "app=b n=1")
    assert stage.sent == []
    # Since then `b` is silent: by the clock that was set back, it would be for an hour.
    keep_coming(stage, 19, "app=a n=1")
    assert stage.sent == []
    if " by " in text:
        keep_coming(stage, 5, "app=a n=1")
        assert stage.sent == [[("firing", "b")]]
    else:
        stage.advance(25)
        assert stage.sent == [[("firing", "")]]


@pytest.mark.parametrize("by", SETTINGS)
def test_a_window_is_as_long_as_ever_although_the_clock_was_set(stage, by):
    """Lines before count, an episode ends after as long, and is told again after as long."""
    stage.start("oops | count > 2 in 1m", alert_every=40)
    stage.advance(10, "oops", "oops")
    stage.ahead += by
    stage.advance(5, "oops")
    assert stage.sent == [[("firing", "")]]
    stage.ahead -= 2 * by
    stage.advance(38)
    assert len(stage.sent) == 2
    stage.ahead += by
    stage.advance(58)
    assert len(stage.sent) == 2
    stage.advance(15)
    assert stage.sent[2:] == [[("resolved", "")]]


def test_an_episode_is_told_once_although_each_new_process_is_killed_at_its_start(stage):
    stage.failures = [TemporaryFailure("nobody is there")] * 20
    stage.start(OOPS)
    stage.advance(130, "app=a msg=oops")
    for _ in range(5):
        stage.kill()
        stage.start(OOPS)
    stage.failures.clear()
    stage.advance(60)
    assert stage.sent == [[("firing", "a")], [("resolved", "a")]]


def test_nobody_is_absent_because_the_server_was_off(stage):
    stage.start("| none in 1m by hostname")
    stage.advance(31, "hostname=web1 n=1")
    stage.kill(UNWATCHED + 3600)
    stage.start("| none in 1m by hostname")
    stage.advance(58)
    assert stage.sent == []
    stage.advance(5)
    assert stage.sent == [[("firing", "web1")]]


def test_a_message_that_fails_is_sent_again_with_the_present_state(stage):
    stage.failures = [TemporaryFailure("not now")] * 2
    stage.start("oops | count > 0 in 1m by app")
    stage.advance(1, "app=a msg=oops")
    stage.advance(RETRY[0] + RETRY[1], "app=b msg=oops")
    assert stage.sent == [[("firing", "a"), ("firing", "b")]]
    assert [one.kind for one in stage.reports if one.why] == ["later", "later"]


@pytest.mark.parametrize("back_for", [10, 100])
def test_a_begin_that_arrives_late_has_the_figure_of_an_absence(stage, back_for):
    """The host was silent, and came back while the receiver was away."""
    stage.start("| none in 1m")
    stage.failures = [TemporaryFailure("not now")] * 1000
    stage.advance(62)
    for _ in range(back_for):
        stage.advance(1, "n=1")
    assert stage.sent == []
    stage.failures.clear()
    stage.advance(RETRY[-1])
    assert stage.sent[0] == [("firing", "")]
    assert stage.values[0] == 0


def test_a_refused_message_is_given_up(stage):
    stage.failures = [UndeliveredMessage("no such hook")]
    stage.start("oops | count > 0 in 1m")
    stage.advance(10, "oops")
    assert stage.sent == []
    assert AlertReport("failed", "web", "command", "no such hook") in stage.reports
    stage.advance(200)
    assert stage.sent == [[("resolved", "")]]


def test_in_a_silence_an_alert_is_evaluated_and_sent_at_its_end_if_it_fires(stage):
    stage.start("| count > 0 in 1m by app")
    stage.silence(300)
    stage.advance(1)
    stage.advance(240, "app=early n=1")
    stage.advance(55, "app=late n=1")
    assert stage.sent == [] and stage.firing == [0, 1, 0, 1]
    stage.advance(10)
    assert stage.sent == [[("firing", "late")]]


def test_lines_of_a_silence_are_reported_at_its_end_without_a_condition(stage):
    messages: list[int] = []

    def deliver(way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        assert not isinstance(sent, EpisodeMessage)
        messages.append(sent.count)
        return succeed(None)

    stage.deliver = deliver
    stage.silence(60)
    stage.start("oops")
    stage.advance(55, "oops 1", "oops 2")
    assert messages == []
    stage.advance(10)
    assert messages == [2]


SHARE = (
    "| count, count if (oops) as bad, p50 ms in 1m by app"
    " | let share = bad / count | where share >= 0.5 count > 3"
)


def test_figures_of_a_window_are_counted_again_after_a_kill(stage):
    """Of both apps two lines were read before the kill; one fires then, the other one only afterwards."""
    stage.start(SHARE, alert_every=10_000)
    stage.advance(5, "app=a ms=10 n=1", "app=a ms=20 msg=oops", "app=b ms=5 n=1", "app=b ms=7 n=1")
    assert stage.sent == []
    stage.advance(3, "app=a ms=30 msg=oops", "app=a ms=40 n=1")
    assert stage.sent == [[("firing", "a")]]
    stage.kill(2)
    stage.start(SHARE, alert_every=10_000)
    stage.advance(3, "app=b ms=9 msg=oops", "app=b ms=11 msg=oops")
    assert stage.sent[1:] == [] and stage.firing[-1] == 2
    stage.advance(10)
    assert stage.sent[1:] == [[("firing", "b")]] and stage.values == [0.5, 0.5]
    stage.advance(200)
    ends = [one for message in stage.sent[2:] for one in message]
    assert sorted(ends) == [("resolved", "a"), ("resolved", "b")]


def test_stages_before_the_condition(stage):
    stage.start('took | extract "<path> took <ms> ms" | where ms>5 | avg ms > 100 in 1m by path')
    stage.advance(5, "/a took 4 ms", "/a took 90 ms", "/b took 300 ms")
    assert stage.sent == [[("firing", "/b")]]


def test_a_stop_sends_what_fires_and_saves_the_state(stage):
    watcher = stage.start("oops | count > 0 in 1m")
    stage.write("oops")
    finished = watcher.finish()
    stage.advance(1)
    assert finished.called and stage.sent == [[("firing", "")]]
    assert stage.kept.load_state("1")
    assert stage.kept.load_progress("1", 1) != AlertProgress(Position(0, 0))
    stage.kept.remove_place("1")
    assert stage.kept.load_state("1") is None


def test_a_removed_alert_says_that_its_episodes_are_over_once(stage):
    watcher = stage.start(OOPS)
    stage.advance(1, "app=a msg=oops")
    stage.write("app=b msg=oops")
    watcher.replace_tasks({"1": attrs.evolve(stage.task(OOPS), until=stage.end)})
    stage.advance(1, "app=c msg=oops")
    assert stage.sent[1:] == [[("resolved", "a"), ("firing", "b")], [("resolved", "b")]]
    assert stage.removed == [False, True, True] and stage.reports[-1].kind == "done"
    stage.advance(300)
    assert len(stage.sent) == 3 and stage.kept.saved_names() == []


def test_the_end_of_a_removed_alert_waits_for_its_receiver_over_kills(stage):
    watcher = stage.start(OOPS)
    stage.advance(1, "app=a msg=oops")
    stage.failures = [TemporaryFailure("not now")] * 3
    removed = {"1": attrs.evolve(stage.task(OOPS), until=stage.end)}
    watcher.replace_tasks(removed)
    stage.advance(RETRY[0] + 1)
    assert stage.kept.load_firing_task("1") == removed["1"]
    stage.kill(300)
    stage.write("app=a msg=oops", "app=b msg=oops")
    stage.start_tasks(removed)
    stage.advance(RETRY[0] + 1)
    assert stage.sent == [[("firing", "a")], [("resolved", "a")]]
    assert stage.kept.saved_names() == [] and stage.kept.load_firing_task("1") is None


def test_a_newer_alert_speaks_after_the_end_of_the_removed_one(stage):
    watcher = stage.start(OOPS)
    stage.advance(1, "app=a msg=oops")
    stage.failures = [TemporaryFailure("not now")]
    new = stage.task("oops | count > 1 in 1m by app")
    watcher.replace_tasks({"1": attrs.evolve(stage.task(OOPS), until=stage.end), "2": new})
    stage.advance(RETRY[0] - 1, "app=a msg=oops", "app=a msg=oops")
    assert len(stage.sent) == 1
    stage.advance(2)
    assert stage.sent[1:] == [[("resolved", "a")], [("firing", "a")]]


def test_a_removed_alert_is_silent_if_ends_are_not_wanted(stage):
    watcher = stage.start(OOPS, alert_resolved=False)
    stage.advance(1, "app=a msg=oops")
    removed = attrs.evolve(stage.task(OOPS, alert_resolved=False), until=stage.end)
    watcher.replace_tasks({"1": removed})
    stage.advance(1)
    assert stage.sent == [[("firing", "a")]] and stage.reports[-1].kind == "done"


def test_an_absence_is_over_when_its_alert_is_removed(stage):
    watcher = stage.start("| none in 1m")
    stage.advance(70)
    watcher.replace_tasks({"1": attrs.evolve(stage.task("| none in 1m"), until=stage.end)})
    stage.failures = [TemporaryFailure("not now")]
    stage.advance(200)
    assert stage.sent == [[("firing", "")], [("resolved", "")]]


@pytest.mark.slow
def test_an_end_that_no_receiver_takes_is_given_up_after_a_day(stage):
    watcher = stage.start(OOPS)
    stage.advance(1, "app=a msg=oops")
    stage.failures = [TemporaryFailure("not now")] * 1000
    watcher.replace_tasks({"1": attrs.evolve(stage.task(OOPS), until=stage.end)})
    stage.clock.pump([60] * 1500)
    assert stage.reports[-1].kind == "done" and len(stage.failures) > 600
    assert [one.kind for one in stage.reports].count("failed") == 1


def test_only_the_user_of_the_service_may_read_the_settings_of_what_fires(stage):
    stage.start(OOPS)
    stage.advance(1, "app=a msg=oops")
    assert (stage.directory / "alerts" / "1.json").stat().st_mode & 0o777 == 0o600
    stage.advance(300)
    assert not (stage.directory / "alerts" / "1.json").exists()


def test_lines_behind_its_place_count_although_its_process_starts_late(stage):
    """It takes a second to start, or is killed at once: the window is shorter than that."""
    text = "oops | count > 0 in 1s by app"
    stage.kept.save_progress("1", stage.task(text), AlertProgress(stage.end))
    stage.write("app=a msg=oops")
    stage.clock.advance(30)
    stage.start(text)
    stage.advance(1 + GATHER)
    assert stage.sent == [[("firing", "a")], [("resolved", "a")]]


@pytest.mark.parametrize("back", [1, 2, 60, 89, 90, 3600, 86_400, 1e8])
@pytest.mark.parametrize("text", [OOPS, "oops | count < 1 in 1m", "| none in 1m by app"])
def test_nobody_has_watched_the_future_if_the_clock_was_set_back_before_a_start(stage, text, back):
    """Neither the saved state nor the time of the place: windows begin now."""

    def watch(state: Any, since: float | None) -> ConditionWatch:
        return ConditionWatch(
            stage.task(text),
            state,
            deliver=stage.deliver,
            now=stage.clock.seconds,
            report=stage.reports.append,
            time_of_day=stage.time_of_day,
            since=since,
        )

    state = json.loads(json.dumps(watch(None, None).state))
    saved = stage.time_of_day()
    stage.ahead = -back
    for again in (watch(state, saved), watch(None, saved)):
        assert again.state["begin"] <= stage.time_of_day()


def test_the_number_of_silences_is_reported_when_it_changes(stage):
    stage.start("oops | count > 0 in 1m")
    stage.advance(3)
    stage.silence(10)
    stage.advance(3)
    stage.silence(20)
    stage.advance(40)
    assert [one.number for one in stage.reports if one.kind == "silences"] == [0, 1, 0]
    assert {one.label for one in stage.reports if one.kind == "silences"} == {"web"}


def test_silences_that_can_no_longer_be_read_are_reported_once(stage):
    """Messages go out again, and somebody has to know why."""
    stage.start("oops | count > 0 in 1m")
    stage.silence(100)
    stage.advance(3)
    (stage.directory / "alerts/silences.json").write_text("{")
    stage.advance(5, "oops")
    assert stage.sent == [[("firing", "")]]
    [why] = [one.why for one in stage.reports if one.kind == "trouble"]
    assert why.startswith("no alert is silenced: ") and "silences.json is damaged" in why


def test_silences_that_can_be_read_and_then_not_again_are_reported_once_more(stage):
    stage.start("oops | count > 0 in 1m")
    for _ in range(2):
        (stage.directory / "alerts").mkdir(exist_ok=True)
        (stage.directory / "alerts/silences.json").write_text("{")
        stage.advance(5)
        (stage.directory / "alerts/silences.json").unlink()
        stage.advance(5)
    assert len([one for one in stage.reports if one.kind == "trouble"]) == 2


def test_an_alert_that_is_removed_and_made_again_at_once_still_has_its_silences(stage):
    """The daemon has forgotten their number when it was removed."""
    watcher = stage.start("oops | count > 0 in 1m")
    stage.silence(100)
    stage.advance(3)
    watcher.replace_tasks({"2": stage.task("fine | count > 0 in 1m")})
    stage.advance(3)
    assert [one.number for one in stage.reports if one.kind == "silences"][-2:] == [1, 1]


def test_lines_that_come_while_other_alerts_are_saved_are_no_absence(stage):
    """A disk that takes long to save the states of many alerts: the lines of meanwhile are not read yet."""
    save, slow_saves = stage.kept.save_progress, iter(range(15))

    def save_slowly(*words: Any, **more: Any) -> None:
        save(*words, **more)
        if stage.clock.seconds() > 20 and next(slow_saves, None) is not None:
            stage.clock.rightNow += 3
            stage.write("beat")

    stage.kept.save_progress = save_slowly
    absent = stage.task("beat | none in 10s")
    others = {str(number): stage.task(f"oops{number} | count > 0 in 1m") for number in range(20)}
    stage.start_tasks({**others, "last": absent})
    for _ in range(60):
        stage.advance(1, "beat")
    assert stage.sent == []
    stage.kept.save_progress = save
    stage.advance(20)
    assert stage.sent == [[("firing", "")]]
