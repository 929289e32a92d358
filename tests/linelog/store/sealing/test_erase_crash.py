"""An erase that ends at any call of the disk is finished later, and loses nothing of other lines."""

import os
from pathlib import Path

import pytest

from logsrv.linelog.store.notes.erase_plan import is_unfinished
from logsrv.linelog.store.starting.recover import repair_and_open
from tests.parts.disks import Crash, CrashingDisk, at
from tests.parts.erasing import erase, files_with_person, hits, store_with_person
from tests.parts.examined_stores import found as doctor_finds

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("starts", [False, True], ids=["erase again", "start before that"])
def test_an_erase_that_is_killed_at_any_step_is_finished_later(tmp_path, starts):
    at_call = 0
    while not _is_whole(tmp_path / str(at_call), at_call, starts=starts):
        at_call += 1
    assert at_call > 30


def _is_whole(directory: Path, at_call: int, *, starts: bool) -> bool:
    """Kill an erase at a call of the disk, and finish it; return whether it ended before that call."""
    store = store_with_person(directory, segments=3, packed=1, each=11)
    before = hits(store, "")
    others = [one for one in before if b"user=ann" in one[1]]
    disk = CrashingDisk(at_call).open_directory(store)
    ended = False
    try:
        erase(store, disk=disk)
        ended = True
    except Crash:
        pass
    after = hits(store, "")
    assert [position for position, _ in after] == [position for position, _ in before]
    assert [one for one in after if b"user=ann" in one[1]] == others
    if starts:
        begun = repair_and_open(at(store), crashed=True)
        assert [one for one in hits(store, "") if b"user=ann" in one[1]] == others
        os.close(begun.opened.fd)
        os.close(begun.opened.beside)
        assert begun.opened.size == (store / "current.log").stat().st_size
    if is_unfinished(at(store)):
        erase(store, again=True)
        assert files_with_person(store) == [] and hits(store, "zebulon OR quist") == []
    elif not ended:
        # It had not begun, or was done.
        assert len(hits(store, "zebulon OR quist")) in (0, len(before) - len(others))
    assert [one for one in hits(store, "") if b"user=ann" in one[1]] == others
    assert [one for one in doctor_finds(store) if one.name != "erasing"] == []
    return ended
