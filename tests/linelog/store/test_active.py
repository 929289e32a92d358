"""Rotation, and what happens when somebody else moves current.log."""

import errno
import os
import shutil
from functools import partial
from pathlib import Path

import pytest
from twisted.logger import capturedLogs

from logsrv.errors import StoreError
from logsrv.kit.text.time import rfc3339
from logsrv.linelog.store import active
from logsrv.linelog.store.policy import DAY
from logsrv.linelog.store.segment import saved_number
from logsrv.linelog.store.store import Store
from tests.parts.disks import (
    FaultyDisk,
    another_lock,
    at,
    batch,
    no_links,
    no_space,
    stored,
    text_of,
    write,
)
from tests.parts.reactor import until


def sealed(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.zst"))


def is_over(store: Store, number: int) -> bool:
    """Whether so many segments are sealed, or none will be."""
    return bool(store.troubles()) or len(sealed(store.directory)) == number


async def test_a_full_segment_is_sealed_under_its_number_and_first_time(open_store):
    store = open_store(rotate_size=10)
    store.append(batch(b"one"))
    await until(lambda: sealed(store.directory) == ["0000000001-20261120T061842Z.log.zst"])
    await until(lambda: not list(store.directory.glob("*Z.log")))
    assert (store.directory / "current.log").read_bytes() == b""
    assert store.position == (2, 0) and saved_number(at(store.directory)) == 2


@pytest.mark.parametrize("step", ["create", "rename"])
async def test_without_a_free_descriptor_the_old_segment_goes_on(open_store, disk, step, clock):
    store = open_store(disk, clock=clock, rotate_size=10)
    disk.errors[step] = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    with capturedLogs() as events:
        for number in range(3):
            await write(store, b"%d" % number)
        await until(lambda: any("cannot be rotated" in event.get("why", "") for event in events))
    assert text_of(store.directory) == stored(b"0", b"1", b"2")
    assert list(store.troubles()) == ["rotate"]
    assert store.position.segment == 1
    assert not list(store.directory.glob("0*"))
    del disk.errors[step]
    clock.advance(1)
    assert store.position.segment == 2
    assert text_of(store.directory) == stored(b"0", b"1", b"2")


async def test_a_rotation_that_fails_is_not_tried_again_at_once(open_store, disk, clock):
    """With each line it would cost what a rotation does, and a line in the log."""
    store = open_store(disk, clock=clock, rotate_size=10)
    disk.errors["create"] = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    before = disk.calls.count("create")
    for number in range(20):
        await write(store, b"%d" % number)
    assert disk.calls.count("create") - before == 1
    for tries in range(2, 62):
        clock.advance(active.RETRY_AFTER)
        assert disk.calls.count("create") - before == tries


class HalfWay(FaultyDisk):
    """A disk on which no file can become current.log: a rotation fails at its second step.

    links: whether it knows second names. undo: whether the first step can be taken back.
    """

    def __init__(self, links: bool, undo: bool) -> None:
        super().__init__()
        self.failing = True
        self._undo = undo
        if not links:
            self.errors["link"] = no_links()

    def rename(self, old: str, new: str) -> None:
        refused = old == "current.log.tmp" or not self._undo
        self._refuse(refused and new == "current.log")
        super().rename(old, new)

    def unlink(self, name: str) -> None:
        self._refuse(not self._undo and name.endswith("Z.log"))
        super().unlink(name)

    def _refuse(self, refused: bool) -> None:
        if self.failing and refused:
            # The next tries end before they touch a name.
            self.errors["create"] = no_space()
            self.calls.append("refused")
            raise no_space()

    def mend(self) -> None:
        """Fail no more."""
        self.failing = False
        del self.errors["create"]


@pytest.mark.parametrize("links", [True, False])
@pytest.mark.parametrize("undo", [True, False])
async def test_a_rotation_that_fails_half_way_loses_nothing_and_is_done_later(
    open_store, links, undo, clock
):
    disk = HalfWay(links, undo)
    store = open_store(disk, clock=clock, rotate_size=10)
    store.append(batch(b"one"))
    await until(lambda: "refused" in disk.calls)
    await write(store, b"two")
    if links or undo:
        assert (store.directory / "current.log").read_bytes() == stored(b"one", b"two")
        assert text_of(store.directory) == stored(b"one", b"two")
    assert store.position.segment == 1
    assert undo is not bool(list(store.directory.glob("0*")))
    disk.mend()
    clock.advance(1)
    assert store.position.segment == 2
    store.append(batch(b"three"))
    await store.close()
    assert text_of(store.directory) == stored(b"one", b"two", b"three")


async def test_after_a_kill_half_way_through_a_rotation_each_later_one_has_its_own_name(
    open_store, tmp_path
):
    """current.log had its sealed name already; only for that segment it counts."""
    directory = tmp_path / "store"
    directory.mkdir()
    (directory / "current.log").write_bytes(stored(b"0"))
    os.link(directory / "current.log", directory / "0000000001-20261120T061842Z.log")
    (directory / "lock").write_text("77\n")
    store = open_store(rotate_size=10, directory=directory)
    for number in range(1, 4):
        await write(store, b"%d" % number)
        # A rotation that fails is only a trouble: lines go on in the old file.
        await until(partial(is_over, store, number + 1))
        assert not store.troubles()
    assert text_of(directory) == stored(b"0", b"1", b"2", b"3")


async def test_a_file_of_somebody_else_under_the_sealed_name_is_left_alone(open_store):
    store = open_store()
    other = store.directory / "0000000001-20261120T061842Z.log"
    await write(store, b"one")
    other.write_bytes(b"mine\n")
    with capturedLogs() as events:
        store.rotate()
        await until(lambda: any("File exists" in event.get("why", "") for event in events))
    assert other.read_bytes() == b"mine\n"
    assert (store.directory / "current.log").read_bytes() == stored(b"one")


async def test_nothing_is_rotated_in_a_directory_that_another_server_has_taken(
    open_store, tmp_path
):
    """Somebody put another lock file there, on a file system where that is the only lock."""
    store = open_store()
    await write(store, b"one")
    other = another_lock(store.directory)
    with capturedLogs() as events:
        store.rotate()
        await write(store, b"two")
        await until(lambda: any("still writing" in event["log_format"] for event in events))
        (store.directory / "current.log").rename(tmp_path / "moved")
        store.reopen()
        await write(store, b"three")
    assert (tmp_path / "moved").read_bytes() == stored(b"one", b"two", b"three")
    assert not list(store.directory.glob("*.log*"))
    os.close(other)
    (store.directory / "lock").unlink()
    store.reopen()
    await until((store.directory / "current.log").exists)


async def test_a_store_goes_on_in_the_directory_it_opened_wherever_that_is_moved(
    open_store, tmp_path
):
    store = open_store(rotate_size=1)
    directory, moved = store.directory, tmp_path / "moved"
    store.append(batch(b"one"))
    await until(lambda: len(sealed(directory)) == 1)
    with capturedLogs() as events:
        directory.rename(moved)
        other = open_store(rotate_size=1)
        store.append(batch(b"two"))
        other.append(batch(b"three"))
        await until(lambda: len(sealed(moved)) == 2 and len(sealed(directory)) == 1)
        store.reopen()
        await until(lambda: any("was moved to {moved}" in e["log_format"] for e in events))
    await store.close()
    await other.close()
    assert text_of(moved) == stored(b"one", b"two")
    assert text_of(directory) == stored(b"three")
    assert [e["moved"] for e in events if "moved" in e] == [str(moved)]


async def test_a_directory_that_was_removed_is_made_again(open_store):
    store = open_store()
    await write(store, b"lost with it")
    while store.directory.exists():
        # The thread that seals may take the lock again, which it misses.
        shutil.rmtree(store.directory, ignore_errors=True)
    store.reopen()
    await write(store, b"two")
    assert text_of(store.directory) == stored(b"two")
    with pytest.raises(StoreError, match="in use"):
        open_store()


async def test_logrotate_may_move_current_log_away(open_store, tmp_path):
    store = open_store()
    await write(store, b"one")
    shutil.move(store.directory / "current.log", tmp_path / "moved")
    store.append(batch(b"two"))
    store.reopen()
    await write(store, b"three")
    assert (tmp_path / "moved").read_bytes() == stored(b"one", b"two")
    assert text_of(store.directory) == stored(b"three")
    assert store.position.segment == saved_number(at(store.directory)) == 2


async def test_a_removed_current_log_is_made_again_and_what_went_with_it_is_said(open_store):
    store = open_store()
    await write(store, b"one")
    (store.directory / "current.log").unlink()
    with capturedLogs() as events:
        store.reopen()
        await write(store, b"two")
        await until(lambda: any("{happened}" in event["log_format"] for event in events))
    assert f"with it the {len(stored(b'one'))} bytes" in events[-1]["happened"]
    assert text_of(store.directory) == stored(b"two")


async def test_reopening_does_nothing_when_current_log_is_where_it_was(open_store):
    store = open_store()
    store.append(batch(b"one"))
    store.reopen()
    await write(store, b"two")
    assert text_of(store.directory) == stored(b"one", b"two")
    assert store.position.segment == 1


async def test_something_else_under_the_name_leaves_the_old_file_in_use(open_store, tmp_path):
    store = open_store()
    shutil.move(store.directory / "current.log", tmp_path / "moved")
    (store.directory / "current.log").mkdir()
    with capturedLogs() as events:
        store.reopen()
        await write(store, b"one")
        await until(lambda: any("still writing" in event["log_format"] for event in events))
        assert list(store.troubles()) == ["rotate"]
        (store.directory / "current.log").rmdir()
        store.reopen()
        store.append(batch(b"two"))
        await until(lambda: store.position == (2, len(stored(b"two"))))
        await store.durable()
    assert not store.troubles()
    assert any("lines go on in a new file" in event["log_format"] for event in events)
    assert (tmp_path / "moved").read_bytes() == stored(b"one")


async def test_a_segment_of_less_than_16_mib_is_not_sealed_before_a_day(
    open_store, clock, monkeypatch
):
    size = len(stored(b"one"))
    monkeypatch.setattr(active, "LEAST_BY_AGE", 2 * size)
    store = open_store(clock=clock, rotate_every=DAY / 24)
    store.append(batch(b"one"))
    clock.advance(DAY - 1)
    assert store.position == (1, size) and not sealed(store.directory)
    clock.advance(1)
    assert store.position == (2, 0) and len(sealed(store.directory)) == 1
    store.append(batch(b"one"))
    store.append(batch(b"two"))
    clock.advance(DAY / 24)
    assert store.position == (3, 0) and len(sealed(store.directory)) == 2


@pytest.mark.parametrize(("every", "seconds"), [(DAY, 600), (60, 60)])
async def test_a_segment_of_64_mib_is_sealed_after_ten_minutes(
    open_store, clock, monkeypatch, every, seconds
):
    """Figures read the whole text of the active one."""
    size = len(stored(b"one"))
    monkeypatch.setattr(active, "LEAST_BY_AGE", 2 * size)
    monkeypatch.setattr(active, "LEAST_SOON", 2 * size)
    store = open_store(clock=clock, rotate_every=every)
    store.append(batch(b"one"))
    clock.advance(seconds - 1)
    store.append(batch(b"one"))
    clock.advance(0.5)
    assert not sealed(store.directory)
    clock.advance(0.5)
    assert len(sealed(store.directory)) == 1


@pytest.fixture
def no_least_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment is sealed by its age, however small it is."""
    monkeypatch.setattr(active, "LEAST_BY_AGE", 1)


async def test_an_idle_segment_is_sealed_when_its_time_is_up_and_an_empty_one_never(
    open_store, clock, no_least_size
):
    store = open_store(clock=clock, rotate_every=DAY)
    clock.advance(5 * DAY)
    for day in range(1, 4):
        store.append(batch(b"one"))
        clock.advance(DAY - 1)
        assert store.position.segment == day
        clock.advance(1)
        assert store.position == (day + 1, 0) and len(sealed(store.directory)) == day
    store.rotate()
    clock.advance(5 * DAY)
    assert store.position == (4, 0) and len(sealed(store.directory)) == 3


async def test_after_a_restart_the_time_counts_from_the_first_line(
    open_store, tmp_path, clock, no_least_size
):
    (tmp_path / "current.log").write_text(f"{rfc3339(clock.time_of_day() - 3000)} tcp:x:1 old\n")
    store = open_store(clock=clock, directory=tmp_path, rotate_every=3600.0)
    clock.advance(599)
    assert not sealed(store.directory)
    clock.advance(1)
    assert len(sealed(store.directory)) == 1


async def test_a_first_line_from_the_future_does_not_put_rotation_off(
    open_store, tmp_path, clock, no_least_size
):
    """The clock was set back while the server was down."""
    (tmp_path / "current.log").write_text(
        f"{rfc3339(clock.time_of_day() + 90000)} tcp:x:1 future\n"
    )
    store = open_store(clock=clock, directory=tmp_path, rotate_every=3600.0)
    clock.advance(3600)
    assert len(sealed(store.directory)) == 1
