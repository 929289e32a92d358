"""Where a shipper begins: at its kept place, else where the operator wants it to."""

from pathlib import Path

import pytest

from logsrv.linelog.ship.shipping.ship_place import ShipPlace
from logsrv.linelog.store.segments.segment import Position
from tests.parts.ship_targets import FarSide, Process
from tests.parts.stores import line, make_store

STORE = "ab" * 16
LINE = line("x")
END = Position(2, 2 * len(LINE))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make_store(tmp_path / "logs", [[LINE], [LINE, LINE]])


def begun(directory: Path, ship_from: str) -> tuple[Position | None, list[str]]:
    """The place at which a shipper is that was killed before its target answered, and its troubles."""
    process = Process(directory)
    shipper = process.blocks(FarSide(asked=["hang"]), ship_from)
    shipper.start()
    process.kill()
    return shipper.position, [one.why for one in process.reports.all]


@pytest.mark.parametrize(
    ("ship_from", "place"), [("beginning", Position(1, 0)), ("end", END), ("2:0", Position(2, 0))]
)
def test_new_shippers_begin_at_ship_from(directory, ship_from, place):
    assert begun(directory, ship_from) == (place, [])
    # From now on that is the place.
    assert begun(directory, "beginning") == (place, [])


def test_a_place_of_another_store_is_reported_and_not_used(directory):
    ShipPlace(str(directory), "far", target="far:", clock=lambda: 1e9).save("cd" * 16, END)
    place, told = begun(directory, "beginning")
    assert place == Position(1, 0)
    assert len(told) == 1 and told[0].endswith("; lines are sent from beginning on")


def test_an_unreadable_place_is_a_store_error_and_not_replaced(directory):
    (directory / "ship" / "far").mkdir(parents=True)
    place, told = begun(directory, "end")
    assert place is None
    assert f"{directory}/ship/far cannot be read: Is a directory" in told


@pytest.mark.parametrize(("ship_from", "place"), [("beginning", Position(1, 0)), ("end", None)])
def test_a_first_place_must_be_saved_only_if_it_is_the_end(
    directory, monkeypatch, ship_from, place
):
    """A full disk: the end would be another after a kill, and lines would be missing."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(ShipPlace, "save", full)
    found, told = begun(directory, ship_from)
    assert found == place
    why = f"{directory}/ship/far cannot be saved: No space left on device"
    assert (why in told) == (place is None)
