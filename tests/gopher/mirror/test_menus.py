"""Menus are files as soon as they are there, and right when all has come."""

from __future__ import annotations

from pathlib import Path

from logsrv.gopher.mirror.folders import Folders
from logsrv.gopher.mirror.journal import Done
from logsrv.gopher.mirror.menus import MenuFiles, Unfinished
from logsrv.gopher.mirror.pages import Line
from logsrv.gopher.mirror.scope import Key
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

ROOT = GopherURL.parse("gopher://h/1/docs")
DEEP = GopherURL.parse("gopher://h/1/docs/a/b")
LINE = Line(MenuItem("0", b"Text", b"/x"), ("docs", "x"), False, "gopher://h/0/x")


def key(number: int) -> Key:
    return "h", 70, b"%d" % number


def menu(url: GopherURL, *path: str) -> Done:
    return Done(url, path, None, 0)


def test_a_menu_is_written_again_when_its_last_item_is_settled() -> None:
    written: list[Done] = []
    unfinished = Unfinished(written.append)
    first, second, empty = menu(ROOT, "a"), menu(ROOT, "b"), menu(ROOT, "c")
    unfinished.came(first, [key(1), key(2)])
    unfinished.came(second, [key(2)])
    unfinished.came(empty, [])
    unfinished.settled(key(1))
    unfinished.settled(key(7))
    assert written == []
    unfinished.settled(key(2))
    unfinished.settled(key(2))
    assert written == [first, second]


def test_a_run_that_ends_early_leaves_menus_that_are_right() -> None:
    written: list[Done] = []
    unfinished = Unfinished(written.append)
    first, second = menu(ROOT, "a"), menu(ROOT, "b")
    unfinished.came(first, [key(1), key(2)])
    unfinished.came(second, [key(3)])
    unfinished.settled(key(3))
    written.clear()
    unfinished.leave()
    unfinished.settled(key(1))
    assert written == [first]


def test_the_directory_itself_has_a_menu_too(tmp_path: Path) -> None:
    files = MenuFiles(Folders(tmp_path), ROOT, None)
    files.write(menu(ROOT, "docs"), [LINE])
    assert (tmp_path / "gophermap").read_bytes() == (
        b"iA mirror of gopher://h/1/docs\t\terror.host\t1\n1docs\t/docs/\n"
    )
    assert '<a href="./docs/index.html"' in (tmp_path / "index.html").read_text()
    assert '<a href="./../index.html">Up</a>' in (tmp_path / "docs/index.html").read_text()
    assert (tmp_path / "docs/gophermap").read_bytes() == b"0Text\t/docs/x\n"


def test_up_leads_to_the_next_menu_there_is(tmp_path: Path) -> None:
    files = MenuFiles(Folders(tmp_path), ROOT, None)
    files.write(menu(ROOT, "docs"), [LINE])
    files.write(menu(DEEP, "docs", "a", "b"), [LINE])
    assert '<a href="./../../index.html">Up</a>' in (tmp_path / "docs/a/b/index.html").read_text()
    files.remove(("docs", "a", "b"))
    assert not (tmp_path / "docs/a").exists()


def test_a_menu_that_is_the_root_is_not_overwritten(tmp_path: Path) -> None:
    files = MenuFiles(Folders(tmp_path), ROOT, None)
    files.write(menu(GopherURL.parse("gopher://h/")), [LINE])
    files.write(menu(ROOT, "docs"), [LINE])
    assert (tmp_path / "gophermap").read_bytes() == b"0Text\t/docs/x\n"


def test_a_mirror_of_one_file_can_be_read_as_well(tmp_path: Path) -> None:
    MenuFiles(Folders(tmp_path), GopherURL.parse("gopher://h/0/a.txt"), None).write_root_for(
        ("a.txt",)
    )
    assert (tmp_path / "gophermap").read_bytes().endswith(b"\n0a.txt\t/a.txt\n")


def test_a_link_in_the_way_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "docs").symlink_to("..")
    MenuFiles(Folders(tmp_path / "mirror"), ROOT, None).write(menu(ROOT, "docs"), [LINE])
    assert not (tmp_path / "gophermap").exists()
