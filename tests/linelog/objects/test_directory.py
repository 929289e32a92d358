"""An archive in a directory."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.kit.testing.patience import PATIENCE
from logsrv.linelog.objects.directory import DirectoryArchive
from logsrv.linelog.objects.interface import ArchiveError, ObjectExists, ObjectMissing


@pytest.fixture
def archive(tmp_path: Path) -> DirectoryArchive:
    return DirectoryArchive(str(tmp_path))


def test_an_object_in_a_directory_is_read_whole_and_in_parts(archive):
    archive.create("a/one", [b"first ", b"second"])
    assert archive.read("a/one") == b"first second"
    assert archive.read("a/one", 6, 3) == b"sec"
    assert archive.read("a/one", 6, 100) == b"second"
    assert archive.read("a/one", 100, 5) == b""
    archive.create("b/two", [])
    assert sorted(archive.names()) == ["a/one", "b/two"]
    assert archive.names("a/") == ["a/one"]
    assert archive.names("c/") == []
    archive.remove("a/one")
    archive.remove("a/one")
    with pytest.raises(ObjectMissing, match="has no a/one"):
        archive.read("a/one")


@pytest.mark.parametrize("links", [True, False])
def test_an_existing_object_is_not_overwritten(archive, monkeypatch, links):
    """Also where files have one name only."""
    if not links:
        monkeypatch.setattr(os, "link", _refuse_links)
    archive.create("a/one", [b"old"])
    with pytest.raises(ObjectExists):
        archive.create("a/one", [b"new"])
    assert archive.read("a/one") == b"old"
    assert archive.names() == ["a/one"]


def _refuse_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


def test_an_interrupted_write_leaves_no_object(archive, tmp_path):
    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        archive.create("a/one", pieces())
    assert archive.names() == []
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_temporary_file_of_a_kill_is_replaced(archive, tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/one.tmp").write_bytes(b"half of it")
    assert archive.names() == []
    archive.create("a/one", [b"whole"])
    assert archive.read("a/one") == b"whole"
    assert os.listdir(tmp_path / "a") == ["one"]


def test_a_full_disk_gets_back_what_was_written(archive, tmp_path, monkeypatch):
    def full(fd: int, buffers: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(ArchiveError, match=r"a/one in file://.*: No space left on device") as error:
        archive.create("a/one", [b"x"])
    monkeypatch.undo()
    assert not error.value.settled
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_a_directory_that_is_not_mounted_is_not_made(tmp_path):
    archive = DirectoryArchive(str(tmp_path / "gone"))
    for ask in (
        lambda: archive.names(),
        lambda: archive.create("a/one", [b"x"]),
        lambda: archive.read("a/one"),
    ):
        with pytest.raises(ArchiveError, match="is not there: mount it") as error:
            ask()
        assert error.value.settled
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize("made", [os.mkfifo, lambda path: path.symlink_to("/")])
def test_no_link_and_no_pipe_is_a_folder(archive, tmp_path, made):
    """A search walked through the whole machine for the catalogs of a stranger's archive."""
    archive.create("a/one", [b"x"])
    made(tmp_path / "a/catalog")
    assert archive.names("a/catalog/") == []
    assert archive.sizes("a/catalog/") == {}


def test_no_link_and_no_pipe_is_read(archive, tmp_path):
    """Somebody who can write into an archive could make a reader wait, or read other files."""
    (tmp_path / "a").mkdir()
    os.mkfifo(tmp_path / "a/pipe")
    (tmp_path / "a/link").symlink_to("/etc/hostname")
    for name in ("a/pipe", "a/link"):
        with pytest.raises(ArchiveError):
            archive.read(name)


@pytest.mark.parametrize("second", ["goes on", "fails"])
def test_of_two_that_make_the_same_file_at_once_none_leaves_half_of_it(archive, tmp_path, second):
    """Two copies of a store, or a server and one before it that hangs in a call."""
    has_begun, may_go_on = threading.Event(), threading.Event()
    problems: list[ArchiveError] = []

    def pieces_of_second() -> Iterator[bytes]:
        yield b"half"
        has_begun.set()
        assert may_go_on.wait(PATIENCE)
        if second == "fails":
            raise ArchiveError("it was stopped")
        yield b" and half"

    def make_second() -> None:
        try:
            archive.create("a/b", pieces_of_second())
        except ArchiveError as error:
            problems.append(error)

    thread = threading.Thread(target=make_second)

    def pieces_of_first() -> Iterator[bytes]:
        yield b"half"
        thread.start()
        assert has_begun.wait(PATIENCE)
        yield b" and half"

    with pytest.raises(ArchiveError, match="another process makes it"):
        archive.create("a/b", pieces_of_first())
    assert archive.names() == []
    may_go_on.set()
    thread.join(PATIENCE)
    if second == "fails":
        assert len(problems) == 1 and archive.names() == []
        archive.create("a/b", iter([b"half and half"]))
    assert archive.names() == ["a/b"] and archive.read("a/b") == b"half and half"
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1
