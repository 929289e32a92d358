"""Menus of a mirror as files. They lead to the copies, can be served again, and carry nobody's HTML."""

import pytest

from logsrv.gopher.mirror.journal import ItemCopy
from logsrv.gopher.mirror.menus import MenuFiles, MenuLine, gophermap_bytes, index_page
from logsrv.gopher.mirror.paths import MirrorFolders
from logsrv.gopher.wire.menu import MenuItem, parse_menu_line
from logsrv.gopher.wire.url import GopherURL

ROOT = GopherURL.parse("gopher://h/1/docs")
DEEP = GopherURL.parse("gopher://h/1/docs/a/b")
LINE = MenuLine(MenuItem("0", b"Text", b"/x"), ("docs", "x"), False, "gopher://h/0/x")


def menu(url: GopherURL, *path: str) -> ItemCopy:
    return ItemCopy(url, path, None, 0)


def test_the_directory_itself_has_a_menu_too(tmp_path):
    files = MenuFiles(MirrorFolders(tmp_path), ROOT, None)
    files.write_menu(menu(ROOT, "docs"), [LINE])
    assert (tmp_path / "gophermap").read_bytes() == (
        b"iA mirror of gopher://h/1/docs\t\terror.host\t1\n1docs\t/docs/\n"
    )
    assert '<a href="./docs/index.html"' in (tmp_path / "index.html").read_text()
    assert '<a href="./../index.html">Up</a>' in (tmp_path / "docs/index.html").read_text()
    assert (tmp_path / "docs/gophermap").read_bytes() == b"0Text\t/docs/x\n"


def test_up_leads_to_the_next_menu_there_is(tmp_path):
    files = MenuFiles(MirrorFolders(tmp_path), ROOT, None)
    files.write_menu(menu(ROOT, "docs"), [LINE])
    files.write_menu(menu(DEEP, "docs", "a", "b"), [LINE])
    assert '<a href="./../../index.html">Up</a>' in (tmp_path / "docs/a/b/index.html").read_text()


def test_a_menu_that_is_the_root_is_not_overwritten(tmp_path):
    files = MenuFiles(MirrorFolders(tmp_path), ROOT, None)
    files.write_menu(menu(GopherURL.parse("gopher://h/")), [LINE])
    files.write_menu(menu(ROOT, "docs"), [LINE])
    assert (tmp_path / "gophermap").read_bytes() == b"0Text\t/docs/x\n"


def test_a_mirror_of_one_file_can_be_read_as_well(tmp_path):
    MenuFiles(MirrorFolders(tmp_path), GopherURL.parse("gopher://h/0/a.txt"), None).write_root_menu(
        ("a.txt",), is_menu=False
    )
    assert (tmp_path / "gophermap").read_bytes().endswith(b"\n0a.txt\t/a.txt\n")


def test_a_link_in_the_way_stops_nothing(tmp_path):
    (tmp_path / "mirror").mkdir()
    (tmp_path / "mirror" / "docs").symlink_to("..")
    MenuFiles(MirrorFolders(tmp_path / "mirror"), ROOT, None).write_menu(menu(ROOT, "docs"), [LINE])
    assert not (tmp_path / "gophermap").exists()


URL = GopherURL.parse("gopher://h/")


def line(raw: bytes, *place: str, copied: bool = True, is_menu: bool = False) -> MenuLine:
    item = parse_menu_line(raw)
    url = item.url(URL)
    return MenuLine(item, place if copied else None, is_menu, None if url is None else str(url))


def test_a_gophermap_leads_to_copies_and_to_what_was_not_copied():
    lines = [
        line(b"iHello\t\tnull.host\t1", copied=False),
        line(b"iplain", copied=False),
        line(b"0Text\t/a?\xff\th\t70", "a=3F"),
        line(b"1Menu\t/sub\th\t70", "sub", is_menu=True),
        line(b"1Root\t\th\t70", is_menu=True),
        line(b"7Find\t/find\th\t7070", copied=False),
        line(b"hWeb\tURL:http://x/\th\t70", copied=False),
        line(b"0Bad\t/x\th\t99999", copied=False),
    ]
    assert gophermap_bytes(lines) == (
        b"iHello\t\terror.host\t1\n"
        b"iplain\t\terror.host\t1\n"
        b"0Text\t/a=3F\n"
        b"1Menu\t/sub/\n"
        b"1Root\t/\n"
        b"7Find\t/find\th\t7070\n"
        b"hWeb\tURL:http://x/\th\t70\n"
        b"iBad\t\terror.host\t1\n"
    )


@pytest.mark.parametrize("letter", list("0+;<I"))
def test_types_that_are_no_order_stay(letter):
    assert (
        gophermap_bytes([line(letter.encode() + b"X\t/x\th\t70", "x")])
        == letter.encode() + b"X\t/x\n"
    )


@pytest.mark.parametrize("letter", list("=#!-*.~%$:&"))
def test_no_type_is_an_order_to_a_server(letter):
    """gophernicus takes a line that begins with `=` for a file to include, or to run."""
    raw = letter.encode() + b"/etc/passwd\t/x\th\t70"
    for copied in (True, False):
        made = gophermap_bytes([line(raw, "x", copied=copied)])
        assert made.startswith((b"I" if letter == ":" else b"9") + b"/etc/passwd\t/x")


@pytest.mark.parametrize(
    ("raw", "place"),
    [
        (b"i" + b"=ls;" * 1000 + b"\t\th\t1", None),
        (b"0" + "é".encode() * 1000 + b"\t/x\th\t70", ("x",)),
        (b"0x\t/x\th\t70", ("=ls;" * 40,) * 20),
        (b"0x\t" + b"=ls;" * 1000 + b"\th\t70", None),
        (b"0x\t/x\t" + b"=ls;" * 1000 + b"\t70", None),
    ],
)
def test_no_line_is_so_long_that_a_server_makes_two_of_it(raw, place):
    """The second one of gophernicus could be an order."""
    made = gophermap_bytes([MenuLine(parse_menu_line(raw), place, False, None)])
    assert 2 < len(made) <= 1022 and made.endswith(b"\n")
    assert "\ufffd" not in made.decode("utf-8", "replace")


def test_an_index_has_relative_links_to_copies():
    lines = [
        line(b"0Text\t/a\th\t70", "sub", "a b.txt"),
        line(b"1Up\t/\th\t70", is_menu=True),
        line(b"1Other\t/o\th\t70", "other", is_menu=True),
        line(b"0Left out\t/x\tx\t70", copied=False),
        line(b"hWeb\tURL:https://x/?a=1&b=2\th\t70", copied=False),
        line(b"hEvil\tURL:javascript:alert(1)\th\t70", copied=False),
    ]
    page = index_page(lines, ("sub",), "title", None).decode()
    assert [part.partition('"')[0] for part in page.split('href="')[1:]] == [
        "./a%20b.txt",
        "./../index.html",
        "./../other/index.html",
        "gopher://x/0/x",
        "https://x/?a=1&amp;b=2",
    ]


def test_an_index_has_types_and_a_way_up():
    lines = [line(b"iHello", copied=False), line(b"0Text\t/a\th\t70", "a", "b.txt")]
    page = index_page(lines, ("a", "c"), "title", None, ("a",)).decode()
    assert '<a href="./../index.html">Up</a>' in page
    assert "<small>text</small><a" in page
    assert "<small></small><span>Hello</span>" in page
    assert ">Up<" not in index_page(lines, (), "title", None).decode()
