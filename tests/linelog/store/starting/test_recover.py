"""What a start makes of what a crash, a power cut or a person left behind."""

import os
import stat

import pytest
from twisted.logger import LogLevel, capturedLogs, formatEvent

from logsrv.errors import StoreError
from logsrv.linelog.store.notes.segment_notes import note_waiting
from logsrv.linelog.store.segment import save_number, saved_number
from tests.parts.disks import at, batch, no_space, stored, text_of, write
from tests.parts.reactor import until

NAME = "0000000001-20261120T061842Z.log"
LINES = [b"line %d" % number for number in range(3000)]


async def test_a_torn_last_line_is_kept_ended_and_reported(open_store, tmp_path):
    (tmp_path / "current.log").write_bytes(stored(b"whole") + stored(b"half a line")[:-4])
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
    assert "is torn after {torn} bytes" in events[0]["log_format"]
    assert events[0]["torn"] == len(stored(b"half a line")) - 4
    await write(store, b"next")
    text = stored(b"whole") + stored(b"half a line")[:-4] + b"\n" + stored(b"next")
    assert (tmp_path / "current.log").read_bytes() == text
    assert store.position == (1, len(text))


async def test_a_torn_line_is_ended_though_nothing_is_appended(open_store, tmp_path):
    (tmp_path / "current.log").write_bytes(b"torn" * 50_000)
    open_store(directory=tmp_path)
    await until(lambda: (tmp_path / "current.log").read_bytes() == b"torn" * 50_000 + b"\n")


@pytest.mark.parametrize(
    ("left_by", "call", "text"),
    [("", "writev", b"torn\n" + stored(b"next")), ("77\n", "create", stored(b"next"))],
)
async def test_a_full_disk_does_not_keep_the_store_from_starting(
    open_store, disk, tmp_path, clock, left_by, call, text
):
    """After a stop its torn line is to be ended, and after a kill a new segment to be begun."""
    (tmp_path / "current.log").write_bytes(b"torn")
    (tmp_path / "lock").write_text(left_by)
    disk.errors[call] = no_space()
    store = open_store(disk, clock=clock, directory=tmp_path)
    store.append(batch(b"next"))
    clock.settle()
    assert store.stalled
    del disk.errors[call]
    clock.advance(1)
    await store.durable()
    assert (tmp_path / "current.log").read_bytes() == text


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda path: path.symlink_to("elsewhere"), "a symbolic link"),
        (lambda path: path.mkdir(), "a directory"),
        (os.mkfifo, "a FIFO"),
        (lambda path: os.mknod(path, stat.S_IFSOCK | 0o600), "a socket"),
    ],
)
def test_something_else_in_the_place_of_current_log_is_refused(open_store, tmp_path, make, kind):
    make(tmp_path / "current.log")
    with pytest.raises(StoreError, match=f"current.log is {kind}, not a plain file"):
        open_store(directory=tmp_path)
    (tmp_path / "current.log").rename(tmp_path / "away")
    open_store(directory=tmp_path)


def test_a_store_that_is_not_completely_restored_is_not_taken(open_store, tmp_path):
    """It would begin anew, and its edges would go on where they are."""
    (tmp_path / "restoring").write_text("x")
    with pytest.raises(StoreError, match="give the same `logsrv restore` again to continue"):
        open_store(directory=tmp_path)
    assert not (tmp_path / "current.log").exists()


@pytest.mark.parametrize("number", [b"12345678901", b"9" * 30, b"-3", b"seven"])
async def test_a_number_that_makes_no_sense_is_reported_and_nothing_is_lost(
    open_store, tmp_path, number
):
    (tmp_path / "number").write_bytes(number + b"\n")
    (tmp_path / "0000000006-20261120T061842Z.log").write_bytes(stored(b"six"))
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
    assert any("does not hold the number of a segment" in e["log_format"] for e in events)
    store.append(batch(b"seven"))
    store.rotate()
    await write(store, b"eight")
    await until(lambda: len(list(tmp_path.glob("*.idx"))) == 2)
    await store.close()
    assert text_of(tmp_path) == stored(b"six", b"seven", b"eight")
    assert saved_number(at(tmp_path)) == 8


@pytest.mark.parametrize(("name", "text"), [("number", b"39\n"), ("synced", b"39:0\n")])
async def test_a_number_that_no_other_file_explains_is_said(open_store, tmp_path, name, text):
    """In a store of a version that knew no sums a bit made 7 of it 39."""
    (tmp_path / "0000000006-20261120T061842Z.log").write_bytes(stored(b"six"))
    (tmp_path / name).write_bytes(text)
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
    assert [event["unknown"] for event in events if "what happened" in event["log_format"]] == [7]
    assert store.position == (39, 0)
    await store.close()
    (tmp_path / "removed").write_bytes(b" ".join(b"%d:5" % one for one in range(7, 39)) + b"\n")
    with capturedLogs() as events:
        open_store(directory=tmp_path)
    assert not [event for event in events if "what happened" in event["log_format"]]


def test_segments_that_are_missing_between_others_are_told(open_store, tmp_path):
    for number in 2, 3, 6, 9:
        (tmp_path / f"{number:010d}-20261120T061842Z.log").write_bytes(stored(b"%d" % number))
    (tmp_path / "removed").write_bytes(b"4:5\n")
    with capturedLogs() as events:
        open_store(directory=tmp_path)
    [said] = [formatEvent(event) for event in events if "what happened" in event["log_format"]]
    assert said.startswith("segment 5 is missing (and 2 more), and no file tells")


@pytest.mark.parametrize("name", ["number", "number.tmp", "current.log.tmp"])
def test_a_fifo_under_a_name_of_ours_holds_nothing_up(open_store, tmp_path, name):
    os.mkfifo(tmp_path / name)
    store = open_store(directory=tmp_path)
    assert store.position.segment == 1 and store.accepts


async def test_a_raw_line_is_the_same_after_a_clean_restart(open_store):
    """`--raw` stores NULs; nothing crashed."""
    store = open_store()
    line = b"x" * (511 - len(stored(b"")) + 1) + b"\0" + b" a line of a device that sends NULs"
    await write(store, line)
    await store.close()
    before = text_of(store.directory)
    assert before.index(b"\0") == 511
    with capturedLogs() as events:
        again = open_store()
        await again.close()
    assert not [event["log_format"] for event in events if "lacks" in event["log_format"]]
    assert text_of(store.directory) == before


@pytest.mark.parametrize("to", ["moved", "removed", "cut"])
async def test_a_file_that_was_taken_away_while_nobody_ran_leaves_its_places_unused(
    open_store, tmp_path, to
):
    store = open_store()
    store.append(batch(b"one", b"two"))
    await store.close()
    current = store.directory / "current.log"
    if to == "cut":
        os.truncate(current, len(stored(b"one")))
    elif to == "moved":
        current.rename(tmp_path / "away")
    else:
        current.unlink()
    with capturedLogs() as events:
        assert open_store().position == (2, 0)
    assert any("were on the disk before" in event["log_format"] for event in events)


@pytest.mark.parametrize("number", [None, b"", b"rubbish", b"2\n", b"6\n"])
async def test_numbers_go_on_after_all_segments_were_removed(open_store, number):
    """Also where the file of the number is lost, too."""
    store = open_store(rotate_size=1)
    for line in range(5):
        store.append(batch(b"%d" % line))
        await until(lambda: store.position.segment == line + 2)  # noqa: B023
    await until(lambda: len(list(store.directory.glob("*.idx"))) == 5)
    await store.close()
    for path in store.directory.glob("0*"):
        path.unlink()
    path = store.directory / "number"
    if number is None:
        path.unlink()
    else:
        path.write_bytes(number)
    assert open_store().position == (6, 0)
    assert saved_number(at(store.directory)) == 6


@pytest.mark.parametrize("text", [stored(b"one", b"two"), stored(b"one", b"two")[:-2]])
async def test_a_segment_that_was_cut_while_it_waited_is_told_at_the_start(
    open_store, tmp_path, text
):
    """Behind a line or in one, though nothing crashed."""
    directory, size = tmp_path / "store", len(stored(b"one", b"two", b"three"))
    directory.mkdir()
    (directory / NAME).write_bytes(text)
    with at(directory) as disk:
        save_number(2, disk)
        note_waiting(1, size, disk)
        with capturedLogs() as events:
            store = open_store(directory=directory)
            await until(lambda: list(directory.glob("*.zst")))
            await until(lambda: any("has cut it" in event["log_format"] for event in events))
            await store.close()
    [said] = [event for event in events if "were on the disk before" in event["log_format"]]
    assert (said["log_level"], said["synced"]) == (LogLevel.error, size)
