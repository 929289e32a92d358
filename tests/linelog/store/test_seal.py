"""Sealing keeps every line, wherever it is interrupted."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from logsrv.linelog.store import index
from logsrv.linelog.store.disk import Disk
from logsrv.linelog.store.recover import number_active, open_active, tidy
from logsrv.linelog.store.seal import Interrupted, pieces, seal
from logsrv.linelog.store.segment import Form, Segment, sealed_files
from tests.linelog.store.faults import Crash, CrashingDisk, FaultyDisk, no_space, stored, text_of

TEXT = stored(*(b"line %d %s" % (number, b"x" * (number % 200)) for number in range(20_000)))


def plain(directory: Path, text: bytes = TEXT) -> Segment:
    path = directory / "0000000001-20261120T061842Z.log"
    path.write_bytes(text)
    (directory / "current.log").touch()
    return Segment(1, path, Form.PLAIN)


def recover(directory: Path) -> None:
    """What a start does before it writes."""
    tidy(directory, Disk())
    number_active(directory, Disk())
    os.close(open_active(directory, Disk()).fd)


def test_a_sealed_file_is_the_exact_text_and_each_frame_can_be_read_alone(tmp_path: Path) -> None:
    segment = plain(tmp_path)
    written = segment.path.stat().st_mtime_ns
    seal(segment, Disk())
    [packed] = sealed_files(tmp_path)
    with zstandard.open(packed.path, "rb") as file:
        assert file.read() == TEXT
    frames = index.load(packed)
    data = packed.path.read_bytes()
    assert len(frames.frames) > 2
    for number, frame in enumerate(frames.frames):
        at, size = frames.extent(number)
        text = zstandard.ZstdDecompressor().decompress(data[at : at + size])
        assert text == TEXT[frame.text : frame.text + len(text)]
        assert text.endswith(b"\n") and len(text) <= 1 << 20
        assert frame.lines == TEXT[: frame.text].count(b"\n")
        assert frame.first == frame.last == "2026-11-20T06:18:42.123456Z"
    assert (frames.text, frames.lines) == (len(TEXT), 20_000)
    assert packed.path.stat().st_mtime_ns == written


@pytest.mark.skipif(which("zstdcat") is None, reason="there is no zstdcat here")
def test_zstdcat_reads_a_sealed_file(tmp_path: Path) -> None:
    segment = plain(tmp_path)
    seal(segment, Disk())
    done = subprocess.run(["zstdcat", segment.packed], check=True, capture_output=True)
    assert done.stdout == TEXT


def test_a_crash_at_any_step_leaves_every_line_exactly_once(tmp_path: Path) -> None:
    steps = 0
    while True:
        directory = tmp_path / str(steps)
        directory.mkdir()
        segment = plain(directory)
        try:
            seal(segment, CrashingDisk(at=steps))
        except Crash:
            pass
        else:
            break
        assert text_of(directory) == TEXT
        recover(directory)
        assert len(sealed_files(directory)) == 1
        assert text_of(directory) == TEXT
        for found in sealed_files(directory):
            if found.form is Form.PLAIN:
                seal(found, Disk())
        names = {path.name for path in directory.iterdir()}
        assert names == {"current.log", "number", segment.packed.name, segment.index.name}
        assert text_of(directory) == TEXT
        steps += 1
    assert steps >= 9


@pytest.mark.parametrize("step", ["create", "writev", "fdatasync", "rename"])
def test_an_error_at_a_step_leaves_just_the_plain_file(tmp_path: Path, step: str) -> None:
    segment = plain(tmp_path)
    disk = FaultyDisk()
    disk.errors[step] = no_space()
    with pytest.raises(OSError, match="No space left"):
        seal(segment, disk)
    assert sorted(path.name for path in tmp_path.iterdir()) == [segment.path.name, "current.log"]
    assert segment.path.read_bytes() == TEXT


def test_closing_gives_up_a_sealing(tmp_path: Path) -> None:
    segment = plain(tmp_path)
    with pytest.raises(Interrupted):
        seal(segment, Disk(), going=lambda: False)
    assert sorted(path.name for path in tmp_path.iterdir()) == [segment.path.name, "current.log"]


@given(text=st.lists(st.binary(max_size=9)).map(b"\n".join), size=st.integers(1, 20))
def test_pieces_are_whole_lines_and_together_the_text(text: bytes, size: int) -> None:
    fd = os.memfd_create("text")
    try:
        os.write(fd, text)
        found = [chunk[:end] for chunk, end in pieces(fd, size)]
    finally:
        os.close(fd)
    assert b"".join(found) == text
    assert all(piece.endswith(b"\n") for piece in found[:-1])
    longest = max((len(line) + 1 for line in text.split(b"\n")), default=0)
    assert all(len(piece) <= max(size, 2 * longest) for piece in found)
