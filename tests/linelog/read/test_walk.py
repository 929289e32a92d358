"""Frames are found without an index, by their headers."""

import os
from pathlib import Path

from logsrv.linelog.read.walk import index_sound_frames
from logsrv.linelog.store.segments import index
from tests.parts.stores import line, make_store

LINES = [line(f"{number} " + "abc" * 100, number) for number in range(20_000)]


def walked(path: Path) -> tuple[index.Index, str]:
    fd = os.open(path, os.O_RDONLY)
    try:
        return index_sound_frames(1, fd)
    finally:
        os.close(fd)


def test_the_frames_are_those_of_the_index(tmp_path):
    store = make_store(tmp_path / "logs", [LINES, []])
    [packed] = store.glob("*.zst")
    found, wrong = walked(packed)
    known = index.decode_index(packed.with_name(packed.name + ".idx").read_bytes())
    assert wrong == ""
    assert (found.text, found.compressed) == (known.text, known.compressed)
    assert [(one.text, one.at) for one in found.frames] == [
        (one.text, one.at) for one in known.frames
    ]


def test_a_truncated_file_has_its_whole_frames(tmp_path):
    store = make_store(tmp_path / "logs", [LINES, []])
    [packed] = store.glob("*.zst")
    whole, _ = walked(packed)
    packed.write_bytes(packed.read_bytes()[:-10])
    found, wrong = walked(packed)
    assert found.frames == whole.frames[:-1]
    assert f"damaged at byte {whole.frames[-1].at}" in wrong


def test_a_file_without_zstandard_has_no_frames(tmp_path):
    other = tmp_path / "other"
    other.write_bytes(b"no zstandard at all" * 100)
    found, wrong = walked(other)
    assert found.frames == ()
    assert "damaged at byte 0" in wrong
