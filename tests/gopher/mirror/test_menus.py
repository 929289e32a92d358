"""Menus are files as soon as they are there, and right when all has come."""

from logsrv.gopher.mirror.fetching import FetchJob
from logsrv.gopher.mirror.folders import MirrorFolders
from logsrv.gopher.mirror.journal import ItemCopy
from logsrv.gopher.mirror.menus import LATE, MenuFiles, MenuInProgress, MenusInProgress
from logsrv.gopher.mirror.pages import MenuLine
from logsrv.gopher.mirror.scope import item_key
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL

ROOT = GopherURL.parse("gopher://h/1/docs")
DEEP = GopherURL.parse("gopher://h/1/docs/a/b")
LINE = MenuLine(MenuItem("0", b"Text", b"/x"), ("docs", "x"), False, "gopher://h/0/x")


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


class Written:
    """MenusInProgress that write the names of their menus down."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.clock = Time()
        self.readings = MenusInProgress(
            lambda reading: self.names.append(reading.menu.path[0]), self.clock
        )

    def menu(self, name: str, *jobs: FetchJob | None) -> None:
        """Go through a menu with `jobs`."""
        reading = MenuInProgress(menu(ROOT, name), 1, [LINE.item] * len(jobs))
        self.readings.add_menu(reading)
        assert self.readings.first_unprocessed() is reading
        reading.jobs += jobs
        assert reading.is_processed
        self.readings.end_first()
        assert self.readings.first_unprocessed() is None


def job(number: int) -> FetchJob:
    url = ROOT.at(b"%d" % number)
    return FetchJob(url, item_key(url), 1)


def menu(url: GopherURL, *path: str) -> ItemCopy:
    return ItemCopy(url, path, None, 0)


def test_a_menu_is_written_when_its_last_item_is_settled():
    written = Written()
    one, two = job(1), job(2)
    written.menu("empty")
    written.menu("first", one, two, None, one)
    written.menu("second", two)
    assert written.names == ["empty"]
    written.readings.settle_job(one)
    written.readings.settle_job(job(7))
    assert written.names == ["empty"]
    written.readings.settle_job(two)
    written.readings.settle_job(two)
    assert written.names == ["empty", "first", "second"]
    written.menu("third", one)
    assert written.names[3:] == ["third"], "all of it is there"


def test_a_menu_is_shown_after_a_while_although_something_is_missing():
    written = Written()
    one, two = job(1), job(2)
    written.menu("first", one)
    written.menu("second", two)
    written.readings.settle_job(one)
    written.readings.write_overdue()
    assert written.names == ["first"]
    written.clock.now += LATE
    written.readings.write_overdue()
    written.readings.write_overdue()
    assert written.names == ["first", "second"]
    written.readings.settle_job(two)
    assert written.names == ["first", "second", "second"], "and once more, with all of it"


def test_a_run_that_ends_early_leaves_menus_that_are_right():
    written = Written()
    one, two = job(1), job(2)
    written.menu("first", one)
    written.menu("second", two)
    written.readings.settle_job(two)
    written.readings.add_menu(MenuInProgress(menu(ROOT, "unread"), 1, [LINE.item]))
    written.names.clear()
    written.readings.write_all()
    written.readings.settle_job(one)
    assert sorted(written.names) == ["first", "unread"]


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
    files.remove_menu(("docs", "a", "b"))
    assert not (tmp_path / "docs/a").exists()


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
