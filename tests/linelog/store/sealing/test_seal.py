"""Sealing keeps every line, wherever it is interrupted."""

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.store.index import segment_index as index
from logsrv.linelog.store.sealing.seal import Interrupted, seal, text_pieces
from logsrv.linelog.store.segment import Form, Listing, Segment, sealed_segments
from logsrv.linelog.store.starting.recover import open_and_repair_active, save_active_number
from logsrv.linelog.store.starting.tidy import tidy
from logsrv.linelog.store.times import Times
from logsrv.linelog.store.words.lookup import WordIndex
from tests.parts.disks import (
    Crash,
    CrashingDisk,
    FaultyDisk,
    at,
    no_space,
    plain_segment,
    stored,
    text_of,
)

TEXT = stored(*(b"line %d %s" % (number, b"x" * (number % 200)) for number in range(20_000)))
TIME = TEXT[:27].decode()


def plain(directory: Path, text: bytes = TEXT) -> Segment:
    (directory / "current.log").touch()
    return plain_segment(directory, text)


def test_names_are_on_the_medium_before_what_stands_on_them(tmp_path):
    """The plain name before the text has another, the packed name before the plain one goes.

    A power cut keeps any of the names that were not synced, and none.
    """
    disk, segment = FaultyDisk().open_directory(tmp_path), plain(tmp_path)
    seal(segment, disk)
    calls = [call for call in disk.calls if call in ("sync_directory", "rename", "unlink")]
    # Temporary files of an earlier try are removed before they are made.
    steps = calls[calls.index("sync_directory") :]
    first, last = steps.index("rename"), len(steps) - steps[::-1].index("rename")
    assert steps[0] == "sync_directory" and first > 0
    assert steps[last:] == ["sync_directory", "unlink"]


def recover(directory: Path) -> None:
    """What a start does before it writes."""
    disk = at(directory)
    tidy(disk)
    save_active_number(disk)
    opened = open_and_repair_active(disk)
    for fd in (opened.fd, opened.beside):
        os.close(fd)


def test_a_sealed_file_is_the_exact_text_and_each_frame_can_be_read_alone(tmp_path):
    disk, segment = at(tmp_path), plain(tmp_path)
    written = disk.stat(segment.name).st_mtime_ns
    seal(segment, disk)
    [packed] = sealed_segments(disk)
    with zstandard.open(tmp_path / packed.name, "rb") as file:
        assert file.read() == TEXT
    frames = index.load(packed, disk)
    data = disk.read(packed.name)
    assert len(frames.frames) > 2
    for number, frame in enumerate(frames.frames):
        start, size = frames.packed_extent(number)
        text = zstandard.ZstdDecompressor().decompress(data[start : start + size])
        assert text == TEXT[frame.text : frame.text + len(text)]
        assert text.endswith(b"\n") and len(text) <= 1 << 20
        assert frame.lines == TEXT[: frame.text].count(b"\n")
        assert frame.times == Times(TIME, TIME, sure=True)
    assert (frames.text, frames.lines) == (len(TEXT), 20_000)
    assert disk.stat(packed.name).st_mtime_ns == written


@pytest.mark.skipif(which("zstdcat") is None, reason="there is no zstdcat here")
def test_zstdcat_reads_a_sealed_file(tmp_path):
    segment = plain(tmp_path)
    seal(segment, at(tmp_path))
    done = subprocess.run(
        ["zstdcat", tmp_path / segment.packed], check=True, capture_output=True, timeout=PATIENCE
    )
    assert done.stdout == TEXT


@pytest.mark.slow
def test_a_crash_at_any_step_leaves_every_line_exactly_once(tmp_path):
    steps = 0
    while True:
        directory = tmp_path / str(steps)
        directory.mkdir()
        segment = plain(directory)
        try:
            seal(segment, CrashingDisk(at=steps).open_directory(directory))
        except Crash:
            pass
        else:
            break
        assert text_of(directory) == TEXT
        recover(directory)
        assert len(Listing(at(directory)).files) == 1
        assert text_of(directory) == TEXT
        for found in sealed_segments(at(directory)):
            if found.form is Form.PLAIN:
                seal(found, at(directory))
        names = {path.name for path in directory.iterdir()}
        ours = {segment.packed, segment.index, segment.words}
        assert names == {"current.log", "number"} | ours
        made = index.load(sealed_segments(at(directory))[0], at(directory))
        words = WordIndex(at(directory).read(segment.words))
        words.require_same_segment(made)
        assert text_of(directory) == TEXT
        steps += 1
    assert steps >= 13


@pytest.mark.parametrize("step", ["create", "writev", "fdatasync", "rename"])
def test_an_error_at_a_step_leaves_just_the_plain_file(tmp_path, step):
    segment = plain(tmp_path)
    disk = FaultyDisk().open_directory(tmp_path)
    disk.errors[step] = no_space()
    with pytest.raises(OSError, match="No space left"):
        seal(segment, disk)
    assert sorted(path.name for path in tmp_path.iterdir()) == [segment.name, "current.log"]
    assert (tmp_path / segment.name).read_bytes() == TEXT


def test_closing_gives_up_a_sealing(tmp_path):
    segment = plain(tmp_path)
    with pytest.raises(Interrupted):
        seal(segment, at(tmp_path), going=lambda: False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [segment.name, "current.log"]


@given(text=st.lists(st.binary(max_size=9)).map(b"\n".join), size=st.integers(1, 20))
def test_pieces_are_whole_lines_and_together_the_text(text, size):
    fd = os.memfd_create("text")
    try:
        os.write(fd, text)
        found = [chunk[:end] for chunk, end in text_pieces(fd, size)]
    finally:
        os.close(fd)
    assert b"".join(found) == text
    assert all(piece.endswith(b"\n") for piece in found[:-1])
    longest = max((len(line) + 1 for line in text.split(b"\n")), default=0)
    assert all(len(piece) <= max(size, 2 * longest) for piece in found)


def test_a_packed_file_that_is_there_is_not_replaced(tmp_path):
    seal(plain(tmp_path), at(tmp_path))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    segment = plain(tmp_path, b"something else\n")
    with pytest.raises(FileExistsError):
        seal(segment, at(tmp_path))
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after == before | {segment.name: b"something else\n"}
