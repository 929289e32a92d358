"""Texts that a kill or a power cut left."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from logsrv.linelog.store.starting.torn import is_stamp_or_beginning, repair_text
from tests.parts.disks import STAMP, stored

LINES = [b"line %d" % number for number in range(400)]
TEXT = stored(*LINES)


def mended(path: Path, text: bytes, synced: int = 0) -> tuple[int, bool]:
    """Write a text, mend it; a wrong size would be seen."""
    path.write_bytes(text)
    fd = os.open(path, os.O_RDWR)
    try:
        size, torn = repair_text(str(path), fd, synced)
    finally:
        os.close(fd)
    assert size == path.stat().st_size
    return size, torn


@pytest.mark.slow
def test_a_stamp_with_nothing_behind_it_is_cut_off(open_store, tmp_path):
    """Wherever it is torn: nobody sent it, and what stays has the stored format."""
    stamp = stored(b"")[:-1]
    for length in range(1, len(stamp) + 1):
        directory = tmp_path / str(length)
        directory.mkdir()
        (directory / "current.log").write_bytes(stored(b"whole") + stamp[:length])
        with capturedLogs() as events:
            open_store(directory=directory)
        assert [(e["torn"], "no message yet" in e["log_format"]) for e in events] == [
            (length, True)
        ]
        assert (directory / "current.log").read_bytes() == stored(b"whole")


@pytest.mark.parametrize("torn", [b"torn", b"2026 was a year", stored(b"m")[:-1], b"2026-11-20 x"])
def test_text_that_somebody_sent_is_no_stamp(torn):
    assert not is_stamp_or_beginning(torn)


@pytest.mark.parametrize("count", [1, 4096, 200_000])
def test_nuls_after_a_power_cut_are_cut_off_and_counted(open_store, tmp_path, count):
    (tmp_path / "current.log").write_bytes(stored(b"whole") + b"\0" * count)
    with capturedLogs() as events:
        open_store(directory=tmp_path)
    assert [event.get("nuls") for event in events] == [count]
    assert (tmp_path / "current.log").read_bytes() == stored(b"whole")


def test_a_file_of_nothing_but_nuls_is_an_empty_one(open_store, tmp_path):
    (tmp_path / "current.log").write_bytes(b"\0" * 100_000)
    assert open_store(directory=tmp_path).position == (1, 0)


@pytest.mark.parametrize("start", [600, 1024, 4096, TEXT.index(b"\n", 5000) + 1])
@pytest.mark.parametrize("end", [5632, 8192, 4096 * 4])
def test_lines_around_a_hole_stay_at_their_places_and_a_line_tells_of_it(tmp_path, start, end):
    path = tmp_path / "current.log"
    with capturedLogs() as events:
        assert mended(path, TEXT[:start] + bytes(end - start) + TEXT[end:]) == (len(TEXT), False)
    assert [(e["missing"], e["start"]) for e in events] == [(end - start, start)]
    text = path.read_bytes()
    before = TEXT.rindex(b"\n", 0, start) + 1
    behind = TEXT.index(b"\n", end)
    assert text[:before] == TEXT[:before] and text[behind:] == TEXT[behind:]
    told = text[before : behind + 1].splitlines()
    assert len(told) <= 3 and all(line.startswith(STAMP[:28]) for line in told)
    note = b"logsrv:start [%d bytes never reached the disk]" % (end - start)
    assert sum(note in line for line in told) == 1


@pytest.mark.parametrize("start", [0, 512, (1 << 20) - 512, 1 << 20, (1 << 20) + 512])
def test_a_hole_larger_than_a_piece_is_found_whole(tmp_path, start):
    """Pieces of 1 MiB are scanned; the hole begins before, at or behind the border of the first."""
    lines = stored(b"x" * 463) * 2049
    assert len(lines) % 512 == 0 and len(lines) > 1 << 20
    hole = 3 << 20
    with capturedLogs() as events:
        mended(tmp_path / "current.log", lines[:start] + bytes(hole) + TEXT)
    assert [(event["missing"], event["start"]) for event in events] == [(hole, start)]


def test_a_hole_too_small_for_a_line_ends_the_torn_one(tmp_path):
    path = tmp_path / "current.log"
    end = TEXT.index(b"line 19") // 512 * 512
    start = TEXT.rindex(b"line", 0, end) + 3
    mended(path, TEXT[:start] + bytes(end - start) + TEXT[end:])
    text = path.read_bytes()
    assert text == TEXT[:start] + b"\n" + b" " * (end - start - 1) + TEXT[end:]


def test_nuls_in_synced_text_are_no_hole(tmp_path):
    path = tmp_path / "current.log"
    text = TEXT[:512] + bytes(512) + TEXT[1024:]
    assert mended(path, text, synced=1024) == (len(TEXT), False)
    assert path.read_bytes() == text


def test_nuls_that_end_within_a_sector_are_no_hole(tmp_path):
    path = tmp_path / "current.log"
    text = TEXT[:512] + bytes(512) + TEXT[1024:2000] + b"\0" + TEXT[2001:]
    assert mended(path, text) == (len(TEXT), False)
    assert path.read_bytes() == text


def test_a_text_shorter_than_it_was_on_the_medium_is_told(tmp_path):
    with capturedLogs() as events:
        mended(tmp_path / "current.log", TEXT, synced=len(TEXT) + 7)
    assert [(e["whole"], e["synced"]) for e in events] == [(len(TEXT), len(TEXT) + 7)]


@given(missing=st.sets(st.integers(0, len(TEXT) // 512)), size=st.integers(0, len(TEXT)))
def test_no_sector_that_is_missing_changes_a_line_that_is_there(tmp_path_factory, missing, size):
    text = bytearray(TEXT[:size])
    for sector in missing:
        text[sector * 512 : (sector + 1) * 512] = bytes(
            len(text[sector * 512 : (sector + 1) * 512])
        )
    path = tmp_path_factory.getbasetemp() / "holes"
    mended(path, bytes(text))
    found = path.read_bytes()
    assert b"\0" not in found
    start = 0
    for line in TEXT.splitlines(keepends=True):
        end = start + len(line)
        if text[start:end] == line:
            assert found[start:end] == line, "a whole line stays where it was"
        start = end
    whole = set(TEXT.splitlines())
    for line in found.splitlines()[:-1]:
        known = line in whole or any(one.startswith(line) for one in whole)
        assert known or b"never reached the disk" in line or line.startswith(b" ")
