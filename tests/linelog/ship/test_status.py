"""The state of targets as it is read from files, beside a daemon or without one."""

from pathlib import Path

import pytest

from logsrv.linelog.cursors.place import PlaceFolder
from logsrv.linelog.ship.ship_place import FOLDER, ShipPlace
from logsrv.linelog.ship.status import (
    ShipLag,
    TargetState,
    TargetStatus,
    save_state,
    save_target_names,
    target_statuses,
)
from logsrv.linelog.store.segment import Position
from tests.parts.stores import BEGIN, line, make_store, view_of

STORE = "ab" * 16
LINES = [line("a"), line("b", 1)]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return make_store(tmp_path / "store", [LINES])


def keep(store: Path, name: str, offset: int) -> ShipPlace:
    kept = ShipPlace(str(store), name, target=f"relp://{name}:1", clock=lambda: BEGIN)
    kept.save(STORE, Position(1, offset))
    return kept


def found(store: Path) -> dict[str, TargetStatus]:
    with view_of(store) as view:
        return {one.name: one for one in target_statuses(str(store), view, BEGIN + 10)}


def test_a_store_that_nothing_was_shipped_from_has_no_targets(store):
    assert found(store) == {}


def test_a_target_has_its_place_its_lag_and_its_state(store):
    kept = keep(store, "a", len(LINES[0]))
    assert kept.lock()
    state = TargetState(up=False, since="s", error="no route", failed="f")
    save_state(kept.folder.disk, "a", state)
    save_target_names(kept.folder.disk, {"a": 1, "b": 1})
    one = found(store)["a"]
    assert (one.target, one.state, one.running, one.up) == ("relp://a:1", state, True, False)
    assert (one.position, one.lag) == (
        Position(1, len(LINES[0])),
        ShipLag(len(LINES[1]), 1, 9),
    )
    assert found(store)["b"] == TargetStatus(
        name="b", wanted=True, running=False, state=TargetState()
    )
    kept.close()


def test_a_target_without_a_process_is_not_up_whatever_its_file_says(store):
    """After kill -9 nobody writes anything."""
    kept = keep(store, "a", 0)
    save_target_names(kept.folder.disk, {"a": 1})
    save_state(kept.folder.disk, "a", TargetState(up=True))
    assert kept.lock() and found(store)["a"].up
    kept.close()
    assert not found(store)["a"].up


def test_a_former_target_comes_last_in_the_status(store):
    for name in ("a", "b"):
        keep(store, name, 0).close()
    folder = PlaceFolder(str(store), FOLDER)
    save_target_names(folder.disk, {"b": 1})
    folder.close()
    assert [(one.name, one.wanted) for one in found(store).values()] == [("b", True), ("a", False)]


@pytest.mark.parametrize(
    "text",
    [
        *("", "rubbish", "[]", '{"targets": 3}', '{"targets": ["../a", "\\u001b[2J", 7, [], ""]}'),
        *('{"up": 1, "x": 2}', '{"up": [1]}', '{"error": 3}'),
    ],
)
def test_damaged_state_files_count_as_missing(store, text):
    keep(store, "a", 0).close()
    for name in ("targets.json", "a.json"):
        (store / "ship" / name).write_text(text)
    assert list(found(store)) == ["a"]
    assert found(store)["a"].state == TargetState()


def test_other_files_beside_the_places_are_no_targets(store):
    """A name that a terminal would obey is no target's."""
    keep(store, "a", 0).close()
    (store / "ship" / "\x1b[2J").write_text("x")
    assert list(found(store)) == ["a"]


def test_a_place_that_cannot_be_read_does_not_hide_the_others(store):
    for name in ("a", "b"):
        keep(store, name, 0).close()
    folder = PlaceFolder(str(store), FOLDER)
    save_target_names(folder.disk, {"a": 1, "b": 1})
    folder.close()
    (store / "ship" / "a").unlink()
    (store / "ship" / "a").mkdir()
    assert found(store)["a"].state.error == "its place: Is a directory"
    assert found(store)["b"].position is not None


def test_the_status_names_a_damaged_place(store):
    keep(store, "a", 0).close()
    (store / "ship" / "a").write_text("rubbish")
    one = found(store)["a"]
    assert one.position is None and "is damaged" in one.state.error
