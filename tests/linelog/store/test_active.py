"""Rotation, and what happens when somebody else moves current.log."""

from __future__ import annotations

import errno
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import pytest_twisted
from twisted.logger import capturedLogs

from logsrv.kit.time import rfc3339
from logsrv.linelog.store.segment import saved_number
from logsrv.linelog.store.store import Store
from tests.linelog.store.faults import FaultyDisk, batch, no_space, stored, text_of, until

OpenStore = Callable[..., Store]


def sealed(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.zst"))


@pytest_twisted.ensureDeferred
async def test_a_full_segment_is_sealed_under_its_number_and_first_time(
    open_store: OpenStore,
) -> None:
    store = open_store(rotate_size=10)
    store.append(batch(b"one"))
    await until(lambda: sealed(store.directory) == ["0000000001-20261120T061842Z.log.zst"])
    await until(lambda: not list(store.directory.glob("*Z.log")))
    assert (store.directory / "current.log").read_bytes() == b""
    assert store.position == (2, 0) and saved_number(store.directory) == 2


@pytest_twisted.ensureDeferred
async def test_an_idle_segment_is_sealed_when_its_time_is_up_and_an_empty_one_never(
    open_store: OpenStore,
) -> None:
    store = open_store(rotate_every=0.2)
    began = time.monotonic()
    store.append(batch(b"one"))
    await until(lambda: len(sealed(store.directory)) == 1)
    assert time.monotonic() - began >= 0.2
    store.rotate()
    await until(lambda: time.monotonic() - began > 0.7)
    assert store.position == (2, 0) and len(sealed(store.directory)) == 1


@pytest_twisted.ensureDeferred
async def test_after_a_restart_the_time_counts_from_the_first_line(
    open_store: OpenStore, tmp_path: Path
) -> None:
    (tmp_path / "current.log").write_text(f"{rfc3339(time.time() - 5000)} tcp:x:1 old\n")
    store = open_store(directory=tmp_path, rotate_every=3600.0)
    await until(lambda: len(sealed(store.directory)) == 1)


@pytest_twisted.ensureDeferred
async def test_a_first_line_from_the_future_does_not_put_rotation_off(
    open_store: OpenStore, tmp_path: Path
) -> None:
    """The clock was set back while the server was down."""
    (tmp_path / "current.log").write_text(f"{rfc3339(time.time() + 90000)} tcp:x:1 future\n")
    store = open_store(directory=tmp_path, rotate_every=0.3)
    await until(lambda: len(sealed(store.directory)) == 1)


@pytest_twisted.ensureDeferred
async def test_numbers_go_on_after_everything_sealed_was_removed(open_store: OpenStore) -> None:
    store = open_store(rotate_size=10)
    store.append(batch(b"one"))
    await until(lambda: len(list(store.directory.glob("*.idx"))) == 1)
    await store.close()
    for path in store.directory.glob("0*"):
        path.unlink()
    assert open_store().position.segment == 2


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize("step", ["create", "rename"])
async def test_without_a_free_descriptor_the_old_segment_goes_on(
    open_store: OpenStore, step: str
) -> None:
    disk = FaultyDisk()
    store = open_store(disk, rotate_size=10)
    disk.errors[step] = OSError(errno.EMFILE, os.strerror(errno.EMFILE))
    with capturedLogs() as events:
        for number in range(3):
            store.append(batch(b"%d" % number))
            await store.durable()
        await until(lambda: any("cannot be rotated" in event["log_format"] for event in events))
    assert text_of(store.directory) == stored(b"0", b"1", b"2")
    assert store.healthy and store.position.segment == 1
    del disk.errors[step]
    await until(lambda: store.position.segment == 2)
    assert text_of(store.directory) == stored(b"0", b"1", b"2")


@pytest_twisted.ensureDeferred
async def test_a_rotation_that_fails_half_way_takes_its_name_back(open_store: OpenStore) -> None:
    disk = FaultyDisk()
    store = open_store(disk, rotate_size=10)

    def second_fails() -> None:
        if (store.directory / "current.log").exists():
            disk.errors.pop("rename", None)
        elif "rename" not in disk.errors:
            disk.errors["rename"] = no_space()
            disk.before.pop("rename")

    disk.before["rename"] = second_fails
    store.append(batch(b"one"))
    await until(lambda: "rename" in disk.errors)
    # The name could not be given back either: the file is a sealed one from now on.
    del disk.errors["rename"]
    store.append(batch(b"two"))
    await store.durable()
    await until(lambda: store.position.segment >= 2)
    await store.close()
    assert text_of(store.directory) == stored(b"one", b"two")


@pytest_twisted.ensureDeferred
async def test_logrotate_may_move_current_log_away(open_store: OpenStore, tmp_path: Path) -> None:
    store = open_store()
    store.append(batch(b"one"))
    await store.durable()
    shutil.move(store.directory / "current.log", tmp_path / "moved")
    store.append(batch(b"two"))
    store.reopen()
    store.append(batch(b"three"))
    await store.durable()
    assert (tmp_path / "moved").read_bytes() == stored(b"one", b"two")
    assert text_of(store.directory) == stored(b"three")
    assert store.position.segment == saved_number(store.directory) == 2


@pytest_twisted.ensureDeferred
async def test_a_removed_current_log_is_made_again_and_what_went_with_it_is_said(
    open_store: OpenStore,
) -> None:
    store = open_store()
    store.append(batch(b"one"))
    await store.durable()
    (store.directory / "current.log").unlink()
    with capturedLogs() as events:
        store.reopen()
        store.append(batch(b"two"))
        await store.durable()
        await until(lambda: any("{happened}" in event["log_format"] for event in events))
    assert f"with it the {len(stored(b'one'))} bytes" in events[-1]["happened"]
    assert text_of(store.directory) == stored(b"two")


@pytest_twisted.ensureDeferred
async def test_reopening_does_nothing_when_current_log_is_where_it_was(
    open_store: OpenStore,
) -> None:
    store = open_store()
    store.append(batch(b"one"))
    store.reopen()
    store.append(batch(b"two"))
    await store.durable()
    assert text_of(store.directory) == stored(b"one", b"two")
    assert store.position.segment == 1


@pytest_twisted.ensureDeferred
async def test_a_file_that_was_cut_is_another_segment_for_old_positions(
    open_store: OpenStore,
) -> None:
    store = open_store()
    store.append(batch(b"one"))
    await store.durable()
    os.truncate(store.directory / "current.log", 0)
    store.reopen()
    store.append(batch(b"two"))
    await store.durable()
    assert store.position == (2, len(stored(b"two")))


@pytest_twisted.ensureDeferred
async def test_something_else_under_the_name_leaves_the_old_file_in_use(
    open_store: OpenStore, tmp_path: Path
) -> None:
    store = open_store()
    shutil.move(store.directory / "current.log", tmp_path / "moved")
    (store.directory / "current.log").mkdir()
    with capturedLogs() as events:
        store.reopen()
        store.append(batch(b"one"))
        await store.durable()
        await until(lambda: any("still writing" in event["log_format"] for event in events))
    assert (tmp_path / "moved").read_bytes() == stored(b"one")
