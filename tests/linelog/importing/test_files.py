"""Files found, unpacked and dated; what is wrong with one is a sentence, and the rest is taken."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from logsrv.linelog.importing.files import find
from logsrv.linelog.importing.packed import CHUNK

TEXT = b"".join(
    b"2026-11-20T06:%02d:%02dZ line %d\n" % (n // 60 % 60, n % 60, n) for n in range(3600)
)
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gz": gzip.compress,
    "zst": zstandard.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}
WRITTEN = 1_795_190_400
SIX = 1_795_154_400_000_000
"""The first moment of TEXT."""


def written(path: Path, data: bytes) -> str:
    path.write_bytes(data)
    os.utime(path, (WRITTEN, WRITTEN))
    return str(path)


@pytest.mark.parametrize("packer", PACKERS)
def test_a_file_is_unpacked_by_what_it_begins_with(tmp_path: Path, packer: str) -> None:
    said: list[str] = []
    assert len(TEXT) > CHUNK
    name = written(tmp_path / "app.log", PACKERS[packer](TEXT))
    (file,) = find([name], said.append, said.append)
    assert b"".join(lines for _, lines in file.runs()) == TEXT
    assert not said and file.dated.lines == 3600 and file.source == f"file:{name}"


@pytest.mark.parametrize("packer", ["gz", "zst", "bz2", "xz"])
def test_a_packed_file_that_breaks_off_is_told(tmp_path: Path, packer: str) -> None:
    said: list[str] = []
    whole = PACKERS[packer](os.urandom(300_000).hex().encode() + b"\n")
    (file,) = find([written(tmp_path / "a", whole[: len(whole) // 2])], said.append, said.append)
    for _ in file.runs():
        pass
    assert len(said) == 1 and "a cannot be read to its end: " in said[0]


@pytest.mark.parametrize("stdin", [False, True])
def test_many_lines_before_the_first_time_have_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stdin: bool
) -> None:
    before = b"a line without a time\n" * (3 * CHUNK // 22)
    name = written(tmp_path / "app.log", before + TEXT)
    if stdin:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(before + TEXT)))
        name = "-"
    (file,) = find([name], pytest.fail, pytest.fail)
    assert file.first() == SIX
    runs = list(file.runs())
    assert runs[0][0] == SIX and runs[-1][0] == SIX + 3599 * 1_000_000
    assert b"".join(lines for _, lines in runs) == before + TEXT
    assert (file.dated.undated, file.dated.late) == (before.count(b"\n"), 0)


def test_a_long_file_without_a_time_has_its_own(tmp_path: Path) -> None:
    (file,) = find([written(tmp_path / "a", b"hello\n" * CHUNK)], pytest.fail, pytest.fail)
    assert file.first() == WRITTEN * 1_000_000
    assert {moment for moment, _ in file.runs()} == {WRITTEN * 1_000_000}
    assert file.dated.undated == file.dated.lines == CHUNK


def test_files_rotated_longest_ago_come_first(tmp_path: Path) -> None:
    for name in ("log", "log.1", "log.2.gz", "log.10.gz", "auth"):
        written(tmp_path / name, b"x\n")
    found = find([str(tmp_path)], pytest.fail, pytest.fail)
    names = [Path(file.name).name for file in found]
    assert names == ["auth", "log.10.gz", "log.2.gz", "log.1", "log"]


def test_a_directory_is_gone_through_and_what_is_no_text_is_left_out(tmp_path: Path) -> None:
    said: list[str] = []
    host = tmp_path / "web 1"
    host.mkdir()
    written(host / "messages", b"hello\n")
    written(tmp_path / "wtmp", b"\7\0\0\0")
    (tmp_path / "link").symlink_to(host / "messages")
    os.mkfifo(tmp_path / "pipe")
    (file,) = find([str(tmp_path), str(tmp_path / "gone")], said.append, said.append)
    assert file.source == f"file:{tmp_path}/web\\x201/messages"
    assert said == [
        f"{tmp_path}/wtmp is no text; left out",
        f"{tmp_path}/gone cannot be read: No such file or directory",
    ]


def test_a_journal_that_breaks_off_keeps_its_whole_entries(tmp_path: Path) -> None:
    said: list[str] = []
    entry = b"__REALTIME_TIMESTAMP=1763619522123456\nMESSAGE=a\n\n"
    (file,) = find([written(tmp_path / "j", entry + b"MESSAGE\n\xff")], said.append, said.append)
    assert [moment for moment, _ in file.runs()] == [1763619522123456]
    assert said == [
        f"{tmp_path}/j: the upload ends in the middle of a field; what stands before that is taken"
    ]
