"""There is never half a file under the final name."""

import errno
import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.command.save import DownloadProgress
from logsrv.gopher.fetch.wholefile import (
    create_or_replace,
    unstuff_file,
    whole_file,
    write_whole,
)
from logsrv.gopher.wire.text import TextParser
from tests.parts.terminals import Terminal


def test_the_file_appears_when_it_is_whole(tmp_path):
    path = tmp_path / ("n" * 250)
    with whole_file(path) as file:
        file.write(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert os.listdir(tmp_path) == [path.name]


def test_a_written_file_replaces_another_and_its_directory_is_made(tmp_path):
    for content in (b"first", b"second"):
        write_whole(tmp_path / "new" / "name", content)
        assert (tmp_path / "new" / "name").read_bytes() == content
    assert os.listdir(tmp_path / "new") == ["name"]


def test_after_an_error_the_old_file_is_still_there(tmp_path):
    path = tmp_path / "name"
    path.write_bytes(b"old")

    def fail() -> None:
        with whole_file(path) as file:
            file.write(b"half of the new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["name"]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_came_in_between_is_never_replaced(tmp_path, monkeypatch, links):
    """Also on file systems that have no hard links."""

    def no_links(*_: object) -> None:
        raise PermissionError

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    path = tmp_path / "name"
    with whole_file(path, replace=False) as file:
        file.write(b"mine")
    with pytest.raises(FileExistsError, match="name"), whole_file(path, replace=False) as file:
        file.write(b"later")
    assert path.read_bytes() == b"mine"
    assert os.listdir(tmp_path) == ["name"]


@given(st.lists(st.sampled_from([b".", b"..", b"a" * 9, b"\r", b"\n", b"\r\n"])).map(b"".join))
def test_a_saved_text_is_what_a_shown_one_is(text):
    file = io.BytesIO(text)
    parser = TextParser()
    content = parser.feed(text) + parser.finish()
    assert unstuff_file(file) == parser.terminated
    assert file.getvalue() == content


def test_a_long_text_is_ended_in_place():
    lines = b"..stuffed\r\n" * 20_000
    file = io.BytesIO(lines + b".\r\n")
    assert unstuff_file(file)
    assert file.getvalue() == b".stuffed\r\n" * 20_000


def test_a_new_small_file_has_its_name_at_once_and_another_is_replaced(tmp_path):
    path = tmp_path / "x"
    create_or_replace(str(path), b"first" * 100_000)
    assert path.read_bytes() == b"first" * 100_000
    (tmp_path / "elsewhere").write_bytes(b"kept")
    (tmp_path / "link").symlink_to("elsewhere")
    for name in ("x", "link"):
        create_or_replace(str(tmp_path / name), b"second")
        assert (tmp_path / name).read_bytes() == b"second"
    assert (tmp_path / "elsewhere").read_bytes() == b"kept"
    assert not (tmp_path / "link").is_symlink()
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError, match="directory"):
        create_or_replace(str(tmp_path / "directory"), b"x")
    assert sorted(os.listdir(tmp_path)) == ["directory", "elsewhere", "link", "x"]


def test_an_error_of_the_disk_names_the_file_that_was_meant(tmp_path):
    with pytest.raises(OSError) as full, whole_file(tmp_path / "x"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(FileNotFoundError) as nowhere, whole_file(tmp_path / "none" / "x"):
        """There is no such directory."""
    with pytest.raises(FileNotFoundError) as small:
        create_or_replace(str(tmp_path / "none" / "x"), b"")
    assert full.value.filename == str(tmp_path / "x")
    assert nowhere.value.filename == small.value.filename == str(tmp_path / "none" / "x")


def test_nothing_is_left_of_a_new_small_file_when_the_disk_is_full(tmp_path, monkeypatch):
    os_write = os.write
    sizes = iter([3])

    def short(file: int, content: bytes) -> int:
        """Three bytes find room, and no more."""
        if (size := next(sizes, None)) is None:
            raise OSError(errno.ENOSPC, "No space left on device")
        return os_write(file, content[:size])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(OSError, match="No space") as full:
        create_or_replace(str(tmp_path / "x"), b"content")
    assert full.value.filename == str(tmp_path / "x")
    assert os.listdir(tmp_path) == []


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_known_length_makes_a_bar():
    stream, clock = Terminal(), Seconds()
    progress = DownloadProgress(stream, clock)
    clock.now = 1
    progress.show_bytes(512 * 1024, 1024 * 1024)
    assert stream.getvalue() == f"\r[{'#' * 12:<24}] 50 %, 512.0 KiB, 512.0 KiB/s\x1b[K"
    progress.show_bytes(1024 * 1024, 1024 * 1024)
    assert "100 %" not in stream.getvalue(), "it is too soon"
    clock.now = 2
    progress.show_bytes(4 * 1024 * 1024, 1024 * 1024)
    assert "400 %" in stream.getvalue(), "a server that lied does not stop it"
