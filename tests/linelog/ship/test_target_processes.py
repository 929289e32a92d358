"""The daemon's side of shipping: a process for each target, and what retention is to leave."""

import json
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from logsrv.errors import ConfigurationError
from logsrv.kit.children.resident import PAUSES
from logsrv.kit.observe.metrics import Metrics
from logsrv.linelog.plugin.monitoring import METRICS
from logsrv.linelog.ship.address import MISSING, parse_ship_url
from logsrv.linelog.ship.orders import decode_orders
from logsrv.linelog.ship.reports import (
    PlaceSaved,
    SegmentsReleased,
    ShipReport,
    TargetUp,
    encode_report,
)
from logsrv.linelog.ship.ship_place import ShipPlace
from logsrv.linelog.ship.ship_settings import ShipSettings
from logsrv.linelog.ship.target_processes import (
    TargetOrders,
    TargetProcesses,
    saved_holds,
    targets_of_rule_store,
)
from logsrv.linelog.store.policy import Hold
from logsrv.linelog.store.segment import Position
from tests.parts.child_processes import Spawned, Spawner
from tests.parts.clocks import HandClock
from tests.parts.reactor import logged

STORE = "ab" * 16


def target(name: str, **given: object) -> ShipSettings:
    url = parse_ship_url(f"relp://{name}:2514")
    return ShipSettings(**{"ship": url, "name": name, "ship_at_most": 1000, **given})  # type: ignore[arg-type]


class Stage:
    """Target processes that do nothing."""

    def __init__(self, directory: Path, rule: str = "", main: str = STORE) -> None:
        self.reactor = Spawner()
        self.metrics = Metrics(METRICS)
        self.place = directory
        self.identity = STORE
        self.holds: list[Hold] = []
        self.told = 0
        self.orders = TargetOrders()
        self.processes = TargetProcesses(
            directory=lambda: str(self.place),
            identity=lambda: self.identity,
            hold=self._hold,
            clock=HandClock(),
            reactor=self.reactor,
            metrics=self.metrics,
            orders=self.orders,
            rule=rule,
            main_identity=lambda: main,
        )

    def _hold(self, holds: Sequence[Hold]) -> None:
        self.holds = list(holds)
        self.told += 1

    def change(self, *targets: ShipSettings) -> None:
        self.orders.prepare(targets)
        self.processes.set_targets(targets)

    def running(self) -> dict[str, Spawned]:
        """The processes that run, by the names of their targets."""
        found = {}
        for one in self.reactor.processes:
            if not one.protocol.over and not one.closed:
                orders = decode_orders(one.said[0])
                assert (orders.directory, orders.store) == (str(self.place), STORE)
                assert orders.name not in found
                found[orders.name] = one
        return found

    def report(self, name: str, report: ShipReport) -> None:
        self.running()[name].say(encode_report(report))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_each_target_has_a_process_of_its_own(stage):
    stage.change(target("a"), target("b", query="oops"))
    assert stage.running().keys() == {"a", "b"}
    assert decode_orders(stage.running()["b"].said[0]).query == "oops"
    found = json.loads((stage.place / "ship" / "targets.json").read_text())
    assert found == {"targets": ["a", "b"], "begins": {"a": 1, "b": 1}}


def test_a_server_that_was_killed_leaves_where_a_target_began(tmp_path):
    """It had no place yet: what retention removes meanwhile is gone for it, and is to be counted."""
    for number in (3, 4):
        (tmp_path / f"{number:010}-20261120T061842Z.log").write_bytes(b"")
    (tmp_path / "current.log").write_bytes(b"")
    Stage(tmp_path).change(target("a"))
    (tmp_path / "0000000003-20261120T061842Z.log").unlink()
    after = Stage(tmp_path)
    after.change(target("a"), target("b"))
    begins = {name: decode_orders(one.said[0]).begin for name, one in after.running().items()}
    assert begins == {"a": 3, "b": 4}


def test_a_reload_leaves_those_alone_that_did_not_change(stage):
    stage.change(target("a"), target("b"), target("c"))
    before = stage.running()
    stage.change(target("a"), target("b", query="oops"), target("d"))
    before["b"].end()
    before["c"].end()
    now = stage.running()
    assert now.keys() == {"a", "b", "d"}
    assert now["a"] is before["a"] and now["a"].said[1:] == []
    assert decode_orders(now["b"].said[0]).query == "oops"


def test_a_target_that_comes_back_is_shipped_to_again(stage):
    """With the same orders as before it was taken out; also while its first process is still ending."""
    for ends_first in (True, False):
        stage.change(target("a"))
        before = stage.running()["a"]
        stage.change()
        assert stage.running() == {} and stage.holds == []
        if ends_first:
            before.end()
        stage.change(target("a"))
        if not ends_first:
            before.end()
        assert stage.running()["a"] is not before
        assert stage.holds == [Hold("a", 0, 1000)]


def test_a_target_that_comes_back_with_another_query_is_told_that_one(stage):
    stage.change(target("a"))
    before = stage.running()["a"]
    stage.change()
    before.end()
    stage.change(target("a", query="oops"))
    assert [decode_orders(one).query for one in stage.running()["a"].said] == ["oops"]


def test_another_limit_alone_disturbs_no_process(stage):
    stage.change(target("a"))
    stage.change(target("a", ship_at_most=7))
    assert len(stage.reactor.processes) == 1 and stage.holds == [Hold("a", 0, 7)]


def test_a_process_that_dies_is_started_again_with_the_same_orders(stage):
    stage.change(target("a"), target("b"))
    stage.report("a", TargetUp("at least once"))
    assert stage.metrics.value("ship_up", target="a") == 1
    with logged() as said:
        stage.running()["a"].end(b"no such host\n", 1)
        assert stage.running().keys() == {"b"}
        stage.reactor.advance(PAUSES[0])
    assert stage.running().keys() == {"a", "b"}
    assert said[0].startswith("ship a: the process ended with status 1 (no such host)")
    assert stage.metrics.value("ship_up", target="a") == 0


def test_a_target_whose_process_is_dead_is_not_up(stage):
    """The next process may not start for long, if the system has no room for it."""
    stage.change(target("a", ship=parse_ship_url("file:///srv/archive")))
    stage.report("a", TargetUp("at least once"))
    stage.report("a", PlaceSaved(Position(9, 0)))
    stage.report("a", SegmentsReleased(5))
    stage.reactor.full = True
    with logged():
        stage.running()["a"].end(signal=9)
        assert stage.metrics.value("ship_up", target="a") == 0
        assert stage.holds[0].first_kept == 0, "nobody looks into the archive any more"
        stage.reactor.advance(PAUSES[0])
    assert stage.metrics.value("ship_up", target="a") == 0


def test_the_end_of_a_process_at_a_stop_is_no_news_for_retention(stage):
    stage.change(target("a", ship=parse_ship_url("file:///srv/archive")))
    stage.report("a", PlaceSaved(Position(9, 0)))
    stage.report("a", SegmentsReleased(5))
    stage.processes.stop()
    told = stage.told
    stage.reactor.last.end()
    assert stage.told == told


def test_retention_leaves_what_a_target_does_not_have(stage):
    stage.change(target("a"), target("b", ship_from="7:100", ship_at_most=5))
    assert stage.holds == [Hold("a", 0, 1000), Hold("b", 7, 5)]
    stage.report("a", PlaceSaved(Position(3, 10)))
    assert stage.holds == [Hold("a", 3, 1000), Hold("b", 7, 5)]
    told = stage.told
    stage.report("a", PlaceSaved(Position(3, 90)))
    assert stage.told == told
    stage.change(target("a"))
    assert stage.holds == [Hold("a", 3, 1000)]


def test_retention_waits_until_an_archive_was_looked_at(stage):
    """The process is told what is due, and what it has seen there may go."""
    stage.change(target("a", ship=parse_ship_url("file:///srv/archive")))
    stage.report("a", PlaceSaved(Position(9, 0)))
    [hold] = stage.holds
    assert (hold.segment, hold.first_kept) == (9, 0) and hold.looks is not None
    hold.looks(4)
    assert [decode_orders(line).due for line in stage.running()["a"].said] == [0, 4]
    stage.report("a", SegmentsReleased(5))
    assert stage.holds[0].first_kept == 5
    with logged():
        stage.running()["a"].end(signal=9)
        stage.reactor.advance(PAUSES[0])
    assert stage.holds[0].first_kept == 0, "nobody looks any more"
    assert decode_orders(stage.running()["a"].said[0]).due == 4


def test_retention_that_asks_often_disturbs_the_process_once_and_the_log_never(stage):
    archive = target("a", ship=parse_ship_url("file:///srv/archive"))
    with logged() as said:
        stage.change(archive)
        stage.report("a", PlaceSaved(Position(9, 0)))
        for due in (4, 4, 5, 5):
            stage.holds[0].looks(due)
        assert [decode_orders(line).due for line in stage.running()["a"].said] == [0, 4, 5]
        # Another process is said to send, also after one that was only asked.
        stage.running()["a"].end(signal=9)
        stage.reactor.advance(PAUSES[0])
    assert len([one for one in said if "sends lines on to" in one]) == 2


RELOADS = st.tuples(
    st.just("reload"), st.lists(st.sampled_from("abc"), unique=True), st.integers(1, 2)
)
OTHERS = st.tuples(st.sampled_from(["place", "die", "wait"]), st.sampled_from("abc"))


@example(
    [("reload", ["a", "b"], 1), ("place", "a"), ("die", "a"), ("wait", "a"), ("reload", ["b"], 2)]
)
@given(st.lists(st.one_of(RELOADS, OTHERS), min_size=2, max_size=15))
def test_in_any_order_of_reloads_reports_and_deaths_holds_and_names_are_of_the_present_targets(
    tmp_path_factory, steps
):
    stage = Stage(tmp_path_factory.mktemp("store"))
    wanted: list[str] = []
    most, places = 0, dict.fromkeys("abc", 0)
    with logged():
        for step, *given_ in steps:
            if step == "reload":
                wanted, most = given_
                stage.change(*(target(name, ship_at_most=most) for name in wanted))
            elif step == "wait":
                stage.reactor.advance(PAUSES[-1])
                assert stage.running().keys() == {*wanted}
            elif (one := stage.running().get(given_[0])) is not None:
                name = given_[0]
                if step == "place":
                    places[name] += 1
                    one.say(encode_report(PlaceSaved(Position(places[name], 0))))
                else:
                    one.end(signal=9)
            for process in stage.reactor.processes:
                if process.closed and not process.protocol.over:
                    process.end()
            assert {*stage.holds} == {Hold(one, places[one], most) for one in wanted}
            names = stage.place / "ship" / "targets.json"
            found = json.loads(names.read_text())["targets"] if names.exists() else []
            assert {*found} == {*wanted}
            gauges = [
                labels for metric, labels, _ in stage.metrics.read() if metric.name == "ship_up"
            ]
            assert sorted(dict(one)["target"] for one in gauges) == sorted(wanted)


def test_a_kept_place_counts_before_the_process_says_anything(stage):
    """The sealer may begin before any process does."""
    kept = ShipPlace(str(stage.place), "a", target="relp://a:2514", clock=lambda: 0)
    kept.save(STORE, Position(5, 10))
    kept.close()
    assert saved_holds(str(stage.place), [target("a"), target("b", ship_from="end")]) == [
        Hold("a", 5, 1000)
    ]
    stage.change(target("a", ship_from="end"))
    assert stage.holds == [Hold("a", 5, 1000)]


def test_a_damaged_place_holds_all(stage):
    (stage.place / "ship").mkdir()
    (stage.place / "ship" / "a").write_text("rubbish\n")
    assert saved_holds(str(stage.place), [target("a")]) == [Hold("a", 0, 1000)]


def test_a_store_without_an_identity_ships_nothing_and_says_so(stage):
    stage.identity = ""
    with logged() as said:
        stage.change(target("a"))
    assert not stage.reactor.processes
    why = f"the store {stage.place} has no identity, so nothing can be shipped from it"
    assert said == [f"ship: {why}"]


def test_the_end_of_a_store_without_lines_is_its_first_line(tmp_path):
    """Also if lines come before the target's process has started, and after a kill."""
    (tmp_path / "current.log").write_bytes(b"")
    first = Stage(tmp_path)
    first.change(target("a", ship_from="end"))
    assert first.holds == [Hold("a", 1, 1000)]
    (tmp_path / "current.log").write_bytes(b"x\n")
    kept = ShipPlace(str(tmp_path), "a", target="relp://a:2514", clock=lambda: 0)
    assert kept.load(STORE, Position(1, 2)) == Position(1, 0) and kept.new
    kept.close()
    again = Stage(tmp_path)
    again.change(target("a", ship_from="end"), target("b", ship_from="end"))
    assert again.holds == [Hold("a", 1, 1000)], "b begins at the end"
    assert not (tmp_path / "ship" / "b").exists()


def test_a_place_is_not_begun_again_when_retention_has_removed_all_lines(tmp_path):
    (tmp_path / "current.log").write_bytes(b"")
    kept = ShipPlace(str(tmp_path), "a", target="relp://a:2514", clock=lambda: 0)
    kept.save(STORE, Position(7, 3))
    kept.close()
    Stage(tmp_path).change(target("a", ship_from="end"))
    assert '"7:3"' in (tmp_path / "ship" / "a").read_text()


def test_the_end_of_a_new_store_whose_place_cannot_be_saved_is_told(tmp_path):
    (tmp_path / "current.log").write_bytes(b"")
    (tmp_path / "ship").write_text("in the way")
    stage = Stage(tmp_path)
    with logged() as said:
        stage.change(target("a", ship_from="end"))
    assert "the first lines of" in said[0] and "may not be sent" in said[0]
    assert [*stage.running()] == ["a"]


def test_the_store_of_a_rule_is_shipped_under_its_name(tmp_path):
    """From its first line, if a target begins at a position, which is one of the main store."""
    stage = Stage(tmp_path, rule="audit", main="cd" * 16)
    targets = targets_of_rule_store([target("a", ship_from="17:5"), target("b", ship_from="end")])
    assert [one.ship_from for one in targets] == ["beginning", "end"]
    stage.orders.prepare([target("a", ship_from="17:5"), target("b", ship_from="end")])
    with logged() as said:
        stage.processes.set_targets(targets)
        stage.report("a", TargetUp("at least once"))
    orders = decode_orders(stage.running()["a"].said[0])
    assert (orders.ship_from, orders.rule, orders.main) == ("beginning", "audit", "cd" * 16)
    assert "ship a (stores/audit): at least once" in said
    assert stage.metrics.value("ship_up", target="a", rule="audit") == 1
    assert stage.metrics.value("ship_up", target="a", rule="") == 0


def test_the_secrets_are_read_once_for_all_stores(tmp_path):
    (tmp_path / "token").write_text("one")
    (tmp_path / "token").chmod(0o600)
    orders = TargetOrders()
    one = target("a", ship=parse_ship_url("ndjson+https://a/x"), ship_token_file=tmp_path / "token")
    orders.prepare([one])
    (tmp_path / "token").unlink()
    [of_rule] = targets_of_rule_store([attrs.evolve(one, ship_from="1:0")])
    assert orders.of(of_rule).token == orders.of(one).token == "one"
    with pytest.raises(ConfigurationError, match="token"):
        orders.of(attrs.evolve(one, query="x"))


def test_a_missing_file_refuses_the_settings_and_nothing_changes(stage):
    stage.change(target("a"))
    with pytest.raises(ConfigurationError, match="ship-token-file"):
        stage.orders.prepare((target("a", ship_token_file=Path("/no")),))
    stage.change(target("a"))
    assert len(stage.reactor.processes) == 1


def test_a_stop_waits_for_all_processes(stage):
    stage.change(target("a"), target("b"))
    one, two = stage.reactor.processes
    stopped = stage.processes.stop()
    one.end()
    assert not stopped.called
    two.end()
    assert stopped.called
    stage.processes.set_targets((target("c"),))
    assert stage.running() == {}


def test_a_stop_without_targets_is_done_at_once(stage):
    stage.change()
    assert stage.processes.stop().called
    assert not (stage.place / "ship").exists()


def test_names_that_could_not_be_written_are_written_later(stage):
    names = stage.place / "ship" / "targets.json"
    names.mkdir(parents=True)
    with logged() as lines:
        stage.change(target("a"))
        stage.report("a", TargetUp("at least once"))
    assert sum("names of the targets" in line for line in lines) == 1
    names.rmdir()
    stage.report("a", TargetUp("at least once"))
    assert "a" in names.read_text()
    names.unlink()
    names.mkdir()
    with logged() as lines:
        stage.change(target("a"), target("b"))
    assert sum("names of the targets" in line for line in lines) == 1


def test_lines_wait_for_a_target_whose_plugin_is_broken(stage):
    """No process is started for it; it stays among the targets, and retention keeps its lines."""
    left = target("far", ship=MISSING.parse("plain://far/room", "plain"))
    with logged() as said:
        stage.change(target("a"), left)
    assert "ship far: it is left out, as a plugin cannot be loaded" in said[0]
    assert list(stage.running()) == ["a"]
    assert stage.holds == [Hold("far", 0, 1000), Hold("a", 0, 1000)]
    found = json.loads((stage.place / "ship" / "targets.json").read_text())
    assert found["targets"] == ["a", "far"]
    stage.change(target("a"))
    assert stage.holds == [Hold("a", 0, 1000)]


def test_a_broken_plugin_is_told_once_and_its_lines_wait_in_each_store(tmp_path):
    """By the main store; retention keeps the lines of the store of a rule as well."""
    stage = Stage(tmp_path, rule="audit")
    with logged() as said:
        stage.processes.set_targets((target("far", ship=MISSING.parse("plain://far/x", "plain")),))
    assert not said and stage.holds == [Hold("far", 0, 1000)]
