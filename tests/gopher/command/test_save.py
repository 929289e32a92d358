"""Files are saved under names that do no harm, whole or not at all, and never over others unasked."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.save import SaveView, target
from logsrv.gopher.fetch.progress import Progress
from logsrv.gopher.wire.url import GopherURL


def save(path: Path, *, force: bool = False, text: bool = False) -> tuple[SaveView, io.StringIO]:
    notes = io.StringIO()
    progress = Progress(notes, lambda: 0.0)
    view = SaveView(str(path), notes, progress, force=force)
    view.stuffed = text
    return view, notes


def test_where_to_save(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    url = GopherURL.parse("gopher://h/9/x.bin")
    (tmp_path / "sub").mkdir()
    assert target(url, None, force=False) == "x.bin"
    assert target(url, "sub", force=False) == "sub/x.bin"
    assert target(url, "other", force=False) == "other"
    (tmp_path / "x.bin").touch()
    with pytest.raises(ConfigurationError, match=r"x\.bin is there already; --force"):
        target(url, None, force=False)
    assert target(url, None, force=True) == "x.bin"
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(ConfigurationError, match="is there already"):
        target(url, "link", force=False)
    (tmp_path / "x.bin").unlink()
    (tmp_path / "x.bin").mkdir()
    with pytest.raises(ConfigurationError, match="is a directory"):
        target(url, None, force=True)


def test_the_file_is_there_when_it_is_whole(tmp_path: Path) -> None:
    view, notes = save(tmp_path / "x")
    view.feed(b"abc")
    assert not (tmp_path / "x").exists()
    view.feed(memoryview(b"def"))
    view.finish()
    assert (tmp_path / "x").read_bytes() == b"abcdef"
    assert notes.getvalue() == f"saved as {tmp_path / 'x'} (6 bytes)\n"


def test_half_a_file_is_not_kept_and_the_user_is_told(tmp_path: Path) -> None:
    view, notes = save(tmp_path / "x")
    view.feed(b"abc")
    view.fail(KeyboardInterrupt())
    assert os.listdir(tmp_path) == []
    assert "Gopher cannot resume" in notes.getvalue()


def test_a_text_is_saved_without_its_terminator(tmp_path: Path) -> None:
    view, _ = save(tmp_path / "x", text=True)
    view.feed(b"a\r\n..b\r\n.\r\n")
    view.finish()
    assert (tmp_path / "x").read_bytes() == b"a\r\n.b\r\n"


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    view, _ = save(tmp_path / "x")
    view.feed(b"new")
    (tmp_path / "x").write_bytes(b"old")
    with pytest.raises(FileExistsError):
        view.finish()
    assert (tmp_path / "x").read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["x"]


def test_a_device_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    """`--output /dev/null --force` as root."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        view, _ = save(tmp_path / "pipe", force=True)
        view.feed(b"abc")
        view.finish()
        assert os.read(reader, 10) == b"abc"
    finally:
        os.close(reader)
    assert (tmp_path / "pipe").is_fifo()
