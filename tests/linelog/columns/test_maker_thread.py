"""The thread that has columns made: which segments, in which order, and what it does after a fault."""

import errno
import itertools
import operator
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock as ReactorClock
from twisted.logger import capturedLogs, formatEvent

from logsrv.errors import StoreError
from logsrv.installation import how_to_install
from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.columns import maker_thread
from logsrv.linelog.columns.child_process import ColumnsOutcome, ColumnsProcess
from logsrv.linelog.columns.maker_thread import (
    ENDS_WITHIN,
    LIST_EVERY,
    LOOK_EVERY,
    MOST_FAILURES,
    TRY_AGAIN,
    TRY_OTHERS_AGAIN,
    ColumnMaker,
)
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.policy import StorePolicy
from logsrv.linelog.store.sealing.seal import Interrupted
from logsrv.linelog.store.segment import Segment
from logsrv.linelog.store.starting.making import AnotherMakesFiles
from tests.parts.clocks import HandClock
from tests.parts.disks import Hang, packed_segment, plain_segment, stored

LARGE = stored(*(1200 * [b"x" * 1000]))


class DiskWithRoom(Disk):
    """A real disk with as much free space as a test says."""

    free = 1 << 40

    def free_and_total_bytes(self) -> tuple[int, int]:
        return self.free, 1 << 41


class SomeStore:
    """A store of the segments that a test makes. measured: those of which it was told that they grew."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.room = DiskWithRoom().open_directory(directory)
        self.disk: Disk = self.room
        self.segments: list[Segment] = []
        self.measured: list[int] = []
        self.owner: Exception | None = None

    def add(self, number: int, text: bytes = LARGE) -> Segment:
        self.segments.append(packed_segment(self.directory, text, number, with_words=False))
        return self.segments[-1]

    def sealed_segments(self) -> list[Segment]:
        return list(self.segments)

    def ensure_locked(self) -> None:
        if self.owner is not None:
            raise self.owner

    def measure_again(self, segment: Segment) -> None:
        self.measured.append(segment.number)


class ScriptedProcess(ColumnsProcess):
    """Makes columns in this thread. asked: the segments in order. faults: by number. ended: how often."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[int] = []
        self.faults: dict[int, Exception] = {}
        self.before: Callable[[], object] = lambda: None
        self.outcome = ColumnsOutcome.MADE
        self.ended = 0

    def make(self, packed: Segment, disk: Disk, going: Callable[[], bool] = bool) -> ColumnsOutcome:
        self.asked.append(packed.number)
        self.before()
        if not going():
            raise Interrupted
        if packed.number in self.faults:
            raise self.faults[packed.number]
        if disk.has_name(packed.columns):
            return ColumnsOutcome.KEPT
        if self.outcome is ColumnsOutcome.MADE:
            os.close(disk.create(packed.columns))
        return self.outcome

    def end(self) -> None:
        self.ended += 1


class ClearingClock(HandClock):
    """Calls a function of the test just before an event is cleared."""

    before_clear: Callable[[], object] = staticmethod(lambda: None)

    def event(self) -> threading.Event:  # type: ignore[override]
        made = super().event()
        clear = made.clear

        def clear_then() -> None:
            self.before_clear()
            clear()

        made.clear = clear_then  # type: ignore[method-assign]
        return made


class Stage:
    """A maker of columns for some store, whose time passes when a test says so."""

    def __init__(self, directory: Path) -> None:
        self.clock = ClearingClock()
        self.store = SomeStore(directory)
        self.process = ScriptedProcess()
        self.maker = ColumnMaker(
            self.store, clock=self.clock, tell=operator.call, process=self.process
        )
        self.log: Sequence[Any] = []

    def start(self, **policy: Any) -> None:
        self.maker.apply(StorePolicy(**policy))
        self.clock.settle()

    def asked(self) -> list[int]:
        """The segments that were asked for since the last call."""
        found, self.process.asked = self.process.asked, []
        return found

    def seal(self, number: int, text: bytes = LARGE) -> Segment:
        made = self.store.add(number, text)
        self.maker.look_soon()
        self.clock.settle()
        return made

    def said(self) -> list[str]:
        return [f"{event['log_level'].name} {formatEvent(event)}" for event in self.log]

    def columns(self) -> list[str]:
        return sorted(path.name for path in self.store.directory.glob("*.parquet"))


@pytest.fixture
def stage(tmp_path) -> Iterator[Stage]:
    one = Stage(tmp_path)
    with capturedLogs() as one.log:
        yield one
        one.maker.stop(ReactorClock())


def test_missing_columns_are_made_at_the_start_the_newest_first(stage):
    for number in (1, 2, 3):
        stage.store.add(number)
    stage.start()
    assert stage.asked() == [3, 2, 1]
    assert len(stage.columns()) == 3 and stage.said() == []
    assert sorted(stage.store.measured) == [1, 2, 3]
    assert sum(stage.maker.seconds.read().counts) == 3
    assert stage.maker.left == []


def test_columns_are_made_as_soon_as_a_segment_is_sealed(stage):
    stage.start()
    stage.seal(1)
    assert stage.asked() == [1]
    stage.clock.advance(LOOK_EVERY)
    assert stage.asked() == []


def test_a_segment_that_is_sealed_meanwhile_comes_before_older_ones(stage):
    for number in (1, 2, 3):
        stage.store.add(number)

    def seal_one_more() -> None:
        stage.process.before = lambda: None
        stage.store.add(4)
        stage.maker.look_soon()

    stage.process.before = seal_one_more
    stage.start()
    assert stage.asked() == [3, 4, 2, 1]


def test_a_segment_that_is_sealed_as_the_others_are_listed_waits_for_no_later_look(stage):
    """Each time the list is made, the sealing thread adds one that is not on it."""
    list_segments = stage.store.sealed_segments

    def list_and_seal() -> list[Segment]:
        found = list_segments()
        if len(found) < 4:
            stage.store.add(len(found) + 1)
            stage.maker.look_soon()
        return found

    stage.store.add(1)
    stage.store.sealed_segments = list_and_seal
    stage.start()
    assert stage.asked() == [1, 2, 3, 4] and len(stage.columns()) == 4


def test_a_segment_that_waits_to_be_compressed_gets_none(stage):
    stage.store.segments.append(plain_segment(stage.store.directory, LARGE, 2))
    stage.start()
    assert stage.asked() == []


def test_usable_columns_are_kept_and_are_no_making(stage):
    (stage.store.directory / stage.store.add(1).columns).touch()
    stage.start()
    assert stage.asked() == [1]
    assert stage.store.measured == [] and sum(stage.maker.seconds.read().counts) == 0


def test_the_process_is_ended_when_nothing_is_left_to_do(stage):
    stage.store.add(1)
    stage.start()
    assert stage.process.ended == 1


def test_columns_that_somebody_has_removed_are_made_again(stage):
    one = stage.store.add(1)
    stage.start()
    (stage.store.directory / one.columns).unlink()
    stage.clock.advance(LIST_EVERY + LOOK_EVERY)
    assert stage.asked() == [1, 1] and stage.columns() == [one.columns]
    (stage.store.directory / one.columns).unlink()
    stage.start()
    assert stage.asked() == [1]


def test_a_segment_that_can_have_none_is_not_tried_again(stage):
    stage.store.add(1)
    stage.process.outcome = ColumnsOutcome.NONE
    stage.start()
    stage.clock.advance(LIST_EVERY + LOOK_EVERY)
    assert stage.asked() == [1] and stage.said() == []


def test_a_segment_whose_process_dies_is_told_once_and_left_alone_for_a_while(stage):
    for number in (1, 2):
        stage.store.add(number)
    stage.process.faults[2] = OSError(errno.EIO, "its process has ended: -9")
    stage.start()
    assert stage.asked() == [2, 1]
    [sentence] = stage.said()
    assert sentence.startswith("warn") and "0000000002" in sentence
    assert sentence.endswith(
        "cannot be made, and figures of its segment read the text: its process has ended: -9"
    )
    stage.seal(3)
    assert stage.asked() == [3]
    stage.clock.advance(TRY_AGAIN)
    assert stage.asked() == [2]
    del stage.process.faults[2]
    stage.clock.advance(TRY_AGAIN + LOOK_EVERY)
    assert stage.asked() == [2]
    assert len(stage.said()) == 1 and len(stage.columns()) == 3


def test_a_segment_whose_columns_a_command_makes_is_left_to_it_and_looked_at_soon(stage):
    """The command may be ended before they are there: then the server makes them."""
    for number in (1, 2):
        stage.store.add(number)
    stage.process.faults[2] = AnotherMakesFiles(errno.EAGAIN, "another makes it")
    stage.start()
    assert stage.asked() == [2, 1]
    stage.seal(3)
    assert stage.asked() == [3]
    stage.clock.advance(TRY_OTHERS_AGAIN)
    assert stage.asked() == [2]
    del stage.process.faults[2]
    stage.clock.advance(TRY_OTHERS_AGAIN)
    assert stage.asked() == [2]
    stage.clock.advance(TRY_OTHERS_AGAIN)
    assert stage.asked() == []
    assert stage.said() == [] and len(stage.columns()) == 3


def test_a_segment_that_another_had_is_tried_at_once_if_the_next_one_took_longer(stage):
    """Otherwise it waits for the next look, a minute later."""
    for number in (1, 2):
        stage.store.add(number)
    stage.process.faults[2] = AnotherMakesFiles(errno.EAGAIN, "another makes it")
    stage.process.before = lambda: stage.clock.sleep(TRY_OTHERS_AGAIN + 1)
    stage.start()
    assert stage.asked() == [2, 1, 2]
    stage.clock.advance(TRY_OTHERS_AGAIN)
    assert stage.asked() == [2]


def test_a_failure_after_a_command_had_the_segment_is_told(stage):
    stage.store.add(1)
    stage.process.faults[1] = AnotherMakesFiles(errno.EAGAIN, "another makes it")
    stage.start()
    stage.process.faults[1] = ValueError("a frame is damaged")
    stage.clock.advance(TRY_OTHERS_AGAIN)
    [sentence] = stage.said()
    assert sentence.endswith("a frame is damaged")


def test_that_no_process_can_be_started_is_told(stage):
    """The system has the same errno for it as for a lock."""
    stage.store.add(1)
    stage.process.faults[1] = BlockingIOError(errno.EAGAIN, "no more processes")
    stage.start()
    [sentence] = stage.said()
    assert sentence.endswith("figures of its segment read the text: no more processes")


def test_many_failures_in_a_row_are_a_fault_of_the_machine_and_waited_for(stage):
    for number in range(1, 2 * MOST_FAILURES + 1):
        stage.store.add(number)
        stage.process.faults[number] = ValueError("a frame is damaged")
    stage.start()
    assert len(stage.asked()) == MOST_FAILURES == len(stage.said())
    stage.clock.advance(LOOK_EVERY)
    assert len(stage.asked()) == MOST_FAILURES


def test_failures_between_which_columns_are_made_are_faults_of_their_segments(stage):
    numbers = range(2 * MOST_FAILURES + 1, 0, -1)
    for number in reversed(numbers):
        stage.store.add(number)
        if number % 2:
            stage.process.faults[number] = ValueError("a frame is damaged")
    stage.start()
    assert stage.asked() == [*numbers]
    assert len(stage.columns()) == MOST_FAILURES and len(stage.said()) == MOST_FAILURES + 1


def test_a_full_disk_is_told_once_and_waited_for(stage):
    for number in (1, 2):
        stage.store.add(number)
    stage.process.faults[2] = OSError(errno.ENOSPC, "No space left on device")
    stage.start()
    stage.clock.advance(LOOK_EVERY)
    assert stage.asked() == [2, 2]
    assert stage.said() == [
        "error columns cannot be made, trying again later: No space left on device"
    ]
    stage.process.faults.clear()
    stage.clock.advance(LOOK_EVERY)
    assert stage.said()[1:] == ["info columns can be made again"] and len(stage.columns()) == 2


def test_the_room_of_a_segment_is_left_to_new_lines(stage):
    """Columns under way are given up, and none are begun before there is room."""
    stage.store.add(1)
    stage.store.room.free = 1000
    stage.process.before = lambda: setattr(stage.store.room, "free", 999)
    stage.start(rotate_size=1000)
    stage.clock.advance(LOOK_EVERY)
    assert stage.asked() == [1, 1] and stage.columns() == []
    assert [one.rpartition(": ")[2] for one in stage.said()] == [
        "the free space is kept for new lines"
    ]
    stage.process.before = lambda: setattr(stage.store.room, "free", 1000)
    stage.clock.advance(LOOK_EVERY)
    assert len(stage.columns()) == 1


def test_nothing_is_done_while_another_process_owns_the_directory(stage):
    stage.store.add(1)
    stage.store.owner = StoreError("the store is in use by process 7")
    stage.start()
    assert stage.asked() == []
    assert "in use by process 7" in stage.said()[0]


def test_a_segment_that_is_gone_meanwhile_is_no_fault(stage):
    one = stage.store.add(1)
    stage.process.faults[1] = FileNotFoundError(errno.ENOENT, "gone")
    stage.process.before = (stage.store.directory / one.name).unlink
    stage.start()
    assert stage.said() == []


def test_without_columns_none_are_made_and_a_reload_changes_that(stage):
    stage.store.add(1)
    stage.start(columns=False)
    stage.clock.advance(LOOK_EVERY)
    assert stage.asked() == []
    stage.start()
    assert stage.asked() == [1]
    stage.start(columns=False)
    stage.seal(2)
    assert stage.asked() == []


def test_a_reload_without_columns_gives_up_those_under_way(stage):
    stage.store.add(1)
    stage.process.before = lambda: stage.maker.apply(StorePolicy(columns=False))
    stage.start()
    assert stage.asked() == [1] and stage.columns() == [] and stage.said() == []
    stage.process.before = lambda: None
    stage.start()
    assert stage.asked() == [1] and len(stage.columns()) == 1


def test_without_the_extra_one_line_says_that_there_are_none(stage, monkeypatch):
    stage.store.add(1)
    monkeypatch.setattr(maker_thread, "columns_are_installed", lambda: False)
    stage.start()
    assert stage.asked() == []
    # Not again at a reload.
    stage.maker.apply(StorePolicy())
    [sentence] = stage.said()
    assert sentence.startswith("info no columns are made") and how_to_install("columns") in sentence


def test_a_stop_gives_up_the_columns_under_way(stage):
    stage.store.add(1)
    stage.store.add(2)
    stopped: list[object] = []

    def stop() -> None:
        stage.maker.stop(ReactorClock()).addCallback(stopped.append)

    stage.process.before = stop
    stage.start()
    assert stopped == [None]
    assert stage.asked() == [2] and stage.columns() == [] and stage.process.ended == 1


@pytest.mark.parametrize("moment", ["as columns are done", "as a look begins"])
def test_a_stop_is_heard_whenever_it_comes(stage, moment, monkeypatch):
    """Otherwise the thread waits for ever, and each such stop of the server takes some seconds more."""
    stopped: list[object] = []

    def stop(*_: object) -> None:
        stage.clock.before_clear = lambda: None
        stage.maker.stop(ReactorClock()).addCallback(stopped.append)

    if moment == "as columns are done":
        stage.store.add(1)
        monkeypatch.setattr(stage.store, "measure_again", stop)
    else:
        stage.clock.before_clear = stop
    stage.start()
    assert stopped == [None]


def test_a_reload_during_a_listing_has_removed_columns_made_again(stage, monkeypatch):
    one, entries = stage.store.add(1), stage.store.disk.entries
    stage.start()

    def list_slowly() -> Any:
        monkeypatch.undo()
        found = entries()
        (stage.store.directory / one.columns).unlink()
        stage.maker.apply(StorePolicy())
        return found

    monkeypatch.setattr(stage.store.disk, "entries", list_slowly)
    stage.start()
    assert stage.asked() == [1, 1] and stage.columns() == [one.columns]


def test_a_stop_before_the_start_ends_at_once(stage):
    stopped: list[object] = []
    stage.maker.stop(ReactorClock()).addCallback(stopped.append)
    assert stopped == [None]


def test_a_disk_that_hangs_does_not_keep_the_service_from_stopping(stage):
    stage.store.add(1)
    hang = Hang()
    stage.process.before = hang
    stage.maker.apply(StorePolicy())
    assert hang.begun.wait(PATIENCE)
    reactor = ReactorClock()
    stopped: list[object] = []
    stage.maker.stop(reactor).addCallback(stopped.append)
    assert stopped == []
    reactor.advance(ENDS_WITHIN)
    assert stopped == [None]
    hang.go.set()
    stage.clock.settle()
    assert stopped == [None] and stage.columns() == []


def test_a_store_that_is_closed_before_the_thread_ends_is_no_fault(stage):
    stage.store.add(1)
    hang = Hang()

    def look_after_the_stop() -> None:
        hang()
        stage.store.disk.entries()

    stage.process.before = look_after_the_stop
    stage.maker.apply(StorePolicy())
    assert hang.begun.wait(PATIENCE)
    stage.maker.stop(reactor := ReactorClock())
    reactor.advance(ENDS_WITHIN)
    stage.store.disk.close()
    hang.go.set()
    stage.clock.settle()
    assert stage.said() == []


@pytest.mark.parametrize("steps", [*itertools.product(("want", "want none", "stop"), repeat=3)])
def test_in_any_order_of_events_columns_are_made_while_they_are_wanted(stage, steps):
    stage.store.add(1)
    wanted = was_stopped = False
    for step in steps:
        if step == "stop":
            stage.maker.stop(ReactorClock())
            stage.clock.settle()
            was_stopped = True
        else:
            wanted = step == "want"
            stage.start(columns=wanted)
        assert bool(stage.asked()) <= (wanted and not was_stopped)
    number = 2
    stage.seal(number)
    assert stage.asked() == ([number] if wanted and not was_stopped else [])
