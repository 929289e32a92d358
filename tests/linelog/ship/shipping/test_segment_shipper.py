"""A shipper of sealed segments, against an archive in a directory."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed

from logsrv.linelog.ship.out.archive import as_target
from logsrv.linelog.ship.shipping.segment_shipper import SegmentShipper
from logsrv.linelog.ship.target import Unavailable
from logsrv.linelog.store.archive.directory import DirectoryArchive
from logsrv.linelog.store.archive.kept import archived, note_archived, noted_url
from logsrv.linelog.store.archive.manifest import Manifest, names_of
from logsrv.linelog.store.archive.putting import find, put
from logsrv.linelog.store.disk.disk import Disk
from logsrv.linelog.store.segments.segment import Position, Segment
from tests.linelog.ship.shipping.fakes import Process
from tests.linelog.store.archive.segments import STORE, files_of, packed, sealed_store
from tests.linelog.store.faults import at


@attrs.define
class Place:
    """An archive that answers at once. script: an exception each, or `hang`, for the next segments."""

    path: Path
    script: list[Any] = attrs.field(factory=list)
    promise: str = "once"
    asked: int = 0
    puts: int = 0
    url: str = attrs.Factory(lambda self: f"file://{self.path}", takes_self=True)

    @property
    def archive(self) -> DirectoryArchive:
        return DirectoryArchive(str(self.path))

    def names(self) -> Deferred[list[str]]:
        self.asked += 1
        return self._do(lambda: names_of(self.archive.names(f"{STORE}/"), STORE))

    def has(self, name: str) -> Deferred[bool]:
        self.asked += 1
        return self._do(lambda: find(self.archive, STORE, name) is not None)

    def put(self, packed: Segment, disk: Disk) -> Deferred[Manifest]:
        self.puts += 1
        step = self.script.pop(0) if self.script else None
        if step == "hang":
            return Deferred()
        if step is not None:
            return fail(step)
        return self._do(lambda: put(self.archive, packed, disk, STORE))

    def _do(self, step: Callable[[], Any]) -> Deferred[Any]:
        return maybeDeferred(step).addErrback(as_target)

    def close(self) -> Deferred[None]:
        return succeed(None)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return sealed_store(tmp_path / "store", 3, count=50)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    (tmp_path / "archive").mkdir()
    return Place(tmp_path / "archive")


class Running(Process):
    """A process that ships sealed segments."""

    def __init__(self, store: Path, place: Place, ship_from: str = "beginning") -> None:
        super().__init__(store)
        self.segments = SegmentShipper(
            view=self.view,
            disk=Disk().enter(store),
            target=place,
            kept=self.kept,
            store=STORE,
            ship_from=ship_from,
            clock=self.clock,
            random=lambda: 1.0,
            report=self.reports,
        )
        self.segments.start()
        self.run()


@pytest.fixture
def start(store: Path, place: Place) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def run(ship_from: str = "beginning") -> Running:
        for one in started:
            one.kill()
        started[:] = [Running(store, place, ship_from)]
        return started[0]

    yield run
    for one in started:
        one.kill()


Runs = Callable[..., Running]


def names(place: Place) -> list[int]:
    return [int(name[:10]) for name in names_of(place.archive.names(), STORE)]


def test_all_sealed_segments_go_and_are_noted(start: Runs, store: Path, place: Place) -> None:
    process = start()
    assert names(place) == [1, 2, 3]
    assert process.segments.position == Position(4, 0)
    for one in packed(store):
        assert archived(at(store), one) == find(place.archive, STORE, one.name)
    taken = process.reports.of("acknowledged")
    assert [one.lines for one in taken] == [50, 50, 50]
    assert process.reports.kinds.count("up") == 1
    assert noted_url(at(store / "ship"), "far.archive") == place.url


def test_another_process_goes_on_where_it_was(start: Runs, place: Place) -> None:
    start()
    puts = place.puts
    process = start()
    assert place.puts == puts
    assert process.reports.of("gap") == process.reports.of("resent") == []


def test_without_a_kept_place_all_is_compared_and_nothing_written_twice(
    start: Runs, store: Path, place: Place
) -> None:
    start()
    before = {name: os.stat(place.path / name).st_ino for name in files_of(place.path)}
    (store / "ship/far").unlink()
    process = start()
    assert process.segments.position == Position(4, 0)
    assert {name: os.stat(place.path / name).st_ino for name in files_of(place.path)} == before


def test_a_segment_that_is_not_compressed_yet_is_waited_for(
    start: Runs, store: Path, place: Place
) -> None:
    [*_, last] = packed(store)
    away = store.parent / "away"
    away.mkdir()
    for name in last.files[:2]:
        os.rename(store / name, away / name)
    plain = store / last.name.removesuffix(".zst")
    plain.write_bytes(b"2026-11-20T06:18:42.123456Z - x\n")
    process = start()
    assert names(place) == [1, 2]
    for path in away.iterdir():
        os.rename(path, store / path.name)
    plain.unlink()
    process.run()
    assert names(place) == [1, 2, 3]


def test_what_fails_is_tried_again(start: Runs, place: Place) -> None:
    place.script = [Unavailable("full"), OSError(5, "Input/output error")]
    process = start()
    process.run(10)
    assert names(place) == [1, 2, 3]
    assert [one.why for one in process.reports.of("retry")] == ["full", "Input/output error"]


def test_an_archive_that_hangs_has_a_time_by_the_size(start: Runs, place: Place) -> None:
    place.script = ["hang"]
    process = start()
    process.run(29)
    assert process.reports.of("retry") == []
    process.run(5)
    [down] = process.reports.of("down")
    assert "no answer within 30." in down.why
    process.run(5)
    assert names(place) == [1, 2, 3]


def test_what_the_archive_has_lost_goes_again(start: Runs, store: Path, place: Place) -> None:
    """Loudly, and from the first one on that it lost."""
    process = start()
    shutil.rmtree(place.path / STORE)
    process.run(130)
    [resent] = process.reports.of("resent")
    assert "has lost 3 segments from 0000000001-" in resent.why
    assert names(place) == [1, 2, 3]


def test_what_went_under_another_identity_is_not_lost(
    start: Runs, store: Path, place: Place
) -> None:
    process = start()
    shutil.rmtree(place.path / STORE)
    for one in packed(store):
        note_archived(at(store), one, archived(at(store), one)._replace(store=32 * "e"))
    process.run(130)
    assert not process.reports.of("resent") and not names(place)


def test_a_segment_that_was_removed_before_it_went_is_a_gap(
    start: Runs, store: Path, place: Place
) -> None:
    place.script = [Unavailable("x", settled=True)]
    process = start()
    for name in packed(store)[0].files[:2]:
        (store / name).unlink()
    process.run(130)
    assert names(place) == [2, 3]
    assert len(process.reports.of("gap")) == 1


def test_a_segment_that_was_removed_behind_one_that_went_holds_up_nothing(
    start: Runs, store: Path, place: Place
) -> None:
    """No segment has begun since the names were listed, so nobody else lists them anew."""
    [first, second, _] = packed(store)
    place.script = [None, Unavailable("x", settled=True)]
    process = start()
    assert names(place) == [first.number]
    for name in second.files[:2]:
        (store / name).unlink()
    process.run(130)
    assert names(place) == [1, 3]
    assert len(process.reports.of("gap")) == 1


def test_a_segment_without_lines_is_passed_by(start: Runs, store: Path, place: Place) -> None:
    """A start after a crash leaves such a one, which stays as it is."""
    [_, second, _] = packed(store)
    for name in second.files[:2]:
        (store / name).unlink()
    (store / second.name.removesuffix(".zst")).write_bytes(b"")
    process = start()
    assert names(place) == [1, 3]
    assert process.reports.of("gap") == []


def test_a_segment_that_is_damaged_here_is_left_out_and_said(
    start: Runs, store: Path, place: Place
) -> None:
    os.truncate(store / packed(store)[1].name, 20)
    process = start()
    assert names(place) == [1, 3]
    [refused] = process.reports.of("refused")
    assert "is damaged here and is not archived" in refused.why
    assert not (store / packed(store)[1].archived).exists()


def test_an_archive_that_is_ahead_stops_it(start: Runs, store: Path, place: Place) -> None:
    """The store was restored from a backup: it would write other segments under the same names."""
    start()
    name = place.path / STORE / "0000000004-20261120T061842Z.json"
    name.write_bytes(b"{}")
    (store / "ship/far").unlink()
    before = files_of(place.path)
    process = start()
    [stopped] = process.reports.of("stopped")
    assert "restored or copied" in stopped.why and "--new-identity" in stopped.why
    process.run(100)
    assert files_of(place.path) == before


def test_a_store_with_other_text_stops_it(start: Runs, store: Path, place: Place) -> None:
    start()
    shutil.rmtree(store)
    sealed_store(store, 3, count=49)
    process = start()
    [stopped] = process.reports.of("stopped")
    assert "has another segment 0000000001-" in stopped.why


def test_from_the_end_nothing_old_goes(start: Runs, place: Place) -> None:
    process = start("end")
    assert names(place) == []
    assert process.segments.position is not None and process.segments.position.segment == 4


def test_it_ends_with_its_place_saved(start: Runs, store: Path, place: Place) -> None:
    process = start()
    ended: list[None] = []
    process.segments.stop().addCallback(ended.append)
    process.run()
    assert ended == [None]
    assert process.kept.load(STORE, Position(9, 0)) == Position(4, 0)
