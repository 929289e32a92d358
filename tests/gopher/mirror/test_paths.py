"""Every selector gets a path of its own that any file system can hold, in every run the same.

Nothing is written or removed outside of the mirror's directory.
"""

import os
import unicodedata
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logsrv.gopher.fetch.wholefile import whole_file
from logsrv.gopher.mirror.paths import (
    INDEX,
    LinkInTheWay,
    MirrorFolders,
    PathAssigner,
    has_same_content,
)
from logsrv.gopher.mirror.scope import is_menu
from logsrv.gopher.serve.gopherhole import GOPHERMAP
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.text.paths import checked_name, safe_name

HOME = GopherURL.parse("gopher://h/")
HOME_DIRECTORY = Path("/mirror")


def url(path: str, host: str = "h") -> GopherURL:
    return GopherURL.parse(f"gopher://{host}{path}")


def paths(*selectors: str) -> list[str]:
    names = PathAssigner(HOME)
    return ["/".join(names.assign_path(url(each))) for each in selectors]


def test_paths_follow_the_selectors():
    assert paths("/1", "/0/a.txt", "/1/sub", "/0/sub/b.txt", "/9/x/y/z", "/0no-slash") == [
        "",
        "a.txt",
        "sub",
        "sub/b.txt",
        "x/y/z",
        "no-slash",
    ]


def test_a_file_beside_a_directory_of_its_name():
    assert paths("/0/sel", "/0/sel/a", "/0/sel/b") == ["sel", "sel~2/a", "sel~2/b"]
    assert paths("/0/sel/a", "/0/sel") == ["sel/a", "sel~2"]
    assert paths("/1/sel", "/1/sel/", "/0/sel/a") == ["sel", "sel~2", "sel/a"]
    assert paths("/1/a/sel", "/1/a/sel/") == ["a/sel", "a/sel~2"]


def test_names_that_some_file_systems_cannot_tell_apart():
    assert paths("/0/A.txt", "/0/a.txt", "/0//a.txt") == ["A.txt", "a~2.txt", "a~3.txt"]
    composed, apart = (quote(unicodedata.normalize(form, "é")) for form in ("NFC", "NFD"))
    assert len({name.casefold() for name in paths(f"/0/{composed}", f"/0/{apart}")}) == 2
    assert paths("/0/x", f"/0/{composed}", f"/0/{apart}")[2].endswith("~2")


def test_our_own_files_are_never_overwritten():
    assert paths("/0/gophermap", "/0/Index.html", "/1/gophermap") == [
        "gophermap~2",
        "Index~2.html",
        "gophermap~3",
    ]


def test_gophernicus_names_are_decoded():
    assert paths("/1/dir%23040x/", "/0/dir x/a%23040b", "/0/a%23057..%23057b") == [
        "dir x",
        "dir x/a b",
        "a=2F..=2Fb",
    ]


def test_other_servers_have_a_directory_of_their_own():
    names = PathAssigner(HOME)
    assert names.assign_path(url("/0/a", "x:7070")) == ("x=3A7070", "a")
    assert names.assign_path(url("/0/x=3A7070/a")) == ("x=3A7070~2", "a")


def test_selectors_that_are_too_long_or_deep():
    long, deep = paths("/0/" + "a/" * 600 + "end.txt", "/0" + "/d" * 50)
    assert long.startswith("long/") and long.endswith(".txt") and len(long) < 100
    assert deep.startswith("long/")
    (name,) = paths("/0/" + "n" * 400)
    assert len(name) == 200


PARTS = ["a", "A", "~2", "..", ".", "a~2", "é", "é", "%FF", "gophermap", "%23057"]
selectors = st.lists(
    st.tuples(
        st.sampled_from("019"),
        st.lists(st.sampled_from(PARTS), max_size=4),
    ),
    max_size=30,
    unique_by=lambda each: "/".join(each[1]),
)


@given(selectors)
def test_no_two_items_share_a_path_and_none_leaves(found):
    """As on a file system without case: files, and the two files of each menu."""
    names = PathAssigner(HOME)
    taken: set[str] = set()
    directories: set[str] = set()
    urls = [url(f"/{kind}/{'/'.join(parts)}") for kind, parts in found]
    given_paths = {each: names.assign_path(each) for each in urls}
    for each, path in given_paths.items():
        assert all(part == safe_name(part.encode()) or "~" in part for part in path)
        HOME_DIRECTORY.joinpath(*map(checked_name, path))
        files = [(*path, GOPHERMAP), (*path, INDEX)] if is_menu(each) else [path]
        for file in files:
            key = "/".join(file).casefold()
            assert key not in taken
            taken.add(key)
            directories |= {"/".join(file[:length]).casefold() for length in range(1, len(file))}
    assert not taken & directories

    later = PathAssigner(HOME)
    for each, path in list(given_paths.items())[::2]:
        later.reserve_path(each, path)
    again = {each: later.assign_path(each) for each in urls[1::2]}
    kept = {given_paths[each] for each in urls[::2]}
    assert not kept & set(again.values()), "what an earlier run wrote is not overwritten"


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
