"""What a start makes of what a crash, a power cut or a person left behind."""

import os
import random
import stat
from pathlib import Path

import pytest
import zstandard
from twisted.logger import LogLevel, capturedLogs, formatEvent

from logsrv.errors import StoreError
from logsrv.linelog.store import index
from logsrv.linelog.store.recover import form_with_all_text, tidy
from logsrv.linelog.store.seal import seal
from logsrv.linelog.store.segment import Form, Segment, save_number, saved_number
from logsrv.linelog.store.segment_notes import note_waiting
from tests.parts.disks import FaultyDisk, at, batch, no_space, stored, text_of
from tests.parts.indexes import SENSELESS
from tests.parts.reactor import until

NAME = "0000000001-20261120T061842Z.log"
OTHER = "0000000001-20200101T000000Z.log"
LINES = [b"line %d" % number for number in range(3000)]


async def test_a_torn_last_line_is_kept_ended_and_reported(open_store, tmp_path):
    (tmp_path / "current.log").write_bytes(stored(b"whole") + stored(b"half a line")[:-4])
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
    assert "is torn after {torn} bytes" in events[0]["log_format"]
    assert events[0]["torn"] == len(stored(b"half a line")) - 4
    store.append(batch(b"next"))
    await store.durable()
    text = stored(b"whole") + stored(b"half a line")[:-4] + b"\n" + stored(b"next")
    assert (tmp_path / "current.log").read_bytes() == text
    assert store.position == (1, len(text))


async def test_a_torn_line_is_ended_though_nothing_is_appended(open_store, tmp_path):
    (tmp_path / "current.log").write_bytes(b"torn" * 50_000)
    open_store(directory=tmp_path)
    await until(lambda: (tmp_path / "current.log").read_bytes() == b"torn" * 50_000 + b"\n")


async def test_a_full_disk_does_not_keep_the_store_from_starting(open_store, tmp_path, clock):
    (tmp_path / "current.log").write_bytes(b"torn")
    disk = FaultyDisk()
    disk.errors["writev"] = no_space()
    store = open_store(disk, clock=clock, directory=tmp_path)
    store.append(batch(b"next"))
    clock.settle()
    assert store.stalled
    del disk.errors["writev"]
    clock.advance(1)
    await store.durable()
    assert (tmp_path / "current.log").read_bytes() == b"torn\n" + stored(b"next")


def test_a_sealed_segment_that_was_torn_is_ended_too(tmp_path):
    path = tmp_path / "0000000001-20261120T061842Z.log"
    path.write_bytes(stored(b"whole") + b"torn\0\0\0")
    tidy(at(tmp_path))
    assert path.read_bytes() == stored(b"whole") + b"torn\n"


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
    with pytest.raises(StoreError, match="give the same `logsrv restore` again to go on"):
        open_store(directory=tmp_path)
    assert not (tmp_path / "current.log").exists()


def test_of_two_complete_forms_the_packed_one_stays(tmp_path):
    segment = Segment(1, "0000000001-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    seal(segment, at(tmp_path))
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    tidy(at(tmp_path))
    assert not (tmp_path / segment.name).exists() and (tmp_path / segment.packed).exists()


def test_a_plain_file_that_holds_more_than_the_packed_one_stays(tmp_path):
    segment = Segment(1, "0000000001-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    seal(segment, at(tmp_path))
    (tmp_path / segment.name).write_bytes(stored(b"one", b"two"))
    tidy(at(tmp_path))
    assert (
        (tmp_path / segment.name).exists()
        and not (tmp_path / segment.packed).exists()
        and not (tmp_path / segment.index).exists()
    )


def test_a_lost_index_is_made_again_and_a_lone_one_removed(tmp_path):
    segment = Segment(1, "0000000001-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    seal(segment, at(tmp_path))
    (tmp_path / segment.index).rename(tmp_path / "0000000002-20261120T061842Z.log.zst.idx")
    (tmp_path / "current.log").touch()
    (tmp_path / segment.words).touch()
    (tmp_path / "0000000002-20261120T061842Z.log.zst.words").touch()
    (tmp_path / f"{segment.words}.tmp").touch()
    tidy(at(tmp_path))
    assert [path.name for path in tmp_path.glob("*.words*")] == [segment.words]
    assert text_of(tmp_path) == stored(b"one")
    assert (tmp_path / segment.index).exists() and len(list(tmp_path.glob("*.idx"))) == 1


@pytest.mark.parametrize("data", SENSELESS)
def test_an_index_that_makes_no_sense_is_made_again(tmp_path, data):
    segment = Segment(1, "0000000001-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    made = seal(segment, at(tmp_path))
    (tmp_path / segment.index).write_bytes(data)
    tidy(at(tmp_path))
    assert index.load(Segment(1, segment.packed, Form.PACKED), at(tmp_path)) == made


def test_an_index_that_cannot_be_made_keeps_no_store_from_starting(open_store, tmp_path):
    segment = Segment(1, "0000000001-20261120T061842Z.log", Form.PLAIN)
    (tmp_path / segment.name).write_bytes(stored(b"one"))
    seal(segment, at(tmp_path))
    (tmp_path / segment.index).unlink()
    (tmp_path / segment.index).mkdir()
    with capturedLogs() as events:
        assert open_store(directory=tmp_path).accepts
    assert [(e["name"], e["why"]) for e in events if "cannot be made" in e["log_format"]] == [
        (str(tmp_path / segment.index), "Is a directory")
    ]
    assert (tmp_path / segment.packed).exists() and (tmp_path / segment.index).is_dir()
    assert not list(tmp_path.glob("*.tmp"))


def test_a_damaged_segment_is_left_alone_and_reported(tmp_path):
    path = tmp_path / "0000000001-20261120T061842Z.log.zst"
    path.write_bytes(b"this is not Zstandard")
    with capturedLogs() as events:
        tidy(at(tmp_path))
    assert path.read_bytes() == b"this is not Zstandard"
    assert "is damaged" in events[0]["log_format"]


def frames(directory: Path) -> Segment:
    """Segment 1, sealed, of several frames of 10,000 bytes and more."""
    segment = Segment(1, "0000000001-20261120T061842Z.log", Form.PLAIN)
    numbers = random.Random(7)
    lines = (b"%d %s" % (number, numbers.randbytes(20).hex().encode()) for number in range(40_000))
    (directory / segment.name).write_bytes(stored(*lines))
    (directory / "current.log").write_bytes(stored(b"behind it"))
    seal(segment, at(directory))
    return Segment(1, segment.packed, Form.PACKED)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_a_sealed_segment_that_was_cut_is_reported_and_what_is_left_can_be_read(tmp_path, kept):
    disk, packed = at(tmp_path), frames(tmp_path)
    promised = index.load(packed, disk)
    first_lost = promised.frames[kept]
    os.truncate(tmp_path / packed.name, first_lost.at)
    for _ in range(2):
        with capturedLogs() as events:
            tidy(disk)
        assert [event["lines"] for event in events] == [promised.lines - first_lost.lines]
        assert [event["text"] for event in events] == [promised.text - first_lost.text]
        assert packed.name in events[0]["path"]
        assert index.load(packed, disk) == promised
    told: list[str] = []
    text = text_of(tmp_path, told)
    # The last line is that of the next segment.
    assert text.endswith(stored(b"behind it"))
    text = text.removesuffix(stored(b"behind it"))
    assert text.count(b"\n") == first_lost.lines
    assert len(text) == first_lost.text
    assert f"{packed.name} is damaged at byte {first_lost.at}" in told[0]


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
    store.append(batch(b"eight"))
    await store.durable()
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
    assert [event["unknown"] for event in events if "what became of" in event["log_format"]] == [7]
    assert store.position == (39, 0)
    await store.close()
    (tmp_path / "removed").write_bytes(b" ".join(b"%d:5" % one for one in range(7, 39)) + b"\n")
    with capturedLogs() as events:
        open_store(directory=tmp_path)
    assert not [event for event in events if "what became of" in event["log_format"]]


def test_segments_that_are_missing_between_others_are_told(open_store, tmp_path):
    for number in 2, 3, 6, 9:
        (tmp_path / f"{number:010d}-20261120T061842Z.log").write_bytes(stored(b"%d" % number))
    (tmp_path / "removed").write_bytes(b"4:5\n")
    with capturedLogs() as events:
        open_store(directory=tmp_path)
    [said] = [formatEvent(event) for event in events if "became of" in event["log_format"]]
    assert said.startswith("segment 5 is missing (and 2 more), and nothing tells")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("x")])
@pytest.mark.parametrize(
    "name", ["0000000007-20261120T061842Z.log", "0000000007-20261120T061842Z.log.zst"]
)
def test_a_directory_with_the_name_of_a_segment_is_reported_and_left_alone(
    open_store, tmp_path, make, name
):
    make(tmp_path / name)
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
    assert [e["path"] for e in events if "is not a segment" in e["log_format"]] == [
        str(tmp_path / name)
    ]
    assert store.position.segment == 1 and os.path.lexists(tmp_path / name)


@pytest.mark.parametrize("name", ["number", "number.tmp", "current.log.tmp"])
def test_a_fifo_under_a_name_of_ours_holds_nothing_up(open_store, tmp_path, name):
    os.mkfifo(tmp_path / name)
    store = open_store(directory=tmp_path)
    assert store.position.segment == 1 and store.accepts


def test_files_of_others_are_left_alone(tmp_path):
    names = {"notes.tmp", "x.log.zst.idx", "0000000001.log.zst.tmp", "current.log.tmp.tmp"}
    for name in names:
        (tmp_path / name).write_text("mine")
    tidy(at(tmp_path))
    assert {path.name for path in tmp_path.iterdir()} == names


def sealed(directory: Path, name: str = NAME, *lines: bytes) -> Segment:
    (directory / name).write_bytes(stored(*(lines or LINES)))
    seal(Segment(1, name, Form.PLAIN), at(directory))
    return Segment(1, f"{name}.zst", Form.PACKED)


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("0*")}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (stored(*LINES), Form.PACKED),
        (stored(*LINES[:3]), Form.PACKED),
        (b"", Form.PACKED),
        (stored(*LINES, b"more"), Form.PLAIN),
        (stored(b"something", b"else"), None),
        (stored(*LINES).replace(b"line 2999", b"LINE 2999"), None),
    ],
)
def test_the_form_that_holds_all_of_the_other_is_known(tmp_path, text, kept):
    packed = sealed(tmp_path)
    (tmp_path / NAME).write_bytes(text)
    assert form_with_all_text(Segment(1, NAME, Form.PLAIN), packed, at(tmp_path)) is kept


def test_a_packed_file_that_is_cut_holds_no_more_than_can_be_read(tmp_path):
    packed = sealed(tmp_path)
    first = zstandard.ZstdCompressor().compress(stored(*LINES))
    (tmp_path / packed.name).write_bytes(first + first[:-9])
    for text, kept in [(stored(*LINES), Form.PLAIN), (stored(b"else"), None)]:
        (tmp_path / NAME).write_bytes(text)
        assert form_with_all_text(Segment(1, NAME, Form.PLAIN), packed, at(tmp_path)) is kept


@pytest.mark.parametrize("packed_too", [False, True])
async def test_a_stranger_with_the_number_of_a_segment_is_left_alone_and_said(
    open_store, tmp_path, packed_too
):
    sealed(tmp_path)
    if packed_too:
        sealed(tmp_path, OTHER.replace("2020", "2030"), b"stranger")
    else:
        (tmp_path / OTHER).write_bytes(stored(b"stranger"))
    before = files(tmp_path)
    with capturedLogs() as events:
        store = open_store(directory=tmp_path)
        store.append(batch(b"next"))
        store.rotate()
        await until(lambda: list(tmp_path.glob("0000000002-*.idx")))
        await store.close()
    assert len([e for e in events if "has the number of" in e["log_format"]]) == 1
    assert before.items() <= files(tmp_path).items()
    assert text_of(tmp_path) == stored(*LINES, b"next")


@pytest.mark.parametrize("found", [LINES[:3], [b"something else"]])
async def test_a_plain_file_put_beside_its_packed_form_never_replaces_it(
    open_store, tmp_path, found
):
    """Neither in a running server nor in one that is started then."""
    sealed(tmp_path)
    before = files(tmp_path)
    store = open_store(directory=tmp_path)
    with capturedLogs() as events:
        (tmp_path / NAME).write_bytes(stored(*found))
        store.reopen()
        await until(lambda: any("path" in event for event in events))
    store.append(batch(b"next"))
    store.rotate()
    # Its plain file goes last, and would go while the files are read.
    await until(lambda: list(tmp_path.glob("0000000002-*.zst")))
    await until(lambda: not list(tmp_path.glob("0000000002-*Z.log")))
    assert before.items() <= files(tmp_path).items()
    await store.close()
    (tmp_path / NAME).write_bytes(stored(*found))
    await open_store(directory=tmp_path).close()
    assert before.items() <= files(tmp_path).items()
    assert (tmp_path / NAME).exists() == (found != LINES[:3])
    assert text_of(tmp_path) == stored(*LINES, b"next")


def test_a_stranger_is_not_touched_though_it_is_torn(tmp_path):
    sealed(tmp_path)
    (tmp_path / OTHER).write_bytes(b"torn\0\0")
    tidy(at(tmp_path))
    assert (tmp_path / OTHER).read_bytes() == b"torn\0\0"


async def test_a_raw_line_is_the_same_after_a_clean_restart(open_store):
    """`--raw` stores NULs; nothing crashed."""
    store = open_store()
    line = b"x" * (511 - len(stored(b"")) + 1) + b"\0" + b" a line of a device that sends NULs"
    store.append(batch(line))
    await store.durable()
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


async def test_of_two_forms_the_one_kept_is_synced_before_the_other_goes(tmp_path):
    sealed(tmp_path)
    (tmp_path / NAME).write_bytes(stored(*LINES))
    disk = FaultyDisk().open_directory(tmp_path)
    tidy(disk)
    assert disk.calls.index("sync_directory") < disk.calls.index("unlink")


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


def test_a_segment_that_ends_in_a_line_and_is_not_the_last_has_lost_lines(tmp_path):
    """Nothing says how many: its size was not known when it was cut."""
    (tmp_path / NAME).write_bytes(stored(b"one", b"two")[:-2])
    with capturedLogs() as events:
        tidy(at(tmp_path))
    [lost] = [event for event in events if "its last lines are lost" in event["log_format"]]
    assert lost["log_level"] is LogLevel.error
