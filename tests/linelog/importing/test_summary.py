"""The summary of an import: what was taken, and what was not and why, in a sentence each."""

import os
from pathlib import Path

import pytest

from logsrv.linelog.importing.files import LogFile
from logsrv.linelog.importing.summary import SkippedFileCounts, file_sentence, total_sentence

WRITTEN = 1_795_190_400
UNCLEAR = "; 2 lines with day and month in an unknown order have a neighbour's time"
NOT_BELIEVED = (
    b"2026-11-20 06:00:00Z a\n2026-02-31 06:00:00Z b\n1969-11-20 06:00:00Z c\n"
    b"2101-11-20 06:00:00Z d\n2026-11-20 06:00:01Z e\n"
)
OUT_OF_THE_YEARS = (
    "5 lines, 2026-11-20T06:00:00Z to 2026-11-20T06:00:01Z, RFC 3339; 3 lines with an invalid date, or one"
    " after the file's own, have a neighbour's time"
)
ALL_OF_IT = (
    "3 lines, 2026-11-20T06:00:00Z to 2026-11-20T06:00:00Z, RFC 3339; 1 line before the first time has"
    " that one; 1 line older than the previous line, by 2 s, has its time"
    " (--sort puts it where it belongs)"
)


def read(path: Path, text: bytes) -> LogFile:
    path.write_bytes(text)
    os.utime(path, (WRITTEN, WRITTEN))
    file = LogFile(str(path), pytest.fail)
    for _ in file.read_dated_lines():
        pass
    return file


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (b"", "no lines"),
        (b"no time\n", "1 line without a time; it has the file's own, 2026-11-20T16:00:00Z"),
        (
            b"05/06/2026 06:00:00 a\n06/06/2026 06:00:00 b\n",
            "2 lines without a time; they have the file's own, 2026-11-20T16:00:00Z" + UNCLEAR,
        ),
        (NOT_BELIEVED, OUT_OF_THE_YEARS),
        (b"first\n2026-11-20T06:00:00Z a\n2026-11-20T05:59:58Z b\n", ALL_OF_IT),
    ],
)
def test_a_files_sentence_has_lines_and_times(tmp_path, text, told):
    assert file_sentence(read(tmp_path / "log", text)) == told


@pytest.mark.parametrize(
    ("number", "told"), [(1, "1 file that is no text"), (4, "4 files that are no text")]
)
def test_files_that_are_no_text_are_told_in_right_words(number, told):
    assert total_sentence([], SkippedFileCounts(binary=number), 0).endswith(f"dropped: {told}")


def test_several_lines_are_told_in_right_words(tmp_path):
    text = b"a\nb\n2026-11-20T06:00:09Z\n2026-11-20T06:00:02Z\n2026-11-20T06:00:01Z\n"
    assert file_sentence(read(tmp_path / "log", text)).partition("RFC 3339; ")[2] == (
        "2 lines before the first time have that one; 2 lines older than the previous line, by up to 8 s,"
        " have its time (--sort puts them where they belong)"
    )


def test_the_sentence_about_all_files_has_totals_and_drops(tmp_path):
    files = [read(tmp_path / "a", b"x\n" * 1000), read(tmp_path / "b", b"y\n")]
    files[1].cut, files[1].without_fields = ["b cannot be read to its end"], 2
    assert total_sentence(files[:1], SkippedFileCounts(), 0.04) == (
        "in all: 1 file, 1,000 lines, 2,000 bytes unpacked, in 0.0 s; dropped: nothing"
    )
    assert total_sentence(files, SkippedFileCounts(imported=2, binary=1, unreadable=3), 12.34) == (
        "in all: 2 files, 1,001 lines, 2,002 bytes unpacked, in 12.3 s; 2 files imported before; dropped:"
        " 1 file that is no text, 3 files that cannot be read, the rest of 1 file, broken or cut off,"
        " fields of more than 16 MiB, in 2 entries"
    )
