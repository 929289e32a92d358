"""The places of alerts: how far each has come, over processes, reboots and jumps of the clock."""

from pathlib import Path

import attrs
import pytest

from logsrv.linelog.alerts.alert_places import (
    TASK_SUFFIX,
    AlertPlaces,
    AlertProgress,
    TaskKey,
)
from logsrv.linelog.alerts.alert_protocol import AlertTask
from logsrv.linelog.alerts.alert_settings import AlertSettings
from logsrv.linelog.alerts.alerts import saved_names_for
from logsrv.linelog.alerts.states.forgotten_groups import STATE_SUFFIX
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.segment import Position
from tests.parts.clocks import HandClock

ALERT = AlertSettings(alert="oops", name="web", alert_command=("x",), alert_every=300)
TASK = AlertTask("web", "command", ALERT, Position(1, 0))
PLACE = Position(3, 4)


def kept(directory: Path, now: float = 0, clock: float = 1e9, store: str = "") -> AlertPlaces:
    return AlertPlaces(str(directory), store, HandClock(monotonic=now, time_of_day=clock))


@pytest.mark.parametrize(
    ("now", "clock", "left"),
    [
        (50.0, 1e9 + 50, 250),
        # After a reboot the one clock has begun anew.
        (2.0, 1e9 + 100, 200),
        (2.0, 1e9 + 1e6, 0),
        # It was set back by a year: nobody waits for longer than an interval.
        (2.0, 1e9 - 3e7, 300),
    ],
)
def test_an_interval_goes_on_in_another_process(tmp_path, now, clock, left):
    kept(tmp_path).save_progress("1", TASK, AlertProgress(PLACE, 300.0))
    found = kept(tmp_path, now, clock).load_progress("1", 300)
    assert found is not None and found.position == PLACE
    assert found.due == pytest.approx(now + left, abs=0.01)


def test_a_place_without_an_interval_is_loaded_as_saved(tmp_path):
    kept(tmp_path).save_progress("1", TASK, AlertProgress(PLACE))
    assert kept(tmp_path).load_progress("1", 300) == AlertProgress(PLACE)
    assert kept(tmp_path).load_progress("2", 300) is None


def test_places_have_the_keys_of_their_alerts(tmp_path):
    places = kept(tmp_path, store="ab" * 16)
    places.save_progress("10", TASK, AlertProgress(PLACE))
    (tmp_path / "alerts" / "7").write_bytes(b"rubbish")
    (tmp_path / "alerts" / "8").symlink_to("10")
    (tmp_path / "alerts" / "9.tmp").touch()
    told: list[str] = []
    assert places.saved_keys(PLACE, told.append) == {"10": TaskKey("command", "web", "oops")}
    assert len(told) == 1 and "alerts/7 is damaged" in told[0]
    assert not kept(tmp_path, store="cd" * 16).saved_keys(PLACE, told.append)
    assert "belongs to another store" in told[-1]
    assert not places.saved_keys(Position(2, 9), told.append)
    assert "the store ends at 2:9" in told[-1]


def test_damaged_states_are_named(tmp_path):
    places = kept(tmp_path)
    for name in ("1", "2", "3"):
        places.save_progress(name, TASK, AlertProgress(PLACE))
    places.save_state("1", TASK, {"episodes": []})
    places.save_state("2", TASK, {"episodes": []})
    assert places.damage_of_states(["1", "2", "3"]) == []
    (tmp_path / "alerts" / "2.state").write_bytes(b"rubbish")
    [state] = places.damage_of_states(["1", "2", "3"])
    assert "2.state is damaged: what was firing is forgotten" in state


@pytest.mark.parametrize("left", [b"", b"half of a ta"])
def test_what_a_kill_left_beside_a_firing_alert_hinders_no_save(tmp_path, left):
    places = kept(tmp_path)
    places.save_progress("1", TASK, AlertProgress(PLACE))
    (tmp_path / "alerts" / f"1{TASK_SUFFIX}.tmp").write_bytes(left)
    condition = attrs.evolve(TASK, alert=attrs.evolve(ALERT, alert="oops | count > 0 in 1m"))
    for _ in range(2):
        places.save_state("1", condition, {"episodes": [[[], 5.0, 1, None, True]]})
        assert places.load_firing_task("1") == condition
    assert not [*(tmp_path / "alerts").glob("*.tmp")]


def test_the_settings_of_a_firing_alert_are_there_before_its_state_says_that_it_fires(
    tmp_path, monkeypatch
):
    """A kill in between: else nobody could tell its receiver that it is over, once it is removed."""
    places = kept(tmp_path)
    condition = attrs.evolve(TASK, alert=attrs.evolve(ALERT, alert="oops | count > 0 in 1m"))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Disk, "replace_durably", killed)
        with pytest.raises(KeyboardInterrupt):
            places.save_state("1", condition, {"episodes": [[[], 5.0, 1, None, True]]})
    assert (tmp_path / "alerts" / f"1{TASK_SUFFIX}").exists()
    assert not (tmp_path / "alerts" / f"1{STATE_SUFFIX}").exists()


def test_the_settings_of_an_alert_go_when_it_no_longer_fires(tmp_path):
    places = kept(tmp_path)
    condition = attrs.evolve(TASK, alert=attrs.evolve(ALERT, alert="oops | count > 0 in 1m"))
    for _ in range(2):
        places.save_state("1", condition, {"episodes": [[[], 5.0, 1, None, True]]})
        assert (tmp_path / "alerts" / f"1{TASK_SUFFIX}").exists()
        places.save_state("1", condition, {"episodes": []})
        assert not (tmp_path / "alerts" / f"1{TASK_SUFFIX}").exists()


def test_nothing_stays_of_an_alert_that_is_removed_while_it_fires(tmp_path):
    """The URL of a webhook may be a secret."""
    places = kept(tmp_path)
    condition = attrs.evolve(TASK, alert=attrs.evolve(ALERT, alert="oops | count > 0 in 1m"))
    places.save_progress("1", condition, AlertProgress(PLACE))
    places.save_state("1", condition, {"episodes": [[[], 5.0, 1, None, True]]})
    for _ in range(2):
        places.remove_place("1")
        assert [*(tmp_path / "alerts").iterdir()] == []


A, B = TaskKey("command", None, "a"), TaskKey("command", None, "b")
WEB = TaskKey("command", "web", "a")


@pytest.mark.parametrize(
    ("wanted", "kept", "changed", "found"),
    [
        # Another order, and one that is new.
        ([B, TaskKey("command", None, "c"), A], {"1": A, "2": B}, False, ["2", None, "1"]),
        # A name that is given, changed, taken away.
        ([WEB], {"1": A}, False, ["1"]),
        ([TaskKey("command", "other", "a")], {"1": WEB}, False, ["1"]),
        # The same query twice, told apart by name.
        (
            [WEB, TaskKey("command", "b", "a")],
            {"1": TaskKey("command", "b", "a"), "2": WEB},
            False,
            ["2", "1"],
        ),
        ([A, A], {"1": A, "2": A}, False, ["1", "2"]),
        # Another way is another task.
        ([TaskKey("webhook", None, "a")], {"1": A}, True, [None]),
        # Another query is another alert while the server runs; by its name it goes on at the next start.
        ([TaskKey("command", "web", "z")], {"1": WEB}, False, [None]),
        ([TaskKey("command", "web", "z")], {"1": WEB}, True, ["1"]),
        ([TaskKey("command", None, "z")], {"1": A}, True, [None]),
    ],
)
def test_an_alert_keeps_its_place_by_its_query_or_its_name(wanted, kept, changed, found):
    assert saved_names_for(wanted, kept, changed=tuple(kept) if changed else ()) == found
