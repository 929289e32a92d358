"""A shipper of sealed segments, against an archive in a directory."""

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.archive.names import archived_segment_names
from logsrv.linelog.archive.putting import find_manifest
from logsrv.linelog.archive.target import ArchiveTarget
from logsrv.linelog.archive.view import ArchiveView
from logsrv.linelog.erase.everywhere import rewrite_everywhere
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.query.match import make_matcher
from logsrv.linelog.query.pipeline import parse_question
from logsrv.linelog.read.plan import Scope
from logsrv.linelog.read.search import Search
from logsrv.linelog.ship.address import parse_ship_url
from logsrv.linelog.ship.progress import Progress
from logsrv.linelog.ship.reports import (
    AttemptFailed,
    GapFound,
    SegmentLost,
    SegmentsReleased,
    ShipperStopped,
    TargetDown,
    TargetUp,
    TextAcknowledged,
    TextResent,
    Trouble,
)
from logsrv.linelog.ship.segment_sender import BELIEVED, LOOKED, SegmentSender
from logsrv.linelog.ship.send_loop import QUIET
from logsrv.linelog.ship.targets.object_target import raise_target_error
from logsrv.linelog.ship.targets.target import Unavailable
from logsrv.linelog.ship.targets.target_plugin import TargetSettings
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.notes.archive_notes import (
    local_manifest,
    read_archive_url,
    save_local_manifest,
)
from logsrv.linelog.store.notes.erase_plan import locked_plan
from logsrv.linelog.store.notes.manifest import Manifest
from logsrv.linelog.store.segment import Position, Segment
from tests.parts.archived_stores import STORE, files_of, packed, sealed_store
from tests.parts.disks import at
from tests.parts.erasing import erase, everything, plan_for
from tests.parts.ship_targets import Process


class Place(ArchiveTarget):
    """An archive that answers at once. script: an exception each, or `hang`, for the next segments."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.script: list[Any] = []
        self.asked = self.puts = 0
        self.archive = DirectoryArchive(str(path))
        url = parse_ship_url(f"file://{path}")
        super().__init__(TargetSettings(name="far", url=url, store=STORE), None)

    def put_segment(self, packed: Segment, disk: Disk) -> Deferred[Manifest]:
        self.puts += 1
        step = self.script.pop(0) if self.script else None
        if step == "hang":
            return Deferred()
        if step is not None:
            return fail(step)
        # That is no question.
        self.asked -= 1
        return super().put_segment(packed, disk)

    def _run_in_thread(self, step: Callable[[Callable[[], bool]], Any]) -> Deferred[Any]:
        self.asked += 1
        return maybeDeferred(step, lambda: True).addErrback(raise_target_error)

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
        self.disk, self.place = Disk().open_directory(store), place
        self.ship(self.make_sender, ship_from, STORE).start()
        self.run()

    def make_sender(self, progress: Progress) -> SegmentSender:
        self.segments = SegmentSender(self.place, progress, self.disk)
        return self.segments

    def kill(self) -> None:
        if not self.killed:
            self.disk.close()
        super().kill()


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
    return [int(name[:10]) for name in archived_segment_names(place.archive.names(), STORE)]


def test_all_sealed_segments_go_and_are_noted(start, store, place):
    process = start()
    assert names(place) == [1, 2, 3]
    assert process.position == Position(4, 0)
    for one in packed(store):
        assert local_manifest(at(store), one) == find_manifest(place.archive, STORE, one.name)
    taken = process.reports.of(TextAcknowledged)
    assert [one.lines for one in taken] == [50, 50, 50]
    assert process.reports.kinds.count(TargetUp) == 1
    assert read_archive_url(at(store / "ship"), "far.archive") == place.url


def test_another_process_goes_on_where_it_was(start, place):
    start()
    puts = place.puts
    process = start()
    assert place.puts == puts
    assert process.reports.of(GapFound) == process.reports.of(TextResent) == []


def test_a_store_that_does_not_change_is_listed_once(start, store, monkeypatch):
    process = start()
    refresh, listed = process.view.refresh, []

    def counted() -> None:
        listed.append(process.clock.seconds())
        refresh()

    monkeypatch.setattr(process.view, "refresh", counted)
    # Long before now: a store that has just changed is listed again, as it may change within the same tick.
    os.utime(store, (0, 0))
    process.run(10)
    assert len(listed) <= 1


def test_a_quiet_archive_is_asked_for_its_newest_segment_only(start, place, monkeypatch):
    """Even by a process that has found all segments there, and sent none itself."""
    start()
    process = start()
    asked = place.asked
    surveyed: list[object] = []
    monkeypatch.setattr(place, "survey", lambda *how, **more: surveyed.append(how))
    process.run(2 * QUIET)
    assert place.asked > asked and not surveyed


def test_without_a_kept_place_all_is_compared_and_nothing_written_twice(start, store, place):
    start()
    before = {name: os.stat(place.path / name).st_ino for name in files_of(place.path)}
    (store / "ship/far").unlink()
    process = start()
    assert process.position == Position(4, 0)
    assert {name: os.stat(place.path / name).st_ino for name in files_of(place.path)} == before


def test_a_segment_that_is_not_compressed_yet_is_waited_for(start, store, place):
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


def test_what_is_sealed_within_a_tick_of_a_listing_is_found(start, store, place, tmp_path):
    """The time of the directory does not change then."""
    [*_, last] = packed(store)
    (tmp_path / "away").mkdir()
    for name in last.files[:2]:
        os.rename(store / name, tmp_path / "away" / name)
    process = start()
    this_tick = (time() + 3600,) * 2
    os.utime(store, this_tick)
    process.run()
    assert names(place) == [1, 2]
    for name in last.files[:2]:
        os.rename(tmp_path / "away" / name, store / name)
    os.utime(store, this_tick)
    process.run()
    assert names(place) == [1, 2, 3]


def test_what_is_sealed_during_a_listing_is_found(start, store, place, tmp_path, monkeypatch):
    [*_, last] = packed(store)
    (tmp_path / "away").mkdir()
    for name in last.files[:2]:
        os.rename(store / name, tmp_path / "away" / name)
    process = start()
    refresh = process.view.refresh

    def seal_behind_listing() -> None:
        refresh()
        for path in (tmp_path / "away").iterdir():
            os.rename(path, store / path.name)
            # Long before now, so that nothing is listed again only because it has just changed.
            os.utime(store, (2, 2))

    process.run()
    assert names(place) == [1, 2]
    monkeypatch.setattr(process.view, "refresh", seal_behind_listing)
    os.utime(store, (1, 1))
    process.run()
    assert names(place) == [1, 2, 3]


def test_a_segment_that_failed_is_put_again(start, place):
    place.script = [Unavailable("full"), OSError(5, "Input/output error")]
    process = start()
    process.run(10)
    assert names(place) == [1, 2, 3]
    assert [one.why for one in process.reports.of(AttemptFailed)] == ["full", "Input/output error"]


def test_an_archive_that_hangs_has_a_time_by_the_size(start, place):
    place.script = ["hang"]
    process = start()
    process.run(29)
    assert process.reports.of(AttemptFailed) == []
    process.run(5)
    [down] = process.reports.of(TargetDown)
    assert "no answer within 30." in down.why
    process.run(5)
    assert names(place) == [1, 2, 3]


def test_a_segment_lost_by_the_archive_is_put_again(start, store, place):
    """Loudly, and from the first one on that it lost."""
    process = start()
    shutil.rmtree(place.path / STORE)
    process.run(130)
    [resent] = process.reports.of(TextResent)
    assert "has lost 3 segments from 0000000001-" in resent.why
    assert names(place) == [1, 2, 3]


def test_what_the_archive_has_lost_stays_here_though_it_was_released(start, store, place):
    """Retention may have been about to remove it: it hears so before the text is sent again."""
    process = start()
    process.segments.due = 3
    process.run(10)
    assert process.reports.of(SegmentsReleased)[-1].until == 4
    shutil.rmtree(place.path / STORE)
    place.script = ["hang"] * 9
    process.run(QUIET + 10)
    assert process.reports.of(TextResent)
    assert process.reports.of(SegmentsReleased)[-1].until == 1


SUFFIXES = (".log.zst", ".log.zst.idx", ".json")


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("left", [None, 0, -2])
def test_a_part_that_the_archive_has_lost_goes_again_at_the_next_start(
    start, store, place, suffix, left
):
    """It is not there, empty, or shorter; nothing else is put again."""
    start()
    before = files_of(place.path)
    part = next(
        path for path in place.path.rglob(f"*{suffix}") if path.name.startswith("0000000002")
    )
    if left is None:
        part.unlink()
    else:
        os.truncate(part, left % part.stat().st_size)
    puts = place.puts
    process = start()
    [resent] = process.reports.of(TextResent)
    assert "has lost 1 segment from 0000000002-" in resent.why
    assert files_of(place.path) == before and place.puts == puts + 1
    assert process.position == Position(4, 0)
    assert not start().reports.of(TextResent)


def test_what_retention_is_to_remove_is_looked_for_before(start, store, place):
    """What the archive has lost goes again before the text may go here."""
    process = start()
    assert not process.reports.of(SegmentsReleased)
    (place.path / STORE / packed(store)[1].name).unlink()
    before = place.asked
    process.segments.due = 2
    process.run()
    released = [one.until for one in process.reports.of(SegmentsReleased)]
    assert 2 in released and released[-1] == 3
    [resent] = process.reports.of(TextResent)
    assert "has lost 1 segment from 0000000002-" in resent.why
    assert (place.path / STORE / packed(store)[1].name).exists()
    assert place.asked <= before + 2, "a listing for all, not a request for each"


def test_what_stays_here_for_another_target_is_looked_for_again(start, store, place):
    """It may be lost there long after it was looked for, and removed here as soon as nobody holds it."""
    process = start()
    process.segments.due = 2
    process.run(10)
    assert process.reports.of(SegmentsReleased)[-1].until == 3
    before = place.asked
    process.run(LOOKED / 2)
    # Whether it has the newest is asked each minute.
    assert place.asked <= before + 3
    (place.path / STORE / packed(store)[1].name).unlink()
    process.run(LOOKED)
    [resent] = process.reports.of(TextResent)
    assert "has lost 1 segment from 0000000002-" in resent.why
    released = [one.until for one in process.reports.of(SegmentsReleased)]
    assert 1 not in released, "it has answered all the time"
    assert 2 in released and released[-1] == 3
    assert (place.path / STORE / packed(store)[1].name).exists()
    # Nobody knows whether an archive that does not answer has it.
    place.path.rename(place.path.parent / "unmounted")
    process.run(BELIEVED + 60)
    assert process.reports.of(SegmentsReleased)[-1].until == 1


def test_retention_waits_for_an_archive_that_cannot_be_looked_at(start, place):
    process = start()
    place.path.rename(place.path.parent / "unmounted")
    process.segments.due = 3
    process.run(30)
    assert not process.reports.of(SegmentsReleased) and process.reports.of(TargetDown)
    (place.path.parent / "unmounted").rename(place.path)
    process.run(90)
    assert process.reports.of(SegmentsReleased)[-1].until == 4


def test_what_is_neither_here_nor_there_is_said_as_lost(start, store, place):
    start()
    [first, second, _] = packed(store)
    for one in (first, second):
        (store / one.name).unlink()
    os.truncate(place.path / STORE / second.name, 10)
    process = start()
    [lost] = process.reports.of(SegmentLost)
    assert "lost segment 0000000002-" in lost.why and "50 lines are lost" in lost.why
    assert not process.reports.of(GapFound) and not process.reports.of(TextResent)


def test_a_text_that_went_and_was_removed_before_the_place_was_saved_is_no_gap(start, store, place):
    start().kill()
    kept = Running(store, place).kept
    kept.save(STORE, Position(2, 0))
    (store / packed(store)[1].name).unlink()
    assert not start().reports.of(GapFound)


def test_what_went_under_another_identity_is_not_lost(start, store, place):
    process = start()
    shutil.rmtree(place.path / STORE)
    for one in packed(store):
        save_local_manifest(at(store), one, local_manifest(at(store), one)._replace(store=32 * "e"))
    process.run(130)
    assert not process.reports.of(TextResent) and not names(place)


def test_a_segment_that_was_removed_before_it_went_is_a_gap(start, store, place):
    place.script = [Unavailable("x", settled=True)]
    process = start()
    for name in packed(store)[0].files[:2]:
        (store / name).unlink()
    process.run(130)
    assert names(place) == [2, 3]
    assert len(process.reports.of(GapFound)) == 1


def test_a_segment_that_was_removed_behind_one_that_went_holds_up_nothing(start, store, place):
    """No segment has begun since the names were listed, so nobody else lists them anew."""
    [first, second, _] = packed(store)
    place.script = [None, Unavailable("x", settled=True)]
    process = start()
    assert names(place) == [first.number]
    for name in second.files[:2]:
        (store / name).unlink()
    process.run(130)
    assert names(place) == [1, 3]
    assert len(process.reports.of(GapFound)) == 1


def test_a_segment_without_lines_is_passed_by(start, store, place):
    """A start after a crash leaves such a one, which stays as it is."""
    [_, second, _] = packed(store)
    for name in second.files[:2]:
        (store / name).unlink()
    (store / second.name.removesuffix(".zst")).write_bytes(b"")
    process = start()
    assert names(place) == [1, 3]
    assert process.reports.of(GapFound) == []


def test_a_segment_that_is_damaged_here_is_left_out_and_said(start, store, place):
    os.truncate(store / packed(store)[1].name, 20)
    process = start()
    assert names(place) == [1, 3]
    [trouble] = process.reports.of(Trouble)
    assert "is damaged here and is not sent" in trouble.why
    assert not (store / packed(store)[1].archived).exists()


def test_an_archive_that_is_ahead_stops_it(start, store, place):
    """The store was restored from a backup: it would write other segments under the same names."""
    start()
    name = place.path / STORE / "0000000004-20261120T061842Z.json"
    name.write_bytes(b"{}")
    (store / "ship/far").unlink()
    before = files_of(place.path)
    process = start()
    [stopped] = process.reports.of(ShipperStopped)
    assert "restored or copied" in stopped.why and "--new-identity" in stopped.why
    process.run(100)
    assert files_of(place.path) == before


def test_a_store_with_other_text_stops_it(start, store, place):
    start()
    shutil.rmtree(store)
    sealed_store(store, 3, count=49)
    process = start()
    [stopped] = process.reports.of(ShipperStopped)
    assert "has another segment 0000000001-" in stopped.why


def test_a_shipper_that_begins_at_the_end_puts_no_old_segments(start, place):
    process = start("end")
    assert names(place) == []
    assert process.position is not None and process.position.segment == 4


class ErasedMeanwhile(Place):
    """An archive beside which lines of segment 2 are erased, and archives rewritten, while it is put.

    at: the name of the object, or a part of it, before which that happens.
    """

    def __init__(self, path: Path, store: Path, before: str) -> None:
        super().__init__(path)
        self.store, self.before = store, before
        self.rewriting: list[threading.Thread] = []
        self.create = self._archive.create
        self._archive.create = self.create_after_erase  # type: ignore[method-assign]

    def create_after_erase(self, name: str, pieces: Iterable[bytes]) -> None:
        if self.before in name and not self.rewriting:
            erase(self.store, "segment line", at(self.store))
            self.rewriting = [threading.Thread(target=self.rewrite)]
            self.rewriting[0].start()
            # Without a turn of its own the rewrite would be done by now.
            self.rewriting[0].join(0.3)
        self.create(name, pieces)

    def rewrite(self) -> None:
        assert rewrite_everywhere(str(self.store), at(self.store))


@pytest.mark.parametrize("before", ["0000000002-", "/catalog/0000000000/0000000002"])
def test_lines_that_are_erased_while_their_segment_is_put_do_not_stay_there(
    store, tmp_path, before
):
    """The shipper has read the text before the erase, and the entry of segment 1 in the catalog."""
    (tmp_path / "archive").mkdir()
    place = ErasedMeanwhile(tmp_path / "archive", store, before)
    process = Running(store, place)
    (rewriting,) = place.rewriting
    rewriting.join(PATIENCE)
    process.run(60)
    process.kill()
    told: list[str] = []
    with ArchiveView(f"file://{tmp_path / 'archive'}/{STORE}", told.append) as view:
        search = Search(view, make_matcher(parse_question("").node), Scope(), processes=1)
        found = [hit.line for hit in search.hits()]
        search.close()
    assert not told and len(found) == 150
    assert [line for line in found if b"segment" in line] == []
    assert [
        name for name, data in everything(tmp_path / "archive").items() if b"segment " in data
    ] == []


def test_a_segment_that_cannot_be_read_during_an_erase_is_sent_after_it(store, place, start):
    """For a moment its text is another than its index says: it is not damaged."""
    with locked_plan(at(store)) as file:
        file.write(plan_for(store, "line"))
        place.script = [None, ValueError("it has 5 bytes, but its index says 6")]
        process = start()
        file.remove()
    process.run(60)
    assert names(place) == [1, 2, 3] and process.position == Position(4, 0)
    assert process.reports.of(Trouble) == []
