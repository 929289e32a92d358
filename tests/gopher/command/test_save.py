"""Files are saved under names that do no harm, whole or not at all, and never over others unasked."""

import io
import os
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.save import path_to_save, save_answer
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.command.answers import Answer


def saved(
    path: Path,
    chunks: Iterable[Any],
    force: bool = False,
    text: bool = False,
    error: BaseException | None = None,
) -> str:
    notes = io.StringIO()
    answer = Answer(chunks, error, stuffed=True)
    with nullcontext() if error is None else pytest.raises(type(error)):
        save_answer(lambda: answer, str(path), notes, is_text=text, force=force)
    return notes.getvalue()


def test_a_download_replaces_no_other_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    url = GopherURL.parse("gopher://h/9/x.bin")
    (tmp_path / "sub").mkdir()
    assert path_to_save(url, None, force=False) == "x.bin"
    assert path_to_save(url, "sub", force=False) == "sub/x.bin"
    assert path_to_save(url, "other", force=False) == "other"
    (tmp_path / "x.bin").touch()
    with pytest.raises(ConfigurationError, match=r"x\.bin is there already; --force"):
        path_to_save(url, None, force=False)
    assert path_to_save(url, None, force=True) == "x.bin"
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match="is there already"):
        path_to_save(url, "link", force=False)
    (tmp_path / "x.bin").unlink()
    (tmp_path / "x.bin").mkdir()
    with pytest.raises(ConfigurationError, match="is a directory"):
        path_to_save(url, None, force=True)


def test_the_file_is_there_when_it_is_whole(tmp_path):
    def chunks() -> Iterator[Any]:
        yield b"abc"
        assert not (tmp_path / "x").exists()
        yield memoryview(b"def")

    notes = saved(tmp_path / "x", chunks())
    assert (tmp_path / "x").read_bytes() == b"abcdef"
    assert notes == f"saved as {tmp_path / 'x'} (6 bytes)\n"


def test_half_a_file_is_not_kept_and_the_user_is_told(tmp_path):
    assert "Gopher cannot resume" in saved(tmp_path / "x", [b"abc"], error=KeyboardInterrupt())
    assert os.listdir(tmp_path) == []


def test_a_text_is_saved_without_its_terminator(tmp_path):
    saved(tmp_path / "x", [b"a\r\n..b\r\n.\r\n"], text=True)
    assert (tmp_path / "x").read_bytes() == b"a\r\n.b\r\n"


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path):
    def chunks() -> Iterator[bytes]:
        yield b"new"
        (tmp_path / "x").write_bytes(b"old")

    with pytest.raises(FileExistsError):
        saved(tmp_path / "x", chunks())
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_device_is_written_to_and_stays_what_it_is(tmp_path):
    """`--output /dev/null --force` as root."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        saved(tmp_path / "pipe", [b"abc"], force=True)
        assert os.read(reader, 10) == b"abc"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
