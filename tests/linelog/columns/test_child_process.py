"""The process that makes columns fails in every way, and a half file never has a real name."""

import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.columns import child_process
from logsrv.linelog.columns.child_process import (
    LEAST_TEXT,
    ColumnsOutcome,
    ColumnsProcess,
)
from logsrv.linelog.store.sealing.seal import Interrupted
from logsrv.linelog.store.segment import Segment, tmp
from logsrv.linelog.store.starting.making import AnotherMakesFiles
from tests.parts.columns_child import FOLDER, MODULE, columns_of
from tests.parts.disks import FaultyDisk, at, packed_segment, stored

pytestmark = pytest.mark.slow


@pytest.fixture
def process(monkeypatch) -> Iterator[ColumnsProcess]:
    monkeypatch.setenv("PYTHONPATH", FOLDER)
    monkeypatch.setattr(child_process, "LEAST_TEXT", 1)
    one = ColumnsProcess(MODULE)
    yield one
    one.end()


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def expected(directory: Path, segment: Segment) -> bytes:
    return columns_of((directory / segment.index).read_bytes())


def test_columns_are_made_beside_their_segment_for_the_group_to_read(tmp_path, process):
    one = packed_segment(tmp_path, stored(b"one"))
    assert process.make(one, at(tmp_path)) is ColumnsOutcome.MADE
    assert (tmp_path / one.columns).read_bytes() == expected(tmp_path, one)
    assert (tmp_path / one.columns).stat().st_mode & 0o777 == 0o640
    assert one.columns == one.name.replace(".log.zst", ".parquet")
    assert tmp(one.columns) not in names(tmp_path)


def test_the_process_has_the_lowest_priority_from_its_start_on(tmp_path, process):
    """Its imports alone would delay a sealing."""
    nicenesses = []

    def going() -> bool:
        if process.child is not None:
            nicenesses.append(os.getpriority(os.PRIO_PROCESS, process.child.process.pid))
        return len(nicenesses) < 2

    with pytest.raises(Interrupted):
        process.make(packed_segment(tmp_path, stored(b"hang")), at(tmp_path), going)
    assert set(nicenesses) == {19}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has this priority")
def test_it_gets_idle_time_unless_somebody_waits(tmp_path, process):
    waited_for = ColumnsProcess(MODULE, is_wanted_now=True)
    segment = packed_segment(tmp_path, stored(b"one"))
    for one, policy in ((process, os.SCHED_IDLE), (waited_for, os.SCHED_OTHER)):
        (tmp_path / segment.columns).unlink(missing_ok=True)
        one.make(segment, at(tmp_path))
        assert one.child is not None
        assert os.sched_getscheduler(one.child.process.pid) == policy
    waited_for.end()


def test_usable_columns_are_kept(tmp_path, process):
    one = packed_segment(tmp_path, stored(b"one"))
    process.make(one, at(tmp_path))
    before = (tmp_path / one.columns).stat().st_ino
    assert process.make(one, at(tmp_path)) is ColumnsOutcome.KEPT
    assert (tmp_path / one.columns).stat().st_ino == before


@pytest.mark.parametrize("of_others", [b"PAR1 of somebody", b"", b"crash"])
def test_a_file_of_others_under_the_name_is_replaced(tmp_path, process, of_others):
    """Also one that ends the process which looks at it."""
    one = packed_segment(tmp_path, stored(b"one"))
    (tmp_path / one.columns).write_bytes(of_others)
    assert process.make(one, at(tmp_path)) is ColumnsOutcome.MADE
    assert (tmp_path / one.columns).read_bytes() == expected(tmp_path, one)


def test_a_link_under_the_name_is_replaced_and_its_target_is_left(tmp_path, process):
    one = packed_segment(tmp_path, stored(b"one"))
    (tmp_path / "of others").write_bytes(b"theirs")
    (tmp_path / one.columns).symlink_to("of others")
    process.make(one, at(tmp_path))
    assert (tmp_path / "of others").read_bytes() == b"theirs"
    assert not (tmp_path / one.columns).is_symlink()


@pytest.mark.parametrize(
    ("word", "error", "why"),
    [
        (b"die", OSError, "its process has ended: -9"),
        (b"full", OSError, "No space left"),
        (b"large", OSError, "Cannot allocate memory"),
        (b"damaged", ValueError, "a frame is damaged"),
    ],
)
def test_nothing_is_left_of_a_failure_and_the_next_segment_is_made(
    tmp_path, process, word, error, why
):
    one = packed_segment(tmp_path, stored(word))
    before = names(tmp_path)
    with pytest.raises(error, match=why):
        process.make(one, at(tmp_path))
    assert names(tmp_path) == before
    assert (
        process.make(packed_segment(tmp_path, stored(b"two"), 2), at(tmp_path))
        is ColumnsOutcome.MADE
    )


def test_a_segment_that_can_have_no_columns_gets_none(tmp_path, process):
    one = packed_segment(tmp_path, stored(b"none"))
    before = names(tmp_path)
    assert process.make(one, at(tmp_path)) is ColumnsOutcome.NONE
    assert names(tmp_path) == before


def test_a_stop_ends_the_process_in_the_middle_of_a_file(tmp_path, process):
    one = packed_segment(tmp_path, stored(b"hang"))
    before, pids = names(tmp_path), []

    def going() -> bool:
        if process.child is None:
            return True
        pids.append(process.child.process.pid)
        return os.path.getsize(tmp_path / tmp(one.columns)) == 0

    with pytest.raises(Interrupted):
        process.make(one, at(tmp_path), going)
    assert names(tmp_path) == before
    with pytest.raises(ProcessLookupError):
        os.kill(pids[-1], 0)


def test_columns_of_a_segment_that_is_removed_meanwhile_get_no_name(tmp_path, process):
    one = packed_segment(tmp_path, stored(b"one"))
    disk = FaultyDisk().open_directory(tmp_path)
    disk.before["fdatasync"] = (tmp_path / one.name).unlink
    with pytest.raises(FileNotFoundError):
        process.make(one, disk)
    assert names(tmp_path) == {one.index}


def test_columns_of_a_segment_that_is_removed_at_the_last_moment_go_too(tmp_path, process):
    """Retention removed it after the last look, and found no columns to remove."""
    one = packed_segment(tmp_path, stored(b"one"))
    disk = FaultyDisk().open_directory(tmp_path)
    disk.before["rename"] = (tmp_path / one.name).unlink
    process.make(one, disk)
    assert names(tmp_path) == {one.index}


def test_two_that_make_the_same_columns_do_not_mix_them(tmp_path, process):
    """A command beside the server: the one whose file the other has removed gives way."""
    one = packed_segment(tmp_path, stored(b"one"))
    disk = FaultyDisk().open_directory(tmp_path)
    disk.before["fdatasync"] = lambda: os.close(at(tmp_path).create_anew(tmp(one.columns)))
    with pytest.raises(FileNotFoundError):
        process.make(one, disk)
    assert one.columns not in names(tmp_path)


def test_while_another_makes_them_nobody_is_in_its_way(tmp_path, process):
    """The server goes on with other segments; a command waits, and finds them."""
    one, command = (
        packed_segment(tmp_path, stored(b"one")),
        ColumnsProcess(MODULE, is_wanted_now=True),
    )
    disk, seen = FaultyDisk().open_directory(tmp_path), list[ColumnsOutcome]()

    def interfere() -> None:
        with pytest.raises(AnotherMakesFiles):
            ColumnsProcess(MODULE).make(one, at(tmp_path))
        waiting.start()

    waiting = threading.Thread(target=lambda: seen.append(command.make(one, at(tmp_path))))
    disk.before["fdatasync"] = interfere
    assert process.make(one, disk) is ColumnsOutcome.MADE
    waiting.join(PATIENCE)
    command.end()
    assert seen == [ColumnsOutcome.KEPT]


def test_columns_have_to_be_on_the_medium_before_they_have_their_name(tmp_path, process):
    one = packed_segment(tmp_path, stored(b"one"))
    disk = FaultyDisk().open_directory(tmp_path)
    process.make(one, disk)
    assert disk.calls.index("fdatasync") < disk.calls.index("rename")
    assert (tmp_path / one.columns).stat().st_ino in disk.synced


def test_the_reason_why_columns_are_unusable_is_told(tmp_path, process):
    one = packed_segment(tmp_path, stored(b"one"))
    assert process.check(one, at(tmp_path)).why == ""
    process.make(one, at(tmp_path))
    assert process.check(one, at(tmp_path), whole=True).why == ""
    (tmp_path / one.columns).write_bytes(b"other")
    assert "of another segment" in process.check(one, at(tmp_path)).why
    (tmp_path / one.columns).write_bytes(b"crash")
    assert process.check(one, at(tmp_path)).why == "its process has ended: -9"


def test_small_segments_get_no_columns(tmp_path, process, monkeypatch):
    monkeypatch.setattr(child_process, "LEAST_TEXT", LEAST_TEXT)
    line = b"x" * 1000
    few, many = stored(*(900 * [line])), stored(*(1200 * [line]))
    assert len(few) < LEAST_TEXT < len(many)
    assert process.make(packed_segment(tmp_path, few, 1), at(tmp_path)) is ColumnsOutcome.NONE
    assert process.make(packed_segment(tmp_path, many, 2), at(tmp_path)) is ColumnsOutcome.MADE
