"""Frames of archives that are read before their turn."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.linelog.read.frames_ahead import FramesAhead
from logsrv.linelog.read.plan import ReadTask, Scope, SearchStats, plan_tasks
from logsrv.linelog.read.view import View
from logsrv.linelog.store.notes.manifest import object_name
from tests.parts.archived_stores import STORE, archive_all, remove_texts, sealed_store

SEGMENTS = 3


@pytest.fixture
def view(tmp_path: Path) -> Iterator[View]:
    """Three segments in an archive, whose text is gone here, and a line behind them that is here."""
    store = sealed_store(tmp_path / "store", SEGMENTS)
    archive_all(store, tmp_path / "archive")
    remove_texts(store)
    with View(str(store), pytest.fail, away=True) as opened:
        yield opened


def planned(view: View, *, reverse: bool = False) -> list[ReadTask]:
    return list(plan_tasks(view, Scope(), SearchStats(), reverse=reverse))


def text_of(view: View, task: ReadTask) -> bytes:
    frames = view.open_segment(task.segment)
    assert frames is not None
    try:
        return b"".join(text for _, text in frames.lines_between(task.start, task.stop))
    finally:
        frames.close()


@pytest.mark.parametrize("reverse", [False, True])
def test_tasks_come_in_order_with_their_frames(view, reverse):
    ahead, wanted = FramesAhead(view), planned(view, reverse=reverse)
    found = list(ahead.tasks_when_read(iter(wanted)))
    assert [task._replace(slot=0) for task in found] == wanted
    for task in found:
        assert bool(task.slot) == (task.segment <= SEGMENTS)
        if task.slot:
            assert b"".join(text for _, text in ahead.task_texts(task)) == text_of(view, task)
    ahead.close()


def test_a_part_of_a_frame_is_clipped(view):
    ahead = FramesAhead(view)
    whole = planned(view)[0]
    task = whole._replace(start=whole.start + 1, stop=whole.stop - 1)
    [found] = ahead.tasks_when_read(iter([task]))
    [(start, text)] = ahead.task_texts(found)
    frames = view.open_segment(task.segment)
    assert frames is not None
    assert (start, text) == next(frames.lines_between(task.start, task.stop))
    ahead.close()


def test_no_frame_of_an_archive_is_read_ahead_of_local_ones(view):
    """The newest lines are here: a reader who wants no more asks an archive nothing."""
    taken = []

    def plan() -> Iterator[ReadTask]:
        for task in planned(view, reverse=True):
            taken.append(task.segment)
            yield task

    ahead = FramesAhead(view)
    found = ahead.tasks_when_read(plan())
    assert next(found).segment == SEGMENTS + 1
    assert taken == [SEGMENTS + 1]
    ahead.close()


def test_slots_of_the_shared_memory_are_used_again(view):
    ahead = FramesAhead(view)
    slots = []
    for task in ahead.tasks_when_read(iter(planned(view))):
        slots.append(task.slot)
        ahead.release_slot(task)
    assert slots == [1] * SEGMENTS + [0]
    ahead.close()


def test_a_frame_that_cannot_be_read_is_told_and_left_out(tmp_path):
    store = sealed_store(tmp_path / "store", SEGMENTS)
    archive_all(store, tmp_path / "archive")
    remove_texts(store)
    [lost] = (tmp_path / "archive" / object_name(STORE, "")).glob("0000000002-*.log.zst")
    lost.unlink()
    told: list[str] = []
    with View(str(store), told.append, away=True) as view:
        ahead = FramesAhead(view)
        found = [task.segment for task in ahead.tasks_when_read(iter(planned(view)))]
        ahead.close()
    assert 2 not in found and set(found) == {1, 3, 4}
    assert len(told) == 1 and lost.name in told[0]
