"""The lag of a target: bytes, lines and the age of the first line that it lacks."""

from pathlib import Path

import pytest

from logsrv.linelog.ship.status import LagMeter, ShipLag
from logsrv.linelog.store.segment import Position
from tests.parts.stores import BEGIN, line, lines, make_store, view_of

A, B, C = lines(["a", "bb"]), lines(["c"], begin=10), lines(["dd", "e"], begin=20)


def lag_at(directory: Path, position: Position, packed: int = -1) -> ShipLag:
    with view_of(make_store(directory / "store", [A, B, C], packed)) as view:
        return LagMeter(view).measure(position, BEGIN + 100)


def size(*held: list[bytes]) -> int:
    return sum(len(one) for lines in held for one in lines)


@pytest.mark.parametrize("packed", [-1, 0, 1])
def test_a_target_that_has_nothing_lacks_all(tmp_path, packed):
    assert lag_at(tmp_path, Position(1, 0), packed) == ShipLag(size(A, B, C), 5, 100)


@pytest.mark.parametrize("packed", [-1, 0, 1])
def test_the_lag_is_the_text_after_the_place(tmp_path, packed):
    assert lag_at(tmp_path, Position(1, len(A[0])), packed) == ShipLag(size(A[1:], B, C), 4, 99)


def test_the_end_of_a_segment_is_the_beginning_of_the_next(tmp_path):
    with view_of(make_store(tmp_path / "store", [A, B, C])) as view:
        for place in (Position(1, size(A)), Position(2, 0)):
            assert LagMeter(view).measure(place, BEGIN + 100) == ShipLag(size(B, C), 3, 90)


def test_an_archive_lacks_only_what_is_sealed(tmp_path):
    """The active segment may be a day old: that is nothing to be alarmed about."""
    with view_of(make_store(tmp_path / "store", [A, B, C])) as view:
        meter = LagMeter(view)
        assert meter.measure(Position(2, 0), BEGIN + 100, only_sealed=True) == ShipLag(
            size(B), 1, 90
        )
        assert meter.measure(Position(3, 0), BEGIN + 100, only_sealed=True) == ShipLag(0, 0, 0)


def test_a_target_that_has_all_lacks_nothing(tmp_path):
    assert lag_at(tmp_path, Position(3, size(C))) == ShipLag(0, 0, 0)


def test_a_place_that_is_gone_is_as_good_as_the_first_that_is_there(tmp_path):
    assert lag_at(tmp_path, Position(0, 17)) == ShipLag(size(A, B, C), 5, 100)


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
