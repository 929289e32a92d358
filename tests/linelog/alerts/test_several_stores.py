"""Alerts beside `[[retention]]` rules: each line of every store counts once, in the order of the times."""

import json
import os
import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, succeed

from logsrv.errors import StoreError
from logsrv.kit.text.checksums import json_then_checksum
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.alerts.alert_protocol import AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.episodes import EpisodeMessage, find_past_episodes
from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.tally import MatchCount
from logsrv.linelog.alerts.ways.delivery import AlertMessage
from logsrv.linelog.read import stores_search
from logsrv.linelog.read.all_stores import open_all_stores
from logsrv.linelog.read.stores_follow import StoresFollower
from logsrv.linelog.read.watched_stores import WatchedStores
from logsrv.linelog.store.cursor import Place, identities_in, parse_place
from logsrv.linelog.store.segment import Position, number_of_store
from tests.parts.stores import BEGIN, line, make_store
from tests.parts.watchers import WatcherStage


class Stage(WatcherStage):
    """Some stores, a watcher, and what it sends: numbers of lines, and the begins and ends of episodes."""

    def __init__(self, directory: Path, *rules: str) -> None:
        super().__init__(directory, self.told)
        self.counts: list[int] = []
        self.shown: list[str] = []
        self.sent_at = -1.0
        self.episodes: list[tuple[str, str, float]] = []
        for rule in rules:
            self.add_rule(rule)

    def told(self, way: str, alert: AlertSettings, sent: AlertMessage) -> Deferred[None]:
        if isinstance(sent, EpisodeMessage):
            for one in sent.episodes:
                state = "firing" if one.ended is None else "resolved"
                moment = one.begun if one.ended is None else one.ended
                told = (",".join(map(str, one.key)), state, moment - BEGIN)
                # Those that go on are told of again.
                if told not in self.episodes:
                    self.episodes.append(told)
            return succeed(None)
        assert isinstance(sent, MatchCount)
        self.counts.append(sent.count)
        self.sent_at = self.clock.seconds()
        self.shown += [
            f"{one.position} {one.line.split(b' ', 2)[2].decode()}" for one in sent.first
        ]
        return succeed(None)

    def start(self, text: str, begin: Place | None = None, every: float = 5) -> None:
        alert = AlertSettings(alert=text, name="web", alert_command=("x",), alert_every=every)
        self.task = AlertTask("web", "command", alert, begin or self.ends)
        self.start_tasks({"1": self.task})

    def save(self) -> None:
        """Let the place after a message that has just arrived be saved: else it comes twice."""
        while self.clock.seconds() - self.sent_at < 0.5:
            self.advance(0.25)

    def kinds(self, kind: str) -> list[str]:
        return [one.why for one in self.reports if one.kind == kind]

    @property
    def place(self) -> Place:
        """The saved place."""
        found = self.kept.load_progress("1", 5)
        assert found is not None
        place: Place = found.position
        return place


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(tmp_path, "audit")
    yield stage
    stage.kill()


def test_lines_of_all_stores_are_in_one_message_within_a_second(stage):
    stage.start("oops")
    stage.write("oops 1", "fine")
    stage.write("oops 2", rule="audit")
    stage.advance(0.9, step=0.05)
    assert stage.counts == [2]
    assert [one.partition(" ")[2] for one in stage.shown] == ["oops 1", "oops 2"]
    assert stage.shown[1].startswith("audit/1:0 ")


def test_a_line_alert_is_not_kept_waiting_by_one_with_a_condition(stage):
    """The condition waits a second for lines of other stores."""
    lines = AlertSettings(alert="oops", name="web", alert_command=("x",), alert_every=300)
    many = AlertSettings(alert="oops | count > 1 in 1m", name="many", alert_command=("x",))
    stage.start_tasks(
        {
            "1": AlertTask("web", "command", lines, stage.ends),
            "2": AlertTask("many", "command", many, stage.ends),
        }
    )
    stage.write("oops 1")
    stage.write("oops 2", rule="audit")
    stage.advance(0.9, step=0.05)
    assert (stage.counts, stage.episodes) == ([2], [])
    stage.advance(1.5, step=0.05)
    assert [one[:2] for one in stage.episodes] == [("", "firing")]
    # So it stays if a reload adds a store: then a scan of both is divided.
    stage.add_rule("later")
    stage.advance(2)
    stage.write("oops 3", rule="later")
    stage.advance(300)
    assert stage.counts == [2, 1]


def test_one_with_the_same_place_file_goes_on_in_both_stores_after_a_kill(stage):
    stage.start("oops")
    stage.write("oops 1", rule="audit")
    stage.advance(2)
    stage.write("oops 2", rule="audit")
    stage.write("oops 3")
    stage.kill(60)
    stage.start("oops")
    stage.advance(10)
    assert sum(stage.counts) == 3 and len(stage.shown) == 3
    assert stage.place == stage.ends


@pytest.mark.slow
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.integers(0, 1 << 30))
def test_each_line_is_in_one_message_over_kills_and_new_stores(tmp_path_factory, seed):
    """After a kill only a message that was under way may come twice; here all arrive at once."""
    chosen = random.Random(seed)
    stage = Stage(tmp_path_factory.mktemp("kills"), *chosen.choice(((), ("a",), ("a", "b"))))
    rules = ["", *(one.name for one in (stage.directory / "stores").glob("*"))]
    stage.start("oops")
    written = 0
    for number in range(chosen.randrange(4, 20)):
        for _ in range(chosen.randrange(4)):
            stage.write(f"oops {written}", rule=chosen.choice(rules))
            written += 1
        match chosen.randrange(5):
            case 0:
                stage.save()
                stage.kill(chosen.uniform(0, 8))
                stage.start("oops")
            case 1 if len(rules) < 4:
                stage.add_rule(f"r{number}")
                rules.append(f"r{number}")
                if chosen.random() < 0.5:
                    stage.save()
                    stage.kill(chosen.uniform(0, 20))
                    stage.write(f"oops {written}", rule=rules[-1])
                    written += 1
                    stage.start("oops")
            case _:
                stage.advance(chosen.uniform(0.2, 9), step=0.2)
    stage.advance(20)
    shown = Counter(one.partition(" ")[2] for one in stage.shown)
    assert sum(stage.counts) == written
    # A message shows ten lines, and counts all.
    assert {*shown.values()} <= {1} and len(shown) >= min(written, 10)
    stage.kill()


CONDITIONS = (
    "| none in 1m by node",
    "oops | count > 3 in 1m",
    "oops | count > 2 in 90s by node",
    "oops | avg n > 50 in 2m by node",
    "| none in 1m",
)


@pytest.mark.slow
@pytest.mark.minutes(10)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.integers(0, 1 << 30), st.sampled_from(CONDITIONS), st.booleans(), st.booleans())
def test_lines_in_several_stores_make_the_episodes_that_they_make_in_one(
    tmp_path_factory, seed, text, is_killed, is_behind
):
    """is_behind: whether all was written while no process watched: it reads the stores in pieces."""
    chosen = random.Random(seed)
    rules = ["", "a", "b"]
    steps = []
    for number in range(chosen.randrange(20, 50)):
        said = f"node={chosen.choice('xyz')} n={chosen.randrange(100)} {chosen.choice(('oops', 'fine'))}"
        pause = chosen.choice((0.0, 0.25, 1.0, 1.0, 5.0, 30.0))
        steps.append((said, rules[chosen.randrange(3)], pause, is_killed and number % 17 == 9))
    found = []
    for several in (False, True):
        stage = Stage(tmp_path_factory.mktemp("episodes"), "a", "b")
        if not several:
            shutil.rmtree(stage.directory / "stores")
        stage.start(text)
        if is_behind:
            # The clock went on while the process was away, less than what counts as unwatched.
            stage.advance(1)
            stage.kill()
        for said, rule, pause, kill in steps:
            stage.write(said, rule=rule if several else "")
            if is_behind:
                stage.clock.advance(pause)
                continue
            stage.advance(pause, step=0.5)
            if kill:
                stage.kill(3)
                stage.start(text)
        if is_behind:
            stage.start(text)
        stage.advance(250, step=1)
        found.append(stage.episodes)
        stage.kill()
    one, those = found
    assert sorted(those) == sorted(one)


def test_a_group_whose_lines_change_stores_is_not_absent(stage):
    """A host sends to both stores in turns, each line just within the window."""
    stage.start("| none in 1m by node")
    for number in range(8):
        stage.write("node=a n=1", rule=("", "audit")[number % 2])
        # Other lines of the store that is read first are later than those of the other.
        stage.advance(55)
        stage.write("node=b n=1")
    assert not [one for one in stage.episodes if one[0] == "a"]
    stage.advance(70)
    assert [one[:2] for one in stage.episodes if one[0] == "a"] == [("a", "firing")]


def test_a_line_that_is_written_late_into_one_store_counts_at_its_time(stage):
    """The writer of that store had to wait for its disk, and the main store has later lines already."""
    stage.start("| none in 1m by node")
    stage.write("node=a n=1")
    stage.advance(61.5)
    # This line ends the first minute without a line of a, unless it waits.
    stage.write("node=b n=1")
    stage.advance(0.25)
    stage.write("node=a n=1", rule="audit", late=0.85)
    stage.advance(20)
    assert stage.episodes == []


def test_lines_by_a_clock_that_was_set_back_are_not_kept_waiting(stage):
    stage.start("oops | count > 1 in 1m")
    stage.advance(5)
    stage.write("oops 1")
    stage.advance(0.25)
    stage.ahead = -7200
    for _ in range(20):
        stage.write("oops", rule="audit")
        stage.advance(1)
    assert [one[1] for one in stage.episodes][:1] == ["firing"]


def test_a_store_that_a_reload_makes_is_read_from_its_first_line(tmp_path):
    stage = Stage(tmp_path)
    stage.start("oops")
    stage.write("oops 1")
    stage.advance(1)
    stage.add_rule("audit")
    stage.write("oops 2", rule="audit")
    stage.advance(10)
    assert stage.counts == [1, 1] and str(stage.place).startswith("1:")
    # The second reload.
    stage.add_rule("zone")
    stage.write("oops 3", rule="zone")
    stage.kill(20)
    stage.start("oops")
    stage.advance(10)
    assert stage.counts == [1, 1, 1] and stage.place == stage.ends
    stage.kill()


def test_lines_that_wait_for_a_message_survive_a_kill_if_their_store_came_meanwhile(tmp_path):
    """The place of the first of these lines knows nothing of the new store."""
    stage = Stage(tmp_path)
    stage.start("oops", every=300)
    stage.advance(1, "oops 1")
    stage.advance(1, "oops 2")
    stage.add_rule("audit")
    stage.advance(2)
    stage.write("oops 3", rule="audit")
    stage.advance(100)
    stage.kill(10)
    stage.start("oops", every=300)
    stage.advance(400)
    assert sum(stage.counts) == 3
    stage.kill()


def test_a_place_of_before_goes_on_in_the_stores_of_rules_since_it_was_saved(stage):
    """Of a removed rule there may be years of lines, of which no alert was to tell."""
    stage.write("oops old", rule="audit")
    stage.advance(0)
    stage.clock.advance(3600)
    stage.write("oops before the place")
    place = {"store": "", "position": str(stage.end), "saved": rfc3339(stage.time_of_day())}
    note = {"alert": "oops", "name": "web", "way": "command", "due": None}
    stage.kept.folder.disk.replace("1", json_then_checksum(place | note), sync=False)
    stage.clock.advance(60)
    stage.write("oops new", rule="audit")
    stage.write("oops new, too")
    stage.start("oops")
    stage.advance(2)
    assert [one.partition(" ")[2] for one in stage.shown] == ["oops new, too", "oops new"]
    saved = json.loads(stage.kept.folder.disk.read("1").rpartition(b" ")[0])
    assert parse_place(saved["position"]) == stage.ends and saved["format"] == 3


def test_the_store_of_a_rule_that_is_removed_is_told_once_and_stops_nothing(stage):
    stage.start("oops")
    stage.write("oops 1", rule="audit")
    stage.advance(2)
    shutil.rmtree(stage.directory_of("audit"))
    stage.advance(10, "oops 2")
    assert stage.counts == [1, 1] and stage.place == stage.end
    [why] = stage.kinds("store-removed")
    assert "stores/audit was removed" in why
    # A new one of that name is another store.
    stage.add_rule("audit")
    stage.write("oops 3", rule="audit")
    stage.advance(10)
    assert stage.counts == [1, 1, 1] and stage.place == stage.ends


def test_a_store_that_is_gone_at_the_start_is_told_once(stage):
    stage.start("oops")
    stage.write("oops 1", rule="audit")
    stage.advance(2)
    stage.kill()
    shutil.rmtree(stage.directory / "stores")
    stage.start("oops")
    stage.advance(10, "oops 2")
    stage.kill()
    stage.start("oops")
    stage.advance(10, "oops 3")
    [why] = stage.kinds("store-removed")
    assert "stores/audit is gone" in why and stage.counts == [1, 1, 1]


def test_a_store_that_is_removed_while_the_process_ends_is_told_by_the_next_one(stage):
    """Its daemon was killed, and hears nothing any more."""
    stage.start("oops")
    stage.write("oops 1", rule="audit")
    stage.advance(2)
    shutil.rmtree(stage.directory / "stores")
    stage.watcher.finish()
    stage.advance(1)
    assert stage.kinds("store-removed") == []
    stage.kill()
    stage.start("oops")
    stage.advance(2)
    assert len(stage.kinds("store-removed")) == 1


def test_a_place_behind_the_end_of_a_store_begins_at_its_end(stage):
    """The folder was removed and made again while no server ran."""
    stage.start("oops")
    stage.write("oops", "oops", rule="audit")
    stage.advance(2)
    stage.kill()
    shutil.rmtree(stage.directory_of("audit"))
    stage.add_rule("audit")
    with pytest.raises(
        AssertionError, match=r"a saved place is at audit/1:\d+, and this store ends at audit/1:0"
    ):
        stage.start("oops")


def exchange(stage: Stage, rule: str, *messages: str, identity: str = "cd" * 16) -> None:
    """Put another store into the place of one, with these lines in a segment and others after it."""
    shutil.rmtree(stage.directory_of(rule))
    make_store(stage.directory_of(rule), [[line(one) for one in messages], [line("fine")]])
    stage.identify(rule, identity)


def test_only_new_lines_count_of_another_store_that_came_into_the_place_of_one(stage):
    """It is longer, so that the saved position is one in it, too."""
    stage.identify("audit", "ab" * 16)
    stage.start("oops")
    stage.write("oops 1", rule="audit")
    stage.advance(10)
    stage.kill()
    exchange(stage, "audit", *[f"oops of another machine {number}" for number in range(9)])
    with patch("tests.parts.stores._refuse") as told:
        stage.start("oops")
        [why] = [one.args[0] for one in told.call_args_list]
        assert re.fullmatch(
            f"a saved place is at audit/1:[0-9]+ of store {'ab' * 16}, and now this is store"
            f" {'cd' * 16}: lines count from its end on, audit/2:[0-9]+",
            why,
        )
        stage.write("oops 2", rule="audit")
        stage.advance(10)
        stage.kill()
        # It is told once: the place has the other identity by now.
        stage.start("oops")
        stage.write("oops 3", rule="audit")
        stage.advance(10)
        assert told.call_count == 1
    assert [one.partition(" ")[2] for one in stage.shown] == ["oops 1", "oops 2", "oops 3"]
    assert stage.place == stage.ends


def test_another_store_that_cannot_be_read_at_first_counts_from_its_end(stage):
    stage.identify("audit", "ab" * 16)
    tasks = two_alerts(stage)
    stage.start_tasks(tasks)
    stage.write("oops 1", rule="audit")
    stage.advance(10)
    stage.kill()
    exchange(stage, "audit", *["oops of another machine"] * 9)
    with unreadable("audit") as told:
        for _ in range(2):
            stage.start_tasks(tasks)
            stage.advance(10)
            # The place still has the identity of the store that it is a position of.
            saved = json.loads(stage.kept.folder.disk.read("1").rpartition(b" ")[0])
            assert saved["rules"] == {"audit": "ab" * 16}
            stage.kill()
        stage.start_tasks(tasks)
    with patch("tests.parts.stores._refuse", told.append):
        stage.advance(2)
        stage.write("oops 2", rule="audit")
        stage.advance(10)
    assert stage.counts == [1, 1] and stage.place == stage.ends
    assert "and now this is store" in told[-1]
    assert stage.episodes == []


def test_a_store_that_is_removed_and_made_anew_at_once_has_its_own_identity(stage):
    """Within a second, between two looks."""
    stage.identify("audit", "ab" * 16)
    stage.start("oops")
    stage.advance(10)
    exchange(stage, "audit", "fine")
    stage.advance(10)
    stage.write("oops 1", rule="audit")
    stage.advance(10)
    stage.kill()
    stage.start("oops")
    stage.advance(10)
    assert stage.counts == [1] and stage.place == stage.ends


def test_a_store_that_gets_its_identity_after_it_was_found_is_known_by_it(stage):
    stage.start("oops")
    stage.advance(2)
    stage.identify("audit", "ab" * 16)
    stage.write("oops 1", rule="audit")
    stage.advance(10)
    assert stage.place == stage.ends and identities_in(stage.place)


def test_a_place_without_identities_is_that_of_the_store_which_is_there(stage):
    """An earlier version has saved it."""
    stage.identify("audit", "ab" * 16)
    stage.write("oops old", rule="audit")
    place = {"store": "", "position": str(stage.ends), "saved": rfc3339(stage.time_of_day())}
    note = {"alert": "oops", "name": "web", "way": "command", "due": None, "format": 2}
    stage.kept.folder.disk.replace("1", json_then_checksum(place | note), sync=False)
    stage.write("oops new", rule="audit")
    stage.start("oops")
    stage.advance(2)
    assert [one.partition(" ")[2] for one in stage.shown] == ["oops new"]
    assert stage.place == stage.ends and identities_in(stage.place)


@contextmanager
def unreadable(rule: str) -> Iterator[list[str]]:
    """Let the store of a rule be one that cannot be opened; yields what watchers tell that start then."""
    opened = stores_search.RuleStoreView
    told: list[str] = []

    def open_store(number: int, place: str, tell: Callable[[str], None]) -> Any:
        if number == number_of_store(rule):
            raise StoreError(f"{rule} cannot be read: Input/output error")
        return opened(number, place, tell)

    with (
        patch.object(stores_search, "RuleStoreView", open_store),
        patch("tests.parts.stores._refuse", told.append),
    ):
        yield told


def test_a_store_that_cannot_be_read_is_told_again_when_it_could_be_read_meanwhile(stage):
    with unreadable("no other") as told:
        stage.start("oops")
    for number in range(2):
        stage.advance(2)
        shutil.rmtree(stage.directory_of("audit"))
        stage.advance(2)
        with unreadable("audit"):
            stage.add_rule("audit")
            stage.advance(5)
            stage.write(f"oops {number}", rule="audit")
    stage.advance(5)
    assert told == ["audit cannot be read: Input/output error"] * 2
    assert sum(stage.counts) == 2


def two_alerts(stage: Stage) -> dict[str, AlertTask]:
    """Return two alerts; the second waits five minutes between its messages."""
    quick = AlertSettings(alert="oops", name="web", alert_command=("x",), alert_every=5)
    slow = AlertSettings(alert="oops | count > 2 in 1h", name="many", alert_command=("x",))
    return {
        "1": AlertTask("web", "command", quick, stage.ends),
        "2": AlertTask("many", "command", slow, stage.ends),
    }


def test_a_store_that_comes_or_goes_is_saved_at_once(tmp_path):
    """Long before the next save of a place: a kill in between loses none of its lines."""
    stage = Stage(tmp_path)
    stage.start("oops")
    stage.advance(2)
    stage.add_rule("audit")
    stage.advance(2)
    assert stage.place == stage.ends and "audit" in str(stage.place)
    shutil.rmtree(stage.directory_of("audit"))
    stage.advance(2)
    assert stage.place == stage.end
    stage.kill()


def test_alerts_that_shared_a_scan_when_a_store_came_count_no_line_twice(tmp_path):
    """From then on those with a condition need the order of times, and are read for apart."""
    stage = Stage(tmp_path)
    stage.start_tasks(two_alerts(stage))
    stage.advance(2, "oops 1")
    stage.add_rule("audit")
    stage.advance(2)
    stage.write("oops 2", rule="audit")
    stage.advance(20)
    assert (sum(stage.counts), stage.episodes) == (2, [])
    stage.advance(20, "oops 3")
    assert sum(stage.counts) == 3 and [one[1] for one in stage.episodes] == ["firing"]
    stage.kill()


@pytest.mark.parametrize("kills", [0, 1, 2])
def test_a_store_that_cannot_be_read_at_the_start_goes_on_where_each_alert_was(stage, kills):
    """An alert with a condition reads its window again; others get no line twice, also after kills."""
    tasks = two_alerts(stage)
    stage.start_tasks(tasks)
    stage.write("oops 1", rule="audit")
    stage.advance(10)
    assert stage.counts == [1]
    stage.kill(60)
    stage.write("oops 2", rule="audit")
    with unreadable("audit") as told:
        for number in range(kills + 1):
            stage.start_tasks(tasks)
            stage.advance(10, f"oops main {number}")
            if number < kills:
                stage.kill(60)
        assert stage.counts == [1] * (kills + 2)
        assert "audit/1:" in str(stage.place)
        assert told == ["audit cannot be read: Input/output error"] * (kills + 1)
        stage.write("oops 3", rule="audit")
    stage.advance(20)
    assert sum(stage.counts) == kills + 4
    assert [one.partition(" ")[2] for one in stage.shown][-2:] == ["oops 2", "oops 3"]
    assert stage.place == stage.ends
    assert [one[1] for one in stage.episodes] == ["firing"]


def test_a_place_is_kept_while_no_segment_of_its_store_can_be_opened(stage):
    stage.start("oops")
    stage.write("oops 1", rule="audit")
    stage.advance(10)
    stage.kill()
    current = stage.directory_of("audit") / "current.log"
    current.rename(stage.directory / "aside")
    current.mkdir()
    with patch("tests.parts.stores._refuse", lambda _: None):
        for number in range(2):
            stage.start("oops")
            stage.advance(10, f"oops main {number}")
            stage.kill()
    current.rmdir()
    (stage.directory / "aside").rename(current)
    stage.write("oops 2", rule="audit")
    stage.start("oops")
    stage.advance(10)
    assert stage.counts == [1, 1, 1, 1] and stage.place == stage.ends


def test_a_new_alert_does_not_tell_of_old_lines_of_a_store_that_could_not_be_read(stage):
    stage.write("oops old", rule="audit")
    stage.clock.advance(3600)
    with unreadable("audit"):
        stage.start("oops", stage.end)
        stage.advance(5)
        stage.write("oops new", rule="audit")
    stage.advance(10)
    assert [one.partition(" ")[2] for one in stage.shown] == ["oops new"]


def test_a_store_that_is_removed_before_it_can_be_read_leaves_no_place(stage):
    stage.start("oops")
    stage.write("oops 1", rule="audit")
    stage.advance(2)
    stage.kill()
    with unreadable("audit"):
        stage.start("oops")
        stage.advance(2)
        shutil.rmtree(stage.directory_of("audit"))
        stage.advance(10, "oops 2")
    [why] = stage.kinds("store-removed")
    assert "stores/audit was removed" in why and stage.place == stage.end


def test_an_alert_that_is_removed_ends_where_each_store_ended(stage):
    stage.start("oops")
    stage.advance(1)
    stage.write("oops 1", rule="audit")
    until = stage.ends
    stage.write("oops later", rule="audit")
    stage.add_rule("new")
    stage.write("oops new", rule="new")
    watcher = stage.watcher
    task = AlertTask("web", "command", stage.task.alert, stage.task.begin, until)
    watcher.replace_tasks({"1": task})
    stage.advance(10)
    assert [one.partition(" ")[2] for one in stage.shown] == ["oops 1"]
    assert [one.kind for one in stage.reports][-1] == "done"


def test_a_stop_reports_the_last_lines_of_all_stores(stage):
    stage.start("oops | count > 2 in 1m")
    stage.advance(1)
    stage.write("oops", "oops")
    stage.write("oops", rule="audit")
    finished = stage.watcher.finish()
    stage.advance(0.5, step=0.05)
    assert finished.called and [one[1] for one in stage.episodes] == ["firing"]


def store_with_rule(directory: Path, main: Sequence[bytes], audit: Sequence[bytes]) -> Path:
    store = make_store(directory, [main[: len(main) // 2], main[len(main) // 2 :]])
    (store / "stores").mkdir()
    make_store(store / "stores" / "audit", [audit])
    return store


@pytest.mark.parametrize("text", CONDITIONS)
def test_past_episodes_are_those_of_one_store_with_all_lines(tmp_path, text):
    chosen = random.Random(text)
    moments = sorted(chosen.uniform(0, 3000) for _ in range(400))
    lines = [
        line(f"node={chosen.choice('xyz')} n={chosen.randrange(100)} oops", moment)
        for moment in moments
    ]
    beside: tuple[list[bytes], list[bytes]] = ([], [])
    for one in lines:
        beside[chosen.randrange(2)].append(one)
    several = store_with_rule(tmp_path / "several", *beside)
    alone = make_store(tmp_path / "alone", [lines[:100], lines[100:]])
    asked = parse_alert(text)
    found = []
    for directory in (alone, several):
        with open_all_stores(str(directory), pytest.fail) as view:
            found.append(find_past_episodes(view, asked, BEGIN - 60, BEGIN + 3300).episodes)
    assert found[0] == found[1] != []


def test_a_position_in_the_main_store_is_a_place_of_one_store(tmp_path):
    stage = Stage(tmp_path)
    stage.start("oops")
    stage.advance(2, "oops")
    assert isinstance(stage.place, Position)
    saved = json.loads(stage.kept.folder.disk.read("1").rpartition(b" ")[0])
    assert "format" not in saved
    stage.kill()


def test_a_store_that_is_made_anew_is_read_from_its_first_line(tmp_path, monkeypatch):
    """The one before it could not be opened at first, and was read from its saved position on.

    Nothing of that stays open: its bytes would stay on the disk.
    """
    audit, number = tmp_path / "stores" / "audit", number_of_store("audit")
    make_store(tmp_path, [[line("main")]])
    audit.parent.mkdir()
    make_store(audit, [[line("one")], [line("two")]])
    told: list[str] = []
    stores = WatchedStores(
        str(tmp_path), told.append, time_of_day=lambda: BEGIN, removed=told.append
    )

    def refuse(*_: object) -> None:
        raise StoreError("no permission")

    with monkeypatch.context() as refused:
        refused.setattr(stores_search, "RuleStoreView", refuse)
        assert not stores.look().new
        place = stores.complete(parse_place("1:0,audit/2:0"), BEGIN)
    follower = StoresFollower(stores, place)
    follower.change_stores(stores.look())
    assert follower.positions[number] == Position(2, 0).in_store(number)
    assert b"".join(one.text for one in follower.read(holds=False)).endswith(b" two\n")
    shutil.rmtree(audit)
    removed = stores.look()
    follower.change_stores(removed)
    opened = [os.readlink(one) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()]
    assert removed.gone == {number} and not [one for one in opened if str(audit) in one]
    make_store(audit, [[line("three")]])
    assert stores.look().new == {number: Position(1, 0).in_store(number)}
    follower.close()
    stores.close()
