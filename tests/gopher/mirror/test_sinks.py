"""Files of a mirror are whole or not there, whatever their size."""

import os
import resource
from collections import deque

import pytest

from logsrv.gopher.mirror.sinks import FileSink

SMALL, LARGE = 10, 100_000


@pytest.mark.slow
@pytest.mark.parametrize("lines", [SMALL, LARGE])
def test_a_text_is_stored_without_its_terminator(tmp_path, lines):
    sink = FileSink(str(tmp_path / "new" / "x"), text=True)
    for _ in range(lines):
        assert not sink.feed(b"..line\r\n")
    sink.feed(b".\r\n")
    assert not (tmp_path / "new" / "x").exists()
    sink.finish(has_header=False)
    sink.store()
    assert (tmp_path / "new" / "x").read_bytes() == b".line\r\n" * lines
    assert sink.size == 7 * lines


@pytest.mark.parametrize(("text", "has_header"), [(False, False), (True, True)])
@pytest.mark.parametrize("lines", [SMALL, LARGE])
def test_binaries_and_counted_texts_are_stored_as_they_came(tmp_path, lines, text, has_header):
    sink = FileSink(str(tmp_path / "x"), text=text)
    content = b"..line\r\n" * lines + b".\r\n"
    for at in range(0, len(content), 50_000):
        sink.feed(content[at : at + 50_000])
    sink.finish(has_header)
    sink.store()
    assert (tmp_path / "x").read_bytes() == content
    assert sink.size == len(content)


@pytest.mark.parametrize("size", [10, 1_000_000])
def test_nothing_is_left_of_what_broke_off(tmp_path, size):
    sink = FileSink(str(tmp_path / "x"), text=False)
    sink.feed(b"x" * size)
    sink.abort()
    assert os.listdir(tmp_path) == []


def test_a_full_disk_does_not_keep_it_from_ending(tmp_path):
    """Small pieces wait in a buffer, which is written when the file is closed."""
    sink = FileSink(str(tmp_path / "x"), text=False)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, usual[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            deque(map(sink.feed, [b"x" * 1000] * 2000), maxlen=0)
        sink.abort()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert os.listdir(tmp_path) == []


def test_a_file_that_cannot_be_opened_is_let_go_of(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "urandom", bytes)
    in_the_way = tmp_path / ".x.000000000000.part"
    in_the_way.write_bytes(b"of somebody else")
    sink = FileSink(str(tmp_path / "x"), text=False)
    with pytest.raises(FileExistsError):
        sink.feed(b"x" * 1_000_000)
    sink.abort()
    assert in_the_way.read_bytes() == b"of somebody else"


def test_a_directory_in_the_way_is_no_file_of_before(tmp_path):
    (tmp_path / "x").mkdir()
    sink = FileSink(str(tmp_path / "x"), text=False, known=True)
    sink.feed(b"x" * 1_000_000)
    sink.finish(has_header=False)
    with pytest.raises(IsADirectoryError):
        sink.store()
    sink.abort()
    assert os.listdir(tmp_path) == ["x"]


@pytest.mark.parametrize(
    ("before", "came", "is_missing"),
    [(b"x", b"", True), (b"x", b".\r\n", False), (b"", b"", False), (None, b"", False)],
)
def test_nothing_is_no_answer_for_a_file_that_had_something(tmp_path, before, came, is_missing):
    """But an empty text with a full stop is one."""
    path = tmp_path / "x"
    if before is not None:
        path.write_bytes(before)
    sink = FileSink(str(path), text=True)
    if came:
        sink.feed(came)
    sink.finish(has_header=False)
    assert sink.became_empty is is_missing


@pytest.mark.parametrize("lines", [SMALL, LARGE])
def test_a_file_that_is_the_same_is_left_alone(tmp_path, lines):
    """It keeps its time, and whoever has it open reads on."""
    path = tmp_path / "x"
    path.write_bytes(b".line\r\n" * lines)
    before = path.stat()
    for content, changed in ((b"..line\r\n" * lines, False), (b"..lime\r\n" * lines, True)):
        sink = FileSink(str(path), text=True, known=True)
        sink.feed(content + b".\r\n")
        sink.finish(has_header=False)
        sink.store()
        assert (sink.changed, sink.size) == (changed, 7 * lines)
        assert (path.stat().st_ino == before.st_ino) is not changed
    assert path.read_bytes() == b".lime\r\n" * lines
    assert os.listdir(tmp_path) == ["x"]
