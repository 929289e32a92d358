"""The start after a crash: no line where somebody may have read, and none that was synced is lost."""

import errno
import os
from pathlib import Path

import attrs
import pytest
from twisted.logger import capturedLogs

from logsrv.linelog.read.follow import Follower, end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.store.policy import Sync
from logsrv.linelog.store.segment import ACTIVE, SYNCED, Position, note_synced, save_number
from logsrv.linelog.store.starting import recover
from tests.linelog.store.origin_notes import TEXTS, two, written
from tests.parts.disks import at, batch, stored, text_of, write
from tests.parts.reactor import until

NAME = "0000000001-20261120T061842Z.log"


async def test_the_name_of_the_active_segment_is_synced_after_a_kill(open_store, disk):
    """A kill may have come between a rotation and the sync of its names; a power cut follows it."""
    store = open_store()
    store.append(batch(b"one"))
    await store.close()
    again = open_store(disk, sync=Sync.ALWAYS)
    await write(again, b"two")
    assert "sync_directory" in disk.calls


async def test_a_file_that_cannot_be_read_keeps_no_store_from_starting(
    open_store, tmp_path, monkeypatch
):
    """A bad sector: the file is named and stays, lines go on in a new segment, and the next is sealed."""
    (tmp_path / "0000000001-20261120T061842Z.log").write_bytes(stored(b"bad"))
    (tmp_path / "0000000002-20261120T061842Z.log").write_bytes(stored(b"good"))
    (tmp_path / "current.log").write_bytes(stored(b"bad too"))
    bad = {path.stat().st_ino for path in tmp_path.iterdir() if b"bad" in path.read_bytes()}
    pread = os.pread

    def broken(fd: int, size: int, offset: int) -> bytes:
        if os.fstat(fd).st_ino in bad:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", broken)
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
    said = [event["path"] for event in events if "cannot be read" in event["log_format"]]
    assert said == [f"{tmp_path}/0000000001-20261120T061842Z.log", f"{tmp_path}/current.log"]
    assert store.position == (4, 0)
    await write(store, b"next")
    await until(lambda: list(tmp_path.glob("0000000002-*.zst.idx")))
    assert (tmp_path / "current.log").read_bytes() == stored(b"next")
    assert (tmp_path / "0000000001-20261120T061842Z.log").read_bytes() == stored(b"bad")


async def test_what_was_acknowledged_before_a_kill_is_synced_by_the_next_start(
    open_store, disk, tmp_path
):
    (tmp_path / "current.log").write_bytes(stored(b"one"))
    (tmp_path / "lock").write_text("77\n")
    old = (tmp_path / "current.log").stat().st_ino
    open_store(disk, directory=tmp_path, sync=Sync.INTERVAL)
    await until(lambda: old in disk.synced)


async def test_a_rotation_that_a_power_cut_broke_off_is_done_and_its_next_number_left_out(
    open_store, tmp_path
):
    """The second name was on the medium and the new file was not: lines in it may have been read."""
    (tmp_path / "current.log").write_bytes(stored(b"one"))
    os.link(tmp_path / "current.log", tmp_path / NAME)
    (tmp_path / "number").write_text("2\n")
    (tmp_path / "lock").write_text("77\n")
    store = open_store(directory=tmp_path)
    assert store.position == (3, 0)
    store.append(batch(b"two"))
    await store.close()
    assert text_of(tmp_path) == stored(b"one", b"two")
    assert not (tmp_path / NAME).exists() or (tmp_path / NAME).stat().st_nlink == 1


async def test_an_empty_segment_with_two_names_loses_one(open_store, tmp_path):
    """Later lines would else be there twice."""
    (tmp_path / "current.log").touch()
    os.link(tmp_path / "current.log", tmp_path / NAME)
    (tmp_path / "lock").write_text("77\n")
    store = open_store(directory=tmp_path)
    assert store.position == (3, 0)
    store.append(batch(b"one"))
    await store.close()
    assert text_of(tmp_path) == stored(b"one")
    assert open_store(directory=tmp_path).position == (3, len(stored(b"one")))


async def test_a_follower_of_a_store_sees_each_line_once_over_crashes(open_store, tmp_path):
    """Also where nothing had been written before the first one."""
    await open_store(directory=tmp_path).close()
    view = View(str(tmp_path), lambda _: None)
    follower = Follower(view, end_of_store(view))
    text, gaps = b"", []

    def read() -> None:
        nonlocal text
        while news := follower.read():
            text += news.text
            gaps.append(news.has_gap)

    read()
    for number in range(4):
        (tmp_path / "lock").write_text("77\n")
        store = open_store(directory=tmp_path)
        read()
        if number != 1:
            await write(store, b"%d" % number)
        read()
        await store.close()
    assert text == stored(b"0", b"2", b"3") and not any(gaps)
    follower.close()
    view.close()


@pytest.mark.parametrize("linked", [0, 1])
async def test_a_segment_behind_the_one_that_current_log_is_keeps_its_number(
    linked, open_store, tmp_path
):
    """A power cut may keep a later sealed name, and not that of the current.log which got it."""
    names = [f"000000000{number}-20261120T061842Z.log" for number in (1, 2, 3)]
    for name in names:
        (tmp_path / name).write_bytes(stored(name[:10].encode()))
    os.link(tmp_path / names[linked], tmp_path / "current.log")
    (tmp_path / "lock").write_text("77\n")
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
    assert any("is the old segment {name}" in event.get("log_format", "") for event in events)
    assert store.position == (5, 0)
    store.append(batch(b"four"))
    await store.close()
    assert text_of(tmp_path) == stored(*(name[:10].encode() for name in names), b"four")
    assert len({path.name[:26] for path in tmp_path.glob("0000000003-*")}) == 1


LINE = stored(b"one of the lines")
STAMP = LINE[: LINE.index(b"one of")]
LEFT = len(TEXTS[0]) // 2
BOTH = LINE + TEXTS[0] + TEXTS[1]


@attrs.frozen
class Crash:
    """What a crash left. text: of the active segment. synced: its bytes that were on the medium.

    blocks: whether the notes of two blocks, behind LINE, are there. lost: the bytes that are really lost.
    """

    text: bytes
    synced: int
    blocks: bool = False
    lost: int = 0


CRASHES = {
    "nothing": Crash(LINE, len(LINE)),
    "a torn line": Crash(LINE + LINE[:-5], 2 * len(LINE) - 5),
    "a part of a block": Crash(LINE + TEXTS[0][:LEFT], len(LINE) + LEFT, blocks=True),
    "a part that was partly synced": Crash(LINE + TEXTS[0][:LEFT], len(LINE) + 3, blocks=True),
    "a part of the second block": Crash(BOTH[:-9], len(BOTH) - 9, blocks=True),
    "two whole blocks": Crash(BOTH, len(BOTH), blocks=True),
    "a block that never began": Crash(LINE, len(LINE), blocks=True),
    "a block whose data never came": Crash(
        LINE + bytes(len(TEXTS[0])), len(LINE) + len(TEXTS[0]), blocks=True
    ),
    "a stamp without a message": Crash(LINE + STAMP, len(LINE + STAMP)),
    "half a stamp": Crash(LINE + STAMP[:11], len(LINE) + 11),
    "NULs at the end": Crash(LINE + bytes(512), len(LINE) + 512),
    "cut by somebody": Crash(LINE, len(LINE) + 70, lost=70),
    "cut by somebody in a block": Crash(
        LINE + TEXTS[0][:LEFT], len(LINE) + LEFT + 70, blocks=True, lost=70
    ),
    "all gone": Crash(b"", len(LINE), lost=len(LINE)),
}


def lost_bytes(directory: Path) -> list[int]:
    """Start a store after a kill; return the bytes that the log calls lost."""
    with capturedLogs() as events, at(directory) as disk:
        state = recover.repair_and_open(disk, crashed=True)
        os.close(state.opened.fd)
        os.close(state.opened.beside)
    said = [event for event in events if "the rest is lost" in event["log_format"]]
    return [event["synced"] - event["whole"] for event in said]


@pytest.mark.parametrize("name", CRASHES)
@pytest.mark.parametrize("sealed", [False, True])
def test_text_that_a_start_cuts_off_is_not_called_lost(name, sealed, tmp_path):
    """The next start finds the segment as it was left, or behind a rotation that it did not survive."""
    crash = CRASHES[name]
    (tmp_path / ACTIVE).write_bytes(crash.text)
    with at(tmp_path) as disk:
        save_number(5, disk)
        (tmp_path / SYNCED).write_bytes(b"")
        note_synced(Position(5, crash.synced), disk)
        if crash.blocks:
            written(disk, *two(5, len(LINE)))
    assert lost_bytes(tmp_path) == [crash.lost] * bool(crash.lost)
    if sealed:
        os.rename(tmp_path / ACTIVE, tmp_path / "0000000005-20261120T061842Z.log")
        with at(tmp_path) as disk:
            save_number(6, disk)
    assert lost_bytes(tmp_path) == []
