"""The state of targets as it is read from files, beside a daemon or without one; the lag."""

from pathlib import Path

import pytest

from logsrv.linelog.ship.ship_place import FOLDER, ShipPlace
from logsrv.linelog.ship.status import (
    LagMeter,
    ShipLag,
    TargetState,
    TargetStatus,
    save_state,
    save_target_names,
    target_statuses,
)
from logsrv.linelog.store.place import PlaceFolder
from logsrv.linelog.store.segment import Position
from tests.parts.stores import BEGIN, line, lines, make_store, view_of

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


@pytest.mark.parametrize("why", ["its place: Is a directory", "is damaged"])
def test_a_place_that_cannot_be_read_does_not_hide_the_others(store, why):
    for name in ("a", "b"):
        keep(store, name, 0).close()
    (store / "ship" / "a").unlink()
    if why == "is damaged":
        (store / "ship" / "a").write_text("rubbish")
    else:
        (store / "ship" / "a").mkdir()
        (store / "ship" / "targets.json").write_text('{"targets": ["a", "b"]}')
    one = found(store)["a"]
    assert one.position is None and why in one.state.error
    assert found(store)["b"].position is not None


A, B, C = lines(["a", "bb"]), lines(["c"], begin=10), lines(["dd", "e"], begin=20)


def size(*held: list[bytes]) -> int:
    return sum(len(one) for lines in held for one in lines)


@pytest.mark.parametrize("packed", [-1, 0, 1])
@pytest.mark.parametrize(
    ("place", "lag"),
    [
        (Position(1, 0), ShipLag(size(A, B, C), 5, 100)),
        (Position(1, len(A[0])), ShipLag(size(A[1:], B, C), 4, 99)),
        # The end of a segment is the beginning of the next; what is gone is passed over.
        (Position(1, size(A)), ShipLag(size(B, C), 3, 90)),
        (Position(2, 0), ShipLag(size(B, C), 3, 90)),
        (Position(0, 17), ShipLag(size(A, B, C), 5, 100)),
        (Position(3, size(C)), ShipLag(0, 0, 0)),
    ],
)
def test_the_lag_is_the_text_after_the_place(tmp_path, place, lag, packed):
    with view_of(make_store(tmp_path / "store", [A, B, C], packed)) as view:
        assert LagMeter(view).measure(place, BEGIN + 100) == lag


def test_an_archive_lacks_only_what_is_sealed(tmp_path):
    """The active segment may be a day old: that is nothing to be alarmed about."""
    with view_of(make_store(tmp_path / "store", [A, B, C])) as view:
        meter = LagMeter(view)
        assert meter.measure(Position(2, 0), BEGIN + 100, only_sealed=True) == ShipLag(
            size(B), 1, 90
        )
        assert meter.measure(Position(3, 0), BEGIN + 100, only_sealed=True) == ShipLag(0, 0, 0)


def test_it_is_measured_anew_as_lines_come_and_segments_end(tmp_path):
    directory = make_store(tmp_path / "store", [A])
    with view_of(directory) as view:
        meter = LagMeter(view)
        place = Position(1, size(A))
        assert meter.measure(place, BEGIN) == ShipLag(0, 0, 0)
        with (directory / "current.log").open("ab") as file:
            file.write(line("x", 5))
        assert meter.measure(place, BEGIN + 7) == ShipLag(len(line("x", 5)), 1, 2)
        (directory / "current.log").rename(directory / "0000000001-20261120T060000Z.log")
        (directory / "number").write_bytes(b"2\n")
        (directory / "current.log").write_bytes(line("yy", 6))
        assert meter.measure(place, BEGIN + 7) == ShipLag(
            len(line("x", 5)) + len(line("yy", 6)), 2, 2
        )
        assert meter.measure(Position(2, 0), BEGIN + 7) == ShipLag(len(line("yy", 6)), 1, 1)


def test_a_sealed_segment_is_read_once_however_often_a_target_that_stands_is_asked_for(
    tmp_path, monkeypatch
):
    place = Position(1, len(A[0]))
    with view_of(make_store(tmp_path / "store", [A, B, C])) as view:
        meter = LagMeter(view)
        lag = meter.measure(place, BEGIN)
        # The age of the first line is known, too.
        monkeypatch.setattr(view, "open_segment", {3: view.open_segment(3)}.pop)
        assert meter.measure(place, BEGIN) == lag


def test_many_lines_are_estimated_by_the_first_of_them(tmp_path):
    many = [line("x" * 100)] * 40_000
    with view_of(make_store(tmp_path / "store", [many])) as view:
        found = LagMeter(view).measure(Position(1, 0), BEGIN)
    assert found.bytes == size(many) and abs(found.lines - 40_000) <= 10


def test_a_clock_that_was_put_back_makes_no_lag_that_is_negative(tmp_path):
    with view_of(make_store(tmp_path / "store", [A])) as view:
        assert LagMeter(view).measure(Position(1, 0), BEGIN - 50).seconds == 0


def test_a_damaged_frame_does_not_stop_the_measuring_of_lag(tmp_path):
    directory = make_store(tmp_path / "store", [A, B])
    [packed] = directory.glob("*.zst")
    packed.write_bytes(packed.read_bytes()[:-5] + b"\0\0\0\0\0")
    with view_of(directory) as view:
        assert LagMeter(view).measure(Position(1, 5), BEGIN + 100).lines <= 3
