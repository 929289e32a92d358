"""The daemon's side: when a process is started, with what, and when again."""

import json
import sys
from contextlib import closing
from pathlib import Path

import attrs
import pytest

from logsrv.errors import ConfigurationError
from logsrv.kit.children.resident import PAUSES
from logsrv.kit.observe.metrics import Metrics
from logsrv.kit.text.checksums import json_then_checksum
from logsrv.linelog.alerts.alert_part import AlertPart
from logsrv.linelog.alerts.alert_places import AlertPlaces, AlertProgress
from logsrv.linelog.alerts.alert_protocol import (
    AlertOrders,
    AlertReport,
    AlertTask,
    as_document,
    decode_task,
    encode_message,
    orders_from_line,
)
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.alerts import Alerts, require_programs_exist
from logsrv.linelog.store.cursor import place_in
from logsrv.linelog.store.segment import Position, number_of_store
from tests.parts.child_processes import Spawner
from tests.parts.clocks import HandClock
from tests.parts.reactor import logged


class Stage:
    """Alerts with that reactor, at an end of the store that the test sets."""

    def __init__(self, directory: Path) -> None:
        self.reactor = Spawner()
        self.clock = HandClock()
        self.metrics = Metrics(AlertPart.metrics)
        self.end = Position(1, 100)
        self.rules: dict[int, Position] = {}
        self.identities: dict[int, str] = {}
        self.place = str(directory)
        self.alerts = self.service()

    @property
    def orders(self) -> AlertOrders:
        """The orders of the last process."""
        return orders_from_line(self.reactor.last.said[-1])

    @property
    def wanted(self) -> list[str]:
        """The queries that the last process is to watch for."""
        return [one.alert.alert for one in self.orders.tasks.values() if one.until is None]

    def report(self, report: AlertReport) -> None:
        """Let the last process say so."""
        self.reactor.last.say(encode_message(report))

    def service(self) -> Alerts:
        """Return the alerts of another service of the same store."""
        return Alerts(
            directory=lambda: self.place,
            identity=lambda: "ab" * 16,
            clock=self.clock,
            end=lambda: place_in({0: self.end, **self.rules}, {**self.identities}),
            reactor=self.reactor,
            metrics=self.metrics,
        )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def alert(query: str, name: str | None = None, every: float = 300) -> AlertSettings:
    return AlertSettings(alert=query, name=name, alert_command=("x",), alert_every=every)


def test_without_alerts_there_is_no_process(stage):
    stage.alerts.replace_alerts(())
    assert stage.reactor.processes == [] and stage.alerts.stop().called


def test_the_alert_process_gets_the_store_its_alerts_and_its_end(stage):
    stage.alerts.replace_alerts((alert("a"), alert("b", "web")))
    begin = Position(1, 100)
    assert stage.orders == AlertOrders(
        stage.place,
        "ab" * 16,
        {
            "1": AlertTask("1", "command", alert("a"), begin),
            "2": AlertTask("web", "command", alert("b", "web"), begin),
        },
    )


def test_a_process_that_is_started_again_looks_where_the_store_is_then(stage):
    stage.alerts.replace_alerts((alert("a"),))
    stage.place += "/moved"
    stage.reactor.last.end()
    stage.reactor.advance(PAUSES[0])
    assert stage.orders.directory == stage.place


def leave(stage: Stage) -> None:
    """Let the process leave, which has nothing more to do."""
    stage.alerts.replace_alerts((alert("gone"),))
    stage.alerts.replace_alerts(())
    [name] = stage.orders.tasks
    stage.report(AlertReport("done", name=name))
    assert stage.reactor.last.closed


def test_a_change_is_sent_to_the_running_process(stage):
    """What is gone ends where the store ends now, and what is new begins there."""
    stage.alerts.replace_alerts((alert("a"), alert("b")))
    stage.end = Position(3, 0)
    stage.alerts.replace_alerts((alert("new"), alert("b", every=5)))
    assert len(stage.reactor.processes) == 1
    first, end = Position(1, 100), Position(3, 0)
    assert stage.orders.tasks == {
        "3": AlertTask("1", "command", alert("new"), end),
        "2": AlertTask("2", "command", alert("b", every=5), first),
        "1": AlertTask("1", "command", alert("a"), first, until=end),
    }
    stage.report(AlertReport("done", name="1"))
    stage.reactor.last.end(b"x", 1)
    stage.reactor.advance(PAUSES[0])
    assert stage.wanted == ["new", "b"] and len(stage.orders.tasks) == 2


def test_the_same_alerts_again_change_nothing(stage):
    stage.alerts.replace_alerts((alert("a"),))
    stage.alerts.replace_alerts((alert("a"),))
    assert stage.reactor.last.said[1:] == []


def test_a_change_to_no_alerts_ends_the_process_and_to_one_begins_again(stage):
    leave(stage)
    assert stage.reactor.last.closed
    stage.reactor.last.end()
    assert len(stage.reactor.processes) == 1
    stage.alerts.replace_alerts((alert("a"),))
    assert len(stage.reactor.processes) == 2


def test_a_stop_ends_the_process_for_good(stage):
    stage.alerts.replace_alerts((alert("a"),))
    stopped = stage.alerts.stop()
    stage.alerts.replace_alerts((alert("b"),))
    assert stage.reactor.last.closed and not stopped.called
    stage.reactor.last.end()
    assert stopped.called and len(stage.reactor.processes) == 1


def test_reports_are_counted_and_failures_logged_once_a_minute(stage):
    stage.alerts.replace_alerts((alert("a"), alert("b", "web")))
    with logged() as messages:
        stage.report(AlertReport("lines", "1", "command", number=5))
        stage.report(AlertReport("sent", "1", "command"))
        for _ in range(3):
            stage.report(AlertReport("failed", "web", "webhook", "no route"))
        stage.report(AlertReport("missed", "1", "command", number=3))
        for _ in range(3):
            stage.report(AlertReport("dropped", "1", "command", number=2))
        stage.report(AlertReport("put-off", "1", "command", number=7))
        for _ in range(3):
            stage.report(AlertReport("trouble", why="it is damaged"))
    assert stage.metrics.value("alert_lines_total", alert="1") == 5
    # One that has never matched is there to be seen.
    zeros = [labels for metric, labels, value in stage.metrics.read() if value == 0]
    assert {"alert": "web"} in map(dict, zeros)
    assert stage.metrics.value("alerts_sent_total", alert="1", way="command") == 1
    assert stage.metrics.value("alerts_failed_total", alert="web", way="webhook") == 3
    assert stage.metrics.value("alerts_missed_segments_total", alert="1", way="command") == 3
    assert stage.metrics.value("alerts_put_off_total", alert="1", way="command") == 1
    assert stage.metrics.value("alerts_dropped_episodes_total", alert="1", way="command") == 6
    assert messages == [
        "alert web was not delivered: no route",
        "alert 1: lines were removed from the store before they were searched (segments: 3)",
        (
            "alert 1: its receiver has been away for so long that episodes are dropped and only counted;"
            " see its command or webhook (2 now)"
        ),
        (
            "alert 1: a message was under way when the service ended (lines: 7); it is sent again at"
            " the next start"
        ),
        "alerts: it is damaged",
    ]


def test_a_command_that_is_not_there_is_refused():
    """The alert is named, for there may be many."""
    fine = AlertSettings(alert="a", alert_webhook="http://x/")
    with pytest.raises(ConfigurationError, match="of alert 2: there is no program nope"):
        require_programs_exist((fine, AlertSettings(alert="a", alert_command=("nope",))))
    with pytest.raises(ConfigurationError, match="of alert full: there is no program nope"):
        require_programs_exist((AlertSettings(alert="a", name="full", alert_command=("nope",)),))
    require_programs_exist((AlertSettings(alert="a", alert_command=(sys.executable,)),))
    require_programs_exist((AlertSettings(alert="a", alert_webhook="http://x/"),))


def test_the_next_service_gives_each_alert_the_place_that_it_had(stage):
    stage.alerts.replace_alerts((alert("a"), alert("b", "web")))
    names = {one.alert.alert: name for name, one in stage.orders.tasks.items()}
    stage.end = Position(9, 0)
    stage.service().replace_alerts((alert("b", "renamed"), alert("new"), alert("a")))
    tasks = stage.orders.tasks
    assert {one.alert.alert: name for name, one in tasks.items()} == names | {"new": "3"}


def test_an_alert_that_was_not_there_for_a_while_is_new_again(stage):
    """Nobody is told of the lines of that time."""
    stage.alerts.replace_alerts((alert("a"),))
    stage.service().replace_alerts(())
    again = stage.service()
    stage.end = Position(9, 0)
    again.replace_alerts((alert("a"),))
    [task] = stage.orders.tasks.values()
    assert task.begin == Position(9, 0)
    kept = (Path(stage.place) / "alerts" / "1").read_text()
    assert '"position":"9:0"' in kept


def test_an_alert_that_was_removed_and_added_again_goes_on_from_there_after_a_restart(stage):
    """Its process was dead all the time, so the place of before the removal is still there."""
    stage.alerts.replace_alerts((alert("a"), alert("b")))
    stage.alerts.replace_alerts((alert("b"),))
    stage.end = Position(9, 0)
    stage.alerts.replace_alerts((alert("a"), alert("b")))
    names = {one.alert.alert: name for name, one in stage.orders.tasks.items() if one.until is None}
    assert names == {"a": "3", "b": "2"}
    stage.service().replace_alerts((alert("a"), alert("b")))
    assert {one.alert.alert: name for name, one in stage.orders.tasks.items()} == names
    assert not (Path(stage.place) / "alerts" / "1").exists()


def test_what_a_removed_alert_has_to_report_ends_where_it_was_removed(stage):
    """Reloads that come while its end is under way make it no longer."""
    stage.alerts.replace_alerts((alert("a"), alert("b")))
    for end in (5, 9, 12):
        stage.end = Position(end, 0)
        stage.alerts.replace_alerts((alert("b", every=300 + end),))
        assert stage.orders.tasks["1"].until == Position(5, 0)


@pytest.mark.parametrize("are_others", [False, True])
def test_places_wait_until_all_alerts_are_known_and_go_then(stage, are_others):
    """As when the file of the page's alerts cannot be read at a start, and has others, or none, later."""
    stage.alerts.replace_alerts((alert("a"), alert("page")))
    stage.end = Position(9, 0)
    again = stage.service()
    again.replace_alerts((alert("a"),), is_whole=False)
    places = Path(stage.place) / "alerts"
    assert (places / "2").exists()
    with logged() as said:
        for _ in range(2):
            others = (alert("page"),) if are_others else ()
            again.replace_alerts((alert("a"), *others))
            assert (places / "2").exists() == are_others
    assert sum("no longer an alert" in one for one in said) == (not are_others)
    names = {"a": "1", "page": "2"} if are_others else {"a": "1"}
    assert {one.alert.alert: name for name, one in stage.orders.tasks.items()} == names
    # What is removed, and comes back, is a new one.
    again.replace_alerts((alert("a"),))
    again.replace_alerts((alert("a"), alert("page")))
    [task] = [
        one for one in stage.orders.tasks.values() if one.alert.alert == "page" and not one.until
    ]
    assert task.begin == Position(9, 0)


def test_equal_alerts_keep_their_places_over_a_restart(stage):
    stage.alerts.replace_alerts((alert("a"), alert("a"), alert("b")))
    names = {one.label: name for name, one in stage.orders.tasks.items()}
    stage.service().replace_alerts((alert("a"), alert("a"), alert("b")))
    assert {one.label: name for name, one in stage.orders.tasks.items()} == names


@pytest.mark.parametrize("harm", [b"", b"rubbish\n", b'{"store":1} 00000000\n'])
def test_a_damaged_place_is_said_and_the_alert_begins_at_the_end(stage, harm):
    stage.alerts.replace_alerts((alert("a"),))
    (Path(stage.place) / "alerts" / "1").write_bytes(harm)
    stage.end = Position(9, 0)
    with logged() as messages:
        stage.service().replace_alerts((alert("a"),))
    assert "alerts/1 is damaged" in messages[0] and "begins at the end of the store" in messages[0]
    assert list(stage.orders.tasks) == ["2"]


def test_a_full_disk_keeps_no_alert_from_its_work(stage):
    stage.place += "/none"
    with logged() as messages:
        stage.alerts.replace_alerts((alert("a"),))
    assert stage.wanted == ["a"]
    assert any("the place of alert 1 cannot be saved: No such file" in one for one in messages)


def test_the_metrics_say_which_alerts_fire(stage):
    stage.alerts.replace_alerts((alert("a | none in 5m", "web"), alert("b")))
    assert stage.metrics.value("alerts_firing", alert="web") == 0
    stage.report(AlertReport("firing", "web", "command", number=3))
    assert stage.metrics.value("alerts_firing", alert="web") == 3
    assert stage.metrics.value("alerts_firing", alert="2") == 0
    stage.report(AlertReport("firing", "web", "command"))
    assert stage.metrics.value("alerts_firing", alert="web") == 0
    stage.report(AlertReport("firing", "web", "command", number=3))
    stage.alerts.replace_alerts((alert("b"),))
    assert stage.metrics.value("alerts_firing", alert="web") == 0


ABSENT = "a | none in 5m"


@pytest.mark.parametrize(
    "now",
    [(), (alert("a", "web"),), (alert("b", "other"),)],
    ids=["none", "another that cannot fire", "other"],
)
def test_a_removed_alert_does_not_fire_though_its_process_says_so_once_more(stage, now):
    """The report was under way when the alert was removed; nothing would ever take it back."""
    stage.alerts.replace_alerts((alert(ABSENT, "web"),))
    stage.report(AlertReport("firing", "web", "command", number=1))
    stage.alerts.replace_alerts(now)
    assert stage.metrics.value("alerts_firing", alert="web") == 0
    stage.report(AlertReport("firing", "web", "command", number=1))
    assert stage.metrics.value("alerts_firing", alert="web") == 0


def test_an_alert_that_takes_the_number_of_another_does_not_fire_for_it(stage):
    stage.alerts.replace_alerts((alert(ABSENT), alert("b | none in 5m")))
    stage.report(AlertReport("firing", "1", "command", number=3))
    stage.alerts.replace_alerts((alert("b | none in 5m"),))
    assert stage.metrics.value("alerts_firing", alert="1") == 0


def test_an_alert_with_other_settings_fires_on(stage):
    """Its process does not say again that it fires."""
    stage.alerts.replace_alerts((alert(ABSENT, "web"),))
    stage.report(AlertReport("firing", "web", "command", number=3))
    stage.alerts.replace_alerts((alert(ABSENT, "web", every=60), alert("b")))
    assert stage.metrics.value("alerts_firing", alert="web") == 3


def firing_before(stage: Stage, task: AlertTask) -> None:
    """Save what a process leaves that was killed while this task fired."""
    places = AlertPlaces(stage.place, "ab" * 16, stage.clock)
    with closing(places.folder):
        places.save_progress("1", task, AlertProgress(task.begin))
        places.save_state("1", task, {"episodes": [[[], 5.0, 1, None, True]]})


def removed(stage: Stage) -> list[AlertTask]:
    return [one for one in stage.orders.tasks.values() if one.until is not None]


NOISY = "oops | count > 5 in 1m"


@pytest.mark.parametrize("now", [NOISY + " by app", "oops", None])
def test_what_fired_before_a_start_is_ended_if_its_alert_was_changed_or_removed(stage, now):
    other = alert("other", "other")
    task = AlertTask("web", "command", alert(NOISY, "web"), Position(1, 90))
    firing_before(stage, task)
    stage.alerts.replace_alerts((other, alert(now, "web")) if now else (other,))
    assert removed(stage) == [attrs.evolve(task, begin=stage.end, until=stage.end)]
    assert stage.wanted == (["other", now] if now else ["other"])
    assert all(one.begin == stage.end for one in stage.orders.tasks.values() if one.until is None)


def test_what_fired_before_a_start_goes_on_if_its_alert_is_the_same(stage):
    firing_before(stage, AlertTask("web", "command", alert(NOISY, "web"), Position(1, 90)))
    stage.alerts.replace_alerts((alert(NOISY, "web", every=60),))
    assert list(stage.orders.tasks) == ["1"] and not removed(stage)


def test_an_alert_that_was_removed_begins_anew_while_its_end_is_under_way(stage):
    """It was removed by a reload, its receiver was down, and the server was killed."""
    until = Position(1, 95)
    task = AlertTask("web", "command", alert(NOISY, "web"), Position(1, 90), until)
    firing_before(stage, task)
    stage.alerts.replace_alerts((alert(NOISY, "web"),))
    assert removed(stage) == [attrs.evolve(task, begin=until)] and stage.wanted == [NOISY]


def test_no_command_is_run_because_a_file_in_the_store_names_it(stage):
    evil = attrs.evolve(alert(NOISY, "web"), alert_command=("evil",))
    hook = attrs.evolve(evil, alert_command=None, alert_webhook="http://127.0.0.1:9/")
    firing_before(stage, AlertTask("web", "command", evil, Position(1, 90)))
    with logged() as events:
        stage.alerts.replace_alerts((alert("other"),))
    assert not removed(stage) and any("removed with its command" in one for one in events)
    firing_before(stage, AlertTask("web", "webhook", hook, Position(1, 90)))
    stage.alerts = stage.service()
    stage.alerts.replace_alerts((alert("other"),))
    assert [one.way for one in removed(stage)] == ["webhook"]


@pytest.mark.parametrize(
    "damage",
    [b"", b"rubbish", json_then_checksum({}), json_then_checksum({"alert": {}, "label": 1})],
)
def test_damaged_settings_of_what_fired_are_as_none(stage, damage):
    firing_before(stage, AlertTask("web", "command", alert(NOISY, "web"), Position(1, 90)))
    (Path(stage.place) / "alerts" / "1.json").write_bytes(damage)
    stage.alerts.replace_alerts((alert("other"),))
    assert not removed(stage)


def test_new_and_removed_alerts_begin_and_end_at_the_ends_of_all_stores(stage):
    """Also for a process that reads the settings of what fired from a file."""
    audit = number_of_store("audit")
    stage.rules = {audit: Position(3, 99).in_store(audit)}
    stage.alerts.replace_alerts((alert("a"),))
    [task] = stage.orders.tasks.values()
    assert str(task.begin) == "1:100,audit/3:99"
    stage.rules = {audit: Position(3, 500).in_store(audit)}
    stage.alerts.replace_alerts((alert("b"),))
    removed, added = stage.orders.tasks.values()
    if removed.until is None:
        removed, added = added, removed
    assert str(removed.until) == str(added.begin) == "1:100,audit/3:500"
    assert decode_task(**json.loads(json.dumps(as_document(removed)))) == removed


def test_a_store_of_a_rule_that_was_made_again_counts_from_its_first_line(stage):
    """More lines than the old place has bytes may come before the process has begun to read."""
    audit, web = number_of_store("audit"), number_of_store("web")
    stage.rules = {
        audit: Position(1, 900).in_store(audit),
        web: Position(4, 50).in_store(web),
    }
    stage.alerts.replace_alerts((alert("a"),))
    stage.alerts.stop()
    stage.rules[audit] = Position(1, 0).in_store(audit)
    stage.rules[web] = Position(4, 70).in_store(web)
    with logged() as said:
        stage.service().replace_alerts((alert("a"),))
    kept = AlertPlaces(stage.place, "", stage.clock)
    with closing(kept.folder):
        saved = kept.load_progress("1", 300)
    assert saved is not None and str(saved.position) == "1:100,web/4:50,audit/1:0"
    assert any(
        "at audit/1:900, and this store ends at audit/1:0: lines count from" in one for one in said
    )


def test_lines_count_from_the_end_of_another_store_in_the_place_of_one(stage):
    """It has more lines than the one before, so that the position alone does not tell."""
    audit, web = number_of_store("audit"), number_of_store("web")
    stage.rules = {one: Position(1, 900).in_store(one) for one in (audit, web)}
    stage.identities = {audit: "ab" * 16, web: "cd" * 16}
    stage.alerts.replace_alerts((alert("a"), alert(NOISY, "fired")))
    [task] = [one for one in stage.orders.tasks.values() if one.alert.name == "fired"]
    assert decode_task(**json.loads(json.dumps(as_document(task)))) == task
    stage.alerts.stop()
    stage.rules = {one: Position(4, 50).in_store(one) for one in (audit, web)}
    stage.identities[audit] = "ef" * 16
    for times in (1, 0):
        with logged() as said:
            stage.service().replace_alerts((alert("a"), alert(NOISY, "fired")))
        kept = AlertPlaces(stage.place, "", stage.clock)
        with closing(kept.folder):
            saved = kept.load_progress("1", 300)
        assert saved is not None and str(saved.position) == "1:100,web/1:900,audit/4:50"
        told = [one for one in said if f" of store {'ab' * 16}, and now this is" in one]
        # Once for each of the two places, and never again.
        assert len(told) == 2 * times


def test_what_a_removed_alert_has_to_report_ends_at_the_end_of_another_store(stage):
    """Else it would wait for lines up to a position that the other store may never reach."""
    audit = number_of_store("audit")
    stage.rules, stage.identities = {audit: Position(7, 0).in_store(audit)}, {audit: "ab" * 16}
    until = place_in({0: Position(1, 90), **stage.rules}, {**stage.identities})
    firing_before(stage, AlertTask("web", "command", alert(NOISY, "web"), until, until))
    stage.rules, stage.identities = {audit: Position(2, 5).in_store(audit)}, {audit: "cd" * 16}
    stage.alerts.replace_alerts((alert("other"),))
    [task] = removed(stage)
    assert str(task.until) == str(task.begin) == "1:90,audit/2:5"


def test_the_place_of_a_newer_program_stays_and_is_named(stage):
    stage.alerts.replace_alerts((alert("a"),))
    stage.alerts.stop()
    file = Path(stage.place) / "alerts" / "1"
    newer = json_then_checksum({"position": "?", "format": 4, "version": "9.1.0"})
    file.write_bytes(newer)
    later = stage.service()
    with logged() as said:
        later.replace_alerts((alert("a"),))
    assert any("was written by logsrv 9.1.0 or newer" in one for one in said)
    assert list(stage.orders.tasks) == ["2"] and file.read_bytes() == newer
