"""Silences: what is taken and refused, kept, read of an earlier version, and changed by two at once."""

import os
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from logsrv.errors import StoreError
from logsrv.kit.testing.patience import PATIENCE
from logsrv.kit.text.checksums import json_with_checksum
from logsrv.linelog.alerts.alert_places import AlertPlaces
from logsrv.linelog.alerts.states import silences
from logsrv.linelog.alerts.states.silences import (
    FOLDER,
    LONGEST,
    MOST,
    SILENCES_FILE,
    AlertSilences,
    Group,
    Silence,
    UnknownAlertError,
    add_silence,
    changed_silences,
    checked_silence,
    end_of_silence,
    end_silences,
    load_silences,
    moment_of_end,
    read_silences,
    save_silences,
    silences_by_alert,
)
from logsrv.linelog.store.place import PlaceFolder
from tests.parts.clocks import HandClock
from tests.parts.stores import lines, make_store
from tests.parts.users import as_root

NIGHT = Silence("web", 1000.0, "new release")
SHOP = Silence("web", 500.0, group={"app": "shop", "host": None}, begun=3.0)
GROUP = {"alert": "x", "until": 9.0, "group": 5}
ALERTS = {
    "web": "| count > 5 in 1m by app, host",
    "lines": "x",
    "all": "| count > 5 in 1m",
    "old": "(",
}


def test_silences_go_on_until_their_end(tmp_path):
    folder = PlaceFolder(str(tmp_path), "alerts")
    assert load_silences(folder, 0) == []
    save_silences(str(tmp_path), folder, [NIGHT, SHOP, Silence("disk", 10.0)])
    assert load_silences(folder, 499) == [NIGHT, SHOP]
    assert load_silences(folder, 999) == [NIGHT]
    assert load_silences(folder, 1000) == []
    places = AlertPlaces(str(tmp_path), "", HandClock(time_of_day=5.0))
    assert [one.alert for one in places.silences()] == ["web", "web", "disk"]
    assert places.saved_names() == []


def test_a_damaged_file_silences_nothing(tmp_path):
    folder = PlaceFolder(str(tmp_path), "alerts")
    save_silences(str(tmp_path), folder, [NIGHT])
    (tmp_path / "alerts" / SILENCES_FILE).write_text('{"silences":[["web",1e9,""]]}\n')
    with pytest.raises(ValueError, match="is damaged"):
        load_silences(folder, 0)
    with pytest.raises(ValueError, match="is damaged"):
        AlertPlaces(str(tmp_path), "", HandClock(time_of_day=5.0)).silences()
    with pytest.raises(StoreError, match="is damaged, remove it"):
        add_silence(str(tmp_path), NIGHT, lambda: 0.0)


@pytest.mark.parametrize("found", [{"alert": 5}, 7, "web", [], {"alert": "x", "until": "y"}, GROUP])
def test_contents_that_are_no_silences_are_damage(tmp_path, found):
    folder = PlaceFolder(str(tmp_path), "alerts")
    folder.disk.replace_durably(SILENCES_FILE, json_with_checksum({"silences": [found]}))
    with pytest.raises(ValueError, match="is damaged"):
        load_silences(folder, 0)


def test_silences_of_an_earlier_version_go_on_and_can_be_ended(tmp_path):
    folder = PlaceFolder(str(tmp_path), "alerts")
    old = {"silences": [["web", 1000.0, "night"], ["disk", 1000.0]]}
    folder.disk.replace_durably(SILENCES_FILE, json_with_checksum(old))
    web, disk = load_silences(folder, 0)
    assert (web.alert, web.until, web.reason, web.group, web.begun) == (
        "web",
        1000.0,
        "night",
        None,
        None,
    )
    assert [web, disk] == load_silences(folder, 0) and web.id != disk.id
    [ended] = end_silences(str(tmp_path), lambda one: one.id == web.id, lambda: 0.0)
    assert ended == web and load_silences(folder, 0) == [disk]


@pytest.mark.parametrize(
    ("silence", "group", "covered"),
    [
        (NIGHT, {"app": "shop", "host": "a"}, True),
        (NIGHT, None, True),
        (SHOP, {"app": "shop", "host": None}, True),
        (SHOP, {"app": "shop", "host": "a"}, False),
        (SHOP, None, False),
        (SHOP, {}, False),
        (Silence("web", 9.0, group={"app": "shop"}), {"app": "shop", "host": "a"}, True),
        (Silence("web", 9.0, group={"host": None}), {"app": "shop"}, False),
    ],
)
def test_a_group_is_silent_if_it_has_the_values(silence, group, covered):
    assert (AlertSilences([silence]).until(group) is not None) is covered


def test_a_group_is_silent_until_the_last_of_its_silences():
    group: Group = {"app": "shop", "host": None}
    assert AlertSilences([SHOP, NIGHT]).until(group) == 1000.0
    assert AlertSilences([SHOP, SHOP, Silence("web", 9.0, group=SHOP.group)]).until(group) == 500.0
    assert AlertSilences([SHOP]).until({"app": "x", "host": None}) is None
    assert not AlertSilences() and AlertSilences([SHOP])
    assert silences_by_alert([SHOP, Silence("disk", 9.0)]).keys() == {"web", "disk"}


def asked(
    name: str = "web",
    group: Group | None = None,
    until: float = 200.0,
    reason: str = "",
    now: float = 100.0,
) -> Silence:
    return checked_silence(ALERTS, name, group=group, until=until, reason=reason, now=now)


def test_a_silence_knows_its_begin_and_cuts_a_value_as_groups_are_cut():
    found = asked(group={"app": "x" * 300})
    assert found.group == {"app": "x" * 200} and (found.begun, found.until) == (100.0, 200.0)
    assert asked().id != asked().id


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"until": 100.0}, "would end at 1970-01-01T00:01:40.000000Z, which is past"),
        ({"until": 101 + LONGEST}, "a silence lasts at most 90 days"),
        ({"reason": "x" * 201}, "has at most 200 characters"),
        ({"group": {"ap": "x"}}, "has no groups by ap; it has app or host"),
        ({"group": {}}, "at least one field"),
        ({"group": {f"f{n}": "x" for n in range(10_000)}}, "has no groups by f0"),
        ({"name": "lines", "group": {"app": "x"}}, "has no groups; silence all of it"),
        ({"name": "all", "group": {"app": "x"}}, "has no groups; silence all of it"),
        ({"name": "old", "group": {"app": "x"}}, "the text of alert old is wrong"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused_with_a_sentence(how, sentence):
    with pytest.raises(ValueError, match=sentence):
        asked(**how)


def test_an_unknown_alert_is_not_silenced():
    with pytest.raises(UnknownAlertError, match=r"no alert is called wbe \(did you mean web\?\)"):
        asked("wbe")


def test_ends_of_silences_are_lengths_and_times():
    assert end_of_silence("2h", 100) == 7300
    assert moment_of_end("1970-01-02T00:00:00Z", 100) == 86400
    for wrong in ("ever", "", "-1h"):
        with pytest.raises(ValueError, match="is not a length of time"):
            end_of_silence(wrong, 0)
    # Too long, which is refused later with its sentence.
    assert end_of_silence("99999999d", 0) > LONGEST
    assert moment_of_end("9999-12-31T00:00:00Z", 0) > LONGEST


def test_more_silences_than_may_be_are_refused_and_those_of_before_stay(tmp_path):
    folder = PlaceFolder(str(tmp_path), "alerts")
    save_silences(str(tmp_path), folder, [Silence("web", 9.0)] * MOST)
    with pytest.raises(ValueError, match="500 silences at most; end one first"):
        add_silence(str(tmp_path), NIGHT, lambda: 0.0)
    assert len(load_silences(folder, 0)) == MOST
    # Those that are over make room.
    add_silence(str(tmp_path), NIGHT, lambda: 9.0)
    assert load_silences(folder, 9) == [NIGHT]


def test_of_silences_that_begin_at_the_same_moment_all_are_kept(tmp_path):
    (tmp_path / FOLDER).mkdir()
    threads = [
        Thread(target=add_silence, args=(str(tmp_path), Silence(f"a{n}", 9.0), lambda: 0.0))
        for n in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
    assert {one.alert for one in read_silences(str(tmp_path), 0)} == {f"a{n}" for n in range(8)}


def test_who_keeps_the_lock_for_long_makes_nobody_wait_for_ever(tmp_path, monkeypatch):
    monkeypatch.setattr(silences, "LOCK_TRIES", 2)
    with closing(PlaceFolder(str(tmp_path), FOLDER)) as other:
        assert other.lock("silences")
        with pytest.raises(StoreError, match="another process keeps the silences locked"):
            add_silence(str(tmp_path), NIGHT, lambda: 0.0)
    assert not Path(tmp_path, FOLDER, SILENCES_FILE).exists()
    add_silence(str(tmp_path), NIGHT, lambda: 0.0)
    assert read_silences(str(tmp_path), 0) == [NIGHT]


@as_root
def test_what_root_made_for_a_silence_is_of_the_user_of_the_server(tmp_path):
    """Also if the silence was refused in the end: the server needs the lock."""
    store = make_store(tmp_path / "store", [lines(["a"])])
    os.chown(store, 65534, 65533)
    with (
        pytest.raises(ValueError, match="500 silences"),
        changed_silences(str(store), lambda: 0.0) as found,
    ):
        found += [NIGHT] * (MOST + 1)
    add_silence(str(store), NIGHT, lambda: 0.0)
    made = [store / "alerts", *(store / "alerts").iterdir()]
    assert {one.name for one in made} == {"alerts", "silences.json", "silences.lock"}
    assert {(one.stat().st_uid, one.stat().st_gid) for one in made} == {(65534, 65533)}
