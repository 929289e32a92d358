"""Copies of earlier runs are known to the next one, those that were not asked for again among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.gopher.mirror.disk.folders import Folders
from logsrv.gopher.mirror.disk.journal import MirrorJournal
from logsrv.gopher.mirror.queue import Job
from logsrv.gopher.mirror.scope import Items, MirrorScope
from logsrv.gopher.mirror.update.earlier import Earlier
from logsrv.gopher.mirror.update.faults import LostLinks, read_menu
from logsrv.gopher.wire.menu import parse_line
from logsrv.gopher.wire.url import GopherURL

ROOT, SUB, A, B, TEXT = (
    GopherURL.parse(f"gopher://h/{path}") for path in ("", "1/sub", "0/a", "0/b", "0/sub")
)
LINE = parse_line(b"iA line")
MENU = b"1Sub\t/sub\th\t70\r\n0A\t/a\th\t70\r\n"
BELOW = b"0B\t/b\th\t70\r\n"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[MirrorJournal]:
    """That of a mirror with a root, a menu below it, and a text of each."""
    journal = MirrorJournal(tmp_path, ROOT, "path")
    journal.add_menu(ROOT, (), MENU)
    journal.add_menu(SUB, ("sub",), BELOW)
    for url, name in ((A, "a"), (B, "b")):
        (tmp_path / name).write_bytes(b"x")
        journal.add_file(url, (name,), 1)
    yield journal
    journal.close()


@pytest.fixture
def items() -> Items:
    return Items()


@pytest.fixture
def earlier(journal: MirrorJournal, items: Items, tmp_path: Path) -> Earlier:
    return Earlier(ROOT, items, MirrorScope(ROOT, "path", None), journal, Folders(tmp_path))


def job(items: Items, url: GopherURL, path: tuple[str, ...] | None = None) -> Job:
    """A job, with a copy if that has a path."""
    found = Job(url, items.key(url), 0, path)
    found.has_copy = path is not None
    return found


def test_what_is_there_is_done_as_long_as_it_is_whole(
    earlier: Earlier, items: Items, tmp_path: Path
) -> None:
    (tmp_path / "b").write_bytes(b"half of it")
    earlier.restore(update=False)
    assert not earlier.is_update
    assert earlier.done.keys() == {items.key(url) for url in (ROOT, SUB, A)}
    assert earlier.old(items.key(A), A) is None
    assert [copy.path for copy in earlier.all()] == [(), ("sub",), ("a",)]


def test_an_update_asks_for_all_and_has_the_copies_as_long(
    earlier: Earlier, items: Items, tmp_path: Path
) -> None:
    (tmp_path / "b").write_bytes(b"half of it")
    earlier.restore(update=True)
    assert (earlier.is_update, earlier.done) == (True, {})
    old = earlier.old(items.key(SUB), TEXT)
    assert old is not None and old.url == SUB, "for want of a text"
    found = [earlier.copy(items.key(url), url) for url in (SUB, TEXT, A, B)]
    assert [copy and copy.path for copy in found] == [("sub",), None, ("a",), None]


def test_a_menu_has_to_be_whole_to_take_the_place_of_a_copy(earlier: Earlier, items: Items) -> None:
    earlier.restore(update=True)
    root, sub = job(items, ROOT), job(items, SUB)
    assert earlier.fault(root, read_menu(MENU)) is None
    assert isinstance(earlier.fault(sub, read_menu(b".\r\n")), LostLinks)
    assert isinstance(earlier.fault(job(items, A), read_menu(b"x")), LostLinks)
    assert earlier.fault(job(items, A.at(b"/new")), read_menu(b"")) is None
    earlier.replaced(root, read_menu(MENU))
    assert isinstance(earlier.fault(sub, read_menu(MENU)), LostLinks), "that of the root"


def test_what_was_neither_met_nor_listed_is_left_over(earlier: Earlier, items: Items) -> None:
    earlier.restore(update=True)
    copies, unlisted = earlier.left_over([job(items, ROOT, ())])
    assert [copy.url for copy in copies] == [SUB, A, B] == [copy.url for copy in unlisted]
    earlier.lists(LINE, A, job(items, A))
    earlier.lists(LINE, SUB, None)
    earlier.lists(LINE, None, None)
    copies, unlisted = earlier.left_over([job(items, ROOT, ())])
    assert ([copy.url for copy in copies], unlisted) == ([SUB, A, B], [])


def test_the_end_of_a_menu_that_may_be_cut_is_not_left_over_for_sure(
    earlier: Earlier, items: Items
) -> None:
    earlier.restore(update=True)
    root = job(items, ROOT, ())
    earlier.replaced(root, read_menu(MENU[: MENU.index(b"0A")]))
    earlier.lists(LINE, SUB, job(items, SUB))
    _, unlisted = earlier.left_over([root])
    assert [copy.url for copy in unlisted] == [A]
    assert earlier.surely(unlisted) == []


def test_a_menu_is_missed_only_if_it_is_new(earlier: Earlier, items: Items) -> None:
    earlier.restore(update=True)
    new = GopherURL.parse("gopher://h/1/new")
    assert earlier.misses_a_menu([job(items, new)])
    assert not earlier.misses_a_menu([job(items, new, ("new",)), job(items, SUB), job(items, B)])


def test_what_stays_is_known_after_the_update(
    earlier: Earlier, journal: MirrorJournal, items: Items, tmp_path: Path
) -> None:
    earlier.restore(update=True)
    journal.add_file(TEXT, ("sub~2",), 1)
    (tmp_path / "sub~2").write_bytes(b"x")
    copies, _ = earlier.left_over([])
    journal.end_update(copies)
    journal.close()
    again = MirrorJournal(tmp_path, ROOT, "path")
    found = Earlier(ROOT, items, MirrorScope(ROOT, "path", None), again, Folders(tmp_path))
    found.restore(update=False)
    assert {copy.path for copy in found.all()} == {(), ("sub",), ("a",), ("b",), ("sub~2",)}
    assert found.done[items.key(SUB)].path == ("sub~2",), "what has come since goes before"
    menu = found.menu(found.done[items.key(ROOT)])
    assert menu.items == [parse_line(line) for line in MENU.split(b"\r\n")[:2]]
    again.close()
