"""A large segment is packed in another process, and is the same as one packed here."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logsrv.linelog.store.sealing import packing
from logsrv.linelog.store.sealing.packing import pack_beside
from logsrv.linelog.store.sealing.seal import Interrupted, seal
from logsrv.linelog.store.segments.segment import Form, Segment, sealed_files, tmp
from tests.linelog.store.faults import FaultyDisk, at, no_space, stored, text_of

TEXT = stored(*(b"line %d %s" % (number, b"x" * (number % 200)) for number in range(20_000)))


@pytest.fixture(autouse=True)
def every_segment_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "SMALL", 0)


def plain(directory: Path) -> Segment:
    directory.mkdir(exist_ok=True)
    path = directory / "0000000001-20261120T061842Z.log"
    path.write_bytes(TEXT)
    (directory / "current.log").touch()
    return Segment(1, path.name, Form.PLAIN)


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_it_is_the_same_as_one_that_is_packed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, beside = tmp_path / "here", tmp_path / "beside"
    made = seal(plain(here), at(here))
    segment = plain(beside)
    written = at(beside).stat(segment.name).st_mtime_ns
    # The lock of who packs is not the other's.
    monkeypatch.setattr(packing, "pack_here", None)
    assert seal(segment, at(beside), pack=pack_beside) == made
    ours, other = files(beside), files(here)
    # The order of what is in a word index is another in each process.
    assert ours.pop(segment.words) and other.pop(segment.words)
    assert ours == other
    assert text_of(beside) == TEXT
    [packed] = sealed_files(at(beside))
    assert at(beside).stat(packed.name).st_mtime_ns == written


def test_without_words(tmp_path: Path) -> None:
    segment = plain(tmp_path)
    seal(segment, at(tmp_path), with_words=False, pack=pack_beside)
    assert set(files(tmp_path)) == {"current.log", segment.packed, segment.index}


def test_one_without_a_process_is_packed_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a root of its own there may be no Python, and a full disk gets room by sealing."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    seal(plain(tmp_path), at(tmp_path), pack=pack_beside)
    assert text_of(tmp_path) == TEXT


def test_it_is_given_up_at_a_stop(tmp_path: Path) -> None:
    """The process is gone, and the plain segment is as it was."""
    segment = plain(tmp_path)
    with pytest.raises(Interrupted):
        seal(segment, at(tmp_path), lambda: False, pack=pack_beside)
    assert files(tmp_path) == {"current.log": b"", segment.name: TEXT}


def test_a_process_that_dies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "__name__", "logsrv.no_such_module")
    segment = plain(tmp_path)
    with pytest.raises(OSError, match=r"its process has ended: .*no_such_module"):
        seal(segment, at(tmp_path), pack=pack_beside)
    assert files(tmp_path) == {"current.log": b"", segment.name: TEXT}


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """What the process met is the reason here."""
    with open("/dev/full", "wb") as full, (tmp_path / "text").open("wb+") as text:
        text.write(TEXT)
        text.flush()
        segment = Segment(1, "0000000001-20261120T061842Z.log", Form.PLAIN)
        given = {segment.name: text.fileno(), tmp(segment.packed): full.fileno()}
        reads, writes = os.pipe()
        order = json.dumps([1, segment.name, False, given])
        process = packing.started(order, reads, given.values())
        said, _ = packing.answer(process, lambda: True)
        os.close(reads)
        os.close(writes)
    assert json.loads(said) == {"errno": errno.ENOSPC}


def test_a_file_that_cannot_be_made(tmp_path: Path) -> None:
    segment = plain(tmp_path)
    disk = FaultyDisk().enter(tmp_path)
    disk.errors["create"] = no_space()
    with pytest.raises(OSError, match="No space"):
        seal(segment, disk, pack=pack_beside)
    assert files(tmp_path) == {"current.log": b"", segment.name: TEXT}


def test_it_ends_with_its_server(tmp_path: Path) -> None:
    """Also of a server that is killed: the end of its input is enough."""
    segment = plain(tmp_path)
    disk = at(tmp_path)
    given = {
        segment.name: disk.open(segment.name, os.O_RDONLY),
        tmp(segment.packed): disk.create_anew(tmp(segment.packed)),
    }
    order = json.dumps([1, segment.name, False, given])
    process = packing.started(order, subprocess.DEVNULL, given.values())
    said, complaints = packing.answer(process, lambda: True)
    assert (process.returncode, said, complaints) == (1, b"", b"")
    for fd in given.values():
        os.close(fd)
