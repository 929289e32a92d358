"""Nothing is written or removed outside of the mirror's directory."""

import os
from io import BytesIO
from pathlib import Path

import pytest

from logsrv.gopher.fetch.wholefile import whole_file
from logsrv.gopher.mirror.folders import LinkInTheWay, MirrorFolders, has_same_content


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A directory in which `out` leads elsewhere, where `a` is."""
    (tmp_path / "elsewhere" / "sub").mkdir(parents=True)
    (tmp_path / "elsewhere" / "a").write_bytes(b"theirs")
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "out").symlink_to("../elsewhere")
    return tmp_path / "mirror"


@pytest.mark.parametrize("names", [("out", "a"), ("out", "sub", "a"), ("out", "new", "a")])
def test_nothing_goes_through_a_link(mirror, names):
    folders = MirrorFolders(mirror)
    with pytest.raises(LinkInTheWay, match="out is a symbolic link"):
        folders.write_file(names, b"ours")
    folders.remove_file(names)
    assert not folders.has_whole_file(names, 6)
    assert (mirror / "../elsewhere/a").read_bytes() == b"theirs"
    assert sorted(os.listdir(mirror / "../elsewhere")) == ["a", "sub"]


def test_nothing_goes_through_a_link_that_was_a_directory(mirror):
    """A directory that was looked at may be moved away, and a link be left in its place."""
    folders = MirrorFolders(mirror)
    folders.write_file(("sub", "a"), b"x")
    folders.write_file(("sub", "a"), b"ours")
    (mirror / "sub").rename(mirror / "moved")
    (mirror / "sub").symlink_to("moved")
    with pytest.raises(LinkInTheWay, match="sub is a symbolic link"):
        folders.check_no_link(("sub", "a"))
    with pytest.raises(LinkInTheWay, match="sub is a symbolic link"):
        folders.write_file(("sub", "a"), b"other")
    folders.remove_file(("sub", "a"))
    assert (mirror / "moved" / "a").read_bytes() == b"ours"


def test_a_link_in_place_of_a_file_is_replaced(mirror):
    (mirror / "a").symlink_to("../elsewhere/a")
    folders = MirrorFolders(mirror)
    assert not folders.has_whole_file(("a",), 6)
    folders.write_file(("a",), b"theirs")
    assert not (mirror / "a").is_symlink()


def test_what_is_the_same_is_not_written(mirror):
    folders = MirrorFolders(mirror)
    folders.write_file(("b", "c"), b"x")
    before = (mirror / "b" / "c").stat()
    folders.write_file(("b", "c"), b"x")
    assert (mirror / "b" / "c").stat().st_ino == before.st_ino
    folders.write_file(("b", "c"), b"y")
    assert (mirror / "b" / "c").read_bytes() == b"y"
    assert not has_same_content(str(mirror / "b"), BytesIO(b"y"))


def test_what_is_there_and_what_lies_behind_a_link(mirror):
    folders = MirrorFolders(mirror)
    folders.write_file(("b", "c"), b"x")
    assert folders.has_name(("b", "c")) and folders.has_name(("out",))
    assert not folders.has_name(("b", "d")) and not folders.has_name(("out", "c"))


def test_empty_directories_go_with_their_last_file(mirror):
    folders = MirrorFolders(mirror)
    for name in ("1", "2"):
        folders.write_file(("b", "c", name), b"x")
    folders.remove_file(("b", "c", "1"))
    assert os.listdir(mirror / "b" / "c") == ["2"]
    folders.remove_file(("b", "c", "2"))
    folders.remove_file(("b", "c", "2"))
    assert os.listdir(mirror) == ["out"]
    folders.write_file(("b", "c", "1"), b"x")


def test_parts_of_a_run_that_was_killed_are_swept_up(mirror, monkeypatch):
    (mirror / "sub").mkdir()
    monkeypatch.setattr(os, "replace", lambda *_: os._exit(0))
    child = os.fork()
    if not child:
        with whole_file(mirror / "sub" / "a") as file:
            file.write(b"half")
    os.waitpid(child, 0)
    (mirror / "sub" / ".theirs.part").touch()
    (mirror / "../elsewhere/.a.0123456789ab.part").touch()
    assert len(os.listdir(mirror / "sub")) == 2
    MirrorFolders(mirror).remove_partial_files()
    assert os.listdir(mirror / "sub") == [".theirs.part"]
    assert (mirror / "../elsewhere/.a.0123456789ab.part").exists()
