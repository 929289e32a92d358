"""What a start makes of sealed segments: each is there once, and what a person put there stays."""

import os
import random
from pathlib import Path

import pytest
import zstandard
from twisted.logger import LogLevel, capturedLogs

from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.sealing.seal import seal
from logsrv.linelog.store.segment import Form, Segment
from logsrv.linelog.store.starting.tidy import form_with_all_text, tidy
from tests.parts.disks import FaultyDisk, at, batch, packed_segment, plain_segment, stored, text_of
from tests.parts.indexes import SENSELESS
from tests.parts.reactor import until

NAME = "0000000001-20261120T061842Z.log"
OTHER = "0000000001-20200101T000000Z.log"
LINES = [b"line %d" % number for number in range(3000)]


def test_a_sealed_segment_that_was_torn_is_ended_too(tmp_path):
    segment = plain_segment(tmp_path, stored(b"whole") + b"torn\0\0\0")
    tidy(at(tmp_path))
    assert (tmp_path / segment.name).read_bytes() == stored(b"whole") + b"torn\n"


@pytest.mark.parametrize(("text", "kept"), [(b"", Form.PACKED), (b"more\n", Form.PLAIN)])
def test_of_two_forms_of_a_segment_the_one_with_all_text_stays(tmp_path, text, kept):
    packed = packed_segment(tmp_path, stored(b"one"))
    plain = plain_segment(tmp_path, stored(b"one") + text)
    tidy(at(tmp_path))
    names = {packed.name, packed.index} if kept is Form.PACKED else {plain.name}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_a_lost_index_is_made_again_and_a_lone_one_removed(tmp_path):
    segment = packed_segment(tmp_path, stored(b"one"))
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
    segment = packed_segment(tmp_path, stored(b"one"))
    made = index.load(segment, at(tmp_path))
    (tmp_path / segment.index).write_bytes(data)
    tidy(at(tmp_path))
    assert index.load(segment, at(tmp_path)) == made


def test_an_index_that_cannot_be_made_keeps_no_store_from_starting(open_store, tmp_path):
    segment = packed_segment(tmp_path, stored(b"one"))
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
    numbers = random.Random(7)
    lines = (b"%d %s" % (number, numbers.randbytes(20).hex().encode()) for number in range(40_000))
    (directory / "current.log").write_bytes(stored(b"behind it"))
    return packed_segment(directory, stored(*lines))


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


async def test_of_two_forms_the_one_kept_is_synced_before_the_other_goes(tmp_path):
    sealed(tmp_path)
    (tmp_path / NAME).write_bytes(stored(*LINES))
    disk = FaultyDisk().open_directory(tmp_path)
    tidy(disk)
    assert disk.calls.index("sync_directory") < disk.calls.index("unlink")


def test_a_segment_that_ends_in_a_line_and_is_not_the_last_has_lost_lines(tmp_path):
    """Nothing says how many: its size was not known when it was cut."""
    (tmp_path / NAME).write_bytes(stored(b"one", b"two")[:-2])
    with capturedLogs() as events:
        tidy(at(tmp_path))
    [lost] = [event for event in events if "its last lines are lost" in event["log_format"]]
    assert lost["log_level"] is LogLevel.error
