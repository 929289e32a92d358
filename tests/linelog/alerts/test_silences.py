"""The silences of a store, in a file."""

import pytest

from logsrv.linelog.alerts.alert_places import AlertPlaces
from logsrv.linelog.alerts.silences import FILE, Silence, load_silences, save_silences
from logsrv.linelog.cursors.folder import PlaceFolder
from tests.parts.clocks import HandClock

NIGHT = Silence("web", 1000.0, "new release")


def test_silences_go_on_until_their_end(tmp_path):
    folder = PlaceFolder(str(tmp_path), "alerts")
    assert load_silences(folder, 0) == {}
    save_silences(str(tmp_path), folder, [NIGHT, Silence("disk", 10.0)])
    assert load_silences(folder, 999) == {"web": NIGHT}
    assert load_silences(folder, 1000) == {}
    places = AlertPlaces(str(tmp_path), "", HandClock(time_of_day=5.0))
    assert places.silenced_labels() == {"web", "disk"}
    assert places.saved_names() == []


def test_a_damaged_file_silences_nothing(tmp_path):
    folder = PlaceFolder(str(tmp_path), "alerts")
    save_silences(str(tmp_path), folder, [NIGHT])
    (tmp_path / "alerts" / FILE).write_text('{"silences":[["web",1e9,""]]}\n')
    with pytest.raises(ValueError, match="is damaged"):
        load_silences(folder, 0)
    assert not AlertPlaces(str(tmp_path), "", HandClock(time_of_day=5.0)).silenced_labels()
