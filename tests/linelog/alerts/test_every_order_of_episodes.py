"""Every order of what can happen to an alert with a condition: each group's episodes are told in order.

The watcher is the real one, on a store in a folder of its own; places, clock and receiver are the test's.
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import pytest
from hypothesis import Phase
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.defer import Deferred

from logsrv.linelog.alerts.alert_places import AlertProgress
from logsrv.linelog.alerts.alert_protocol import AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episodes import EpisodeMessage, find_past_episodes
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.message import TemporaryFailure
from logsrv.linelog.alerts.states.silences import Silence
from logsrv.linelog.alerts.ways.delivery import AlertMessage
from logsrv.linelog.store.place import PlaceFolder
from logsrv.linelog.store.segment import Position
from tests.parts.examples import more
from tests.parts.stores import BEGIN, line, view_of
from tests.parts.watchers import WatcherStage

pytestmark = pytest.mark.slow

TEXT = "oops | count > 0 in 2s by app"
APPS = st.sampled_from("abc")


class Killed(BaseException):
    """The process is killed while a message leaves it."""


class Told(NamedTuple):
    """A step of an episode that a receiver has heard of. ended: None for its begin."""

    begun: float
    ended: float | None


class MemoryPlaces:
    """The places of alerts, in memory; the state goes through JSON as in a file."""

    def __init__(self, clock: Any) -> None:
        self.clock = clock
        self.folder = PlaceFolder("", "unused")
        self.progress: dict[str, AlertProgress] = {}
        self.states: dict[str, str] = {}
        self.silenced: set[str] = set()

    def load_progress(self, name: str, every: float) -> AlertProgress | None:
        return self.progress.get(name)

    def save_progress(self, name: str, task: AlertTask, progress: AlertProgress) -> None:
        self.progress[name] = progress

    def load_time(self, name: str) -> float | None:
        return None

    def load_state(self, name: str) -> Mapping[str, Any] | None:
        return json.loads(self.states[name]) if name in self.states else None

    def save_state(self, name: str, task: AlertTask, state: Mapping[str, Any]) -> None:
        self.states[name] = json.dumps(state)

    def forget_erased_groups(self) -> None:
        """Return None: no erase asks for that here."""

    def silences(self) -> list[Silence]:
        return [Silence(label, math.inf) for label in self.silenced]


class AnyOrder(RuleBasedStateMachine):
    """An alert, its receiver, and what happens to both."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(mkdtemp(prefix="episodes"))
        self.stage = WatcherStage(self.folder, self.deliver)
        self.stage.kept = self.places = MemoryPlaces(self.stage.clocks)
        self.told: dict[str, list[Told]] = {}
        self.answer, self.pending = "ok", list[Deferred[None]]()
        self.every, self.is_plain = 60.0, True

    @initialize()
    def start(self) -> None:
        self.until_killed(lambda: self.stage.start_tasks({"1": self.task}))

    def until_killed(self, act: Callable[[], object]) -> None:
        try:
            act()
        except Killed:
            self.the_process_is_killed()

    @property
    def task(self) -> AlertTask:
        alert = AlertSettings(alert=TEXT, name="web", alert_command=("x",), alert_every=self.every)
        return AlertTask("web", "command", alert, Position(1, len(line("before"))))

    def deliver(self, way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        assert isinstance(sent, EpisodeMessage)
        done: Deferred[None] = Deferred(lambda _: None)
        if self.answer != "away":
            for one in sent.episodes:
                found = self.told.setdefault(str(one.key[0]), [])
                found.append(Told(one.begun, one.ended))
            states = {one.ended is None for one in sent.episodes}
            assert sent.state == ("firing" if True in states else "resolved")
        if self.answer == "killed":
            self.answer = "ok"
            raise Killed
        if self.answer == "ok":
            done.callback(None)
        elif self.answer == "silent":
            self.pending.append(done)
        else:
            done.errback(TemporaryFailure("not now"))
        return done

    @rule(apps=st.lists(APPS, min_size=1, max_size=3))
    def lines_arrive(self, apps: list[str]) -> None:
        self.stage.write(*(f"app={app} msg=oops" for app in apps))

    @rule(seconds=st.sampled_from([0.5, 3.0, 7.0, 11.0, 25.0]))
    def time_passes(self, seconds: float) -> None:
        for _ in range(round(seconds / 0.25)):
            self.until_killed(lambda: self.stage.clock.advance(0.25))

    @rule(answer=st.sampled_from(["ok", "away", "answer lost", "silent", "killed"]))
    def the_receiver_changes(self, answer: str) -> None:
        self.answer = answer

    @rule(arrived=st.booleans())
    def a_pending_answer_comes(self, arrived: bool) -> None:
        while self.pending:
            done = self.pending.pop()
            done.callback(None) if arrived else done.errback(TemporaryFailure("too late"))

    @rule()
    def the_process_is_killed(self) -> None:
        self.stage.kill()
        self.pending.clear()
        self.start()

    @rule()
    def the_service_stops_and_starts(self) -> None:
        self.stage.watcher.finish()
        self.time_passes(6.0)
        self.the_process_is_killed()

    @rule(every=st.sampled_from([1.0, 60.0]))
    def the_service_is_reloaded(self, every: float) -> None:
        self.every = every
        self.stage.watcher.replace_tasks({"1": self.task})

    @rule(back=st.sampled_from([0.5, 5.0, 90.0, 3600.0]))
    def the_clock_is_set_back(self, back: float) -> None:
        self.stage.ahead -= back
        self.is_plain = False

    @rule()
    def a_silence_begins_or_ends(self) -> None:
        self.places.silenced ^= {"web"}
        self.is_plain = False

    @invariant()
    def each_begin_is_followed_by_its_end(self) -> None:
        for steps in self.told.values():
            told = [one for at, one in enumerate(steps) if not at or one != steps[at - 1]]
            for begin, end in zip(told[::2], [*told[1::2], None], strict=False):
                assert begin.ended is None
                if end is not None:
                    assert end.begun == begin.begun and end.ended is not None
                    assert end.ended >= end.begun

    def teardown(self) -> None:
        """Everybody is back: all episodes have their ends, and they are those of the past."""
        if not hasattr(self.stage, "watcher"):
            return
        self.answer, self.places.silenced = "ok", set()
        self.a_pending_answer_comes(False)
        self.time_passes(400.0)
        self.each_begin_is_followed_by_its_end()
        assert all(steps[-1].ended is not None for steps in self.told.values())
        assert all(json.loads(state)["episodes"] == [] for state in self.places.states.values())
        with view_of(self.stage.directory) as view:
            past = find_past_episodes(
                view, parse_alert(TEXT), BEGIN - 60, self.stage.time_of_day()
            ).episodes
        if self.is_plain:
            known = {(str(one.key[0]), one.begun, one.ended) for one in past}
            told = {(app, *one) for app, steps in self.told.items() for one in steps}
            assert known == {one for one in told if one[2] is not None}
        self.stage.kill()
        shutil.rmtree(self.folder)


# Not shrunk: that takes minutes, and the steps of a failure are few.
AnyOrder.TestCase.settings = more(
    2.4, stateful_step_count=25, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
test_each_group_is_told_begin_end_begin_end = AnyOrder.TestCase
