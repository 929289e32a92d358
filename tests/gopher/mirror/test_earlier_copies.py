"""Copies of earlier runs are known to the next one, those that were not asked for again among them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from logsrv.gopher.mirror.earlier_copies import (
    EarlierCopies,
    ListedItems,
    LostLinks,
    may_be_cut,
    parse_menu,
    why_not_replace,
)
from logsrv.gopher.mirror.fetching import FetchJob
from logsrv.gopher.mirror.folders import MirrorFolders
from logsrv.gopher.mirror.journal import ItemCopy, MirrorJournal
from logsrv.gopher.mirror.scope import ItemKeys, MirrorScope
from logsrv.gopher.wire.errors import GopherError, ServerError, Truncated
from logsrv.gopher.wire.menu import parse_menu_line
from logsrv.gopher.wire.url import GopherURL

ROOT, SUB, A, B, TEXT = (
    GopherURL.parse(f"gopher://h/{path}") for path in ("", "1/sub", "0/a", "0/b", "0/sub")
)
LINE = parse_menu_line(b"iA line")
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
def items() -> ItemKeys:
    return ItemKeys()


@pytest.fixture
def earlier(journal: MirrorJournal, items: ItemKeys, tmp_path: Path) -> EarlierCopies:
    return EarlierCopies(items, MirrorScope(ROOT, "path", None), journal, MirrorFolders(tmp_path))


def job(items: ItemKeys, url: GopherURL, path: tuple[str, ...] | None = None) -> FetchJob:
    """A job, with a copy if that has a path."""
    found = FetchJob(url, items.key(url), 0, path)
    found.has_copy = path is not None
    return found


def test_what_is_there_is_done_as_long_as_it_is_whole(
    earlier: EarlierCopies, items: ItemKeys, tmp_path: Path
) -> None:
    (tmp_path / "b").write_bytes(b"half of it")
    earlier.read_journal(update=False)
    assert not earlier.is_update
    assert earlier.done.keys() == {items.key(url) for url in (ROOT, SUB, A)}
    assert earlier.copy_before_update(items.key(A), A) is None
    assert [copy.path for copy in earlier.copies.values()] == [(), ("sub",), ("a",)]


def test_an_update_asks_for_all_and_has_the_copies_as_long(
    earlier: EarlierCopies, items: ItemKeys, tmp_path: Path
) -> None:
    (tmp_path / "b").write_bytes(b"half of it")
    earlier.read_journal(update=True)
    assert (earlier.is_update, earlier.done) == (True, {})
    old = earlier.copy_before_update(items.key(SUB), TEXT)
    assert old is not None and old.url == SUB, "for want of a text"
    found = [earlier.usable_copy(items.key(url), url) for url in (SUB, TEXT, A, B)]
    assert [copy and copy.path for copy in found] == [("sub",), None, ("a",), None]


def test_a_menu_has_to_be_whole_to_take_the_place_of_a_copy(
    earlier: EarlierCopies, items: ItemKeys
) -> None:
    earlier.read_journal(update=True)
    root, sub = job(items, ROOT), job(items, SUB)
    assert earlier.why_not_replace(root, parse_menu(MENU)) is None
    assert isinstance(earlier.why_not_replace(sub, parse_menu(b".\r\n")), LostLinks)
    assert isinstance(earlier.why_not_replace(job(items, A), parse_menu(b"x")), LostLinks)
    assert earlier.why_not_replace(job(items, A.at(b"/new")), parse_menu(b"")) is None
    earlier.note_replaced(root, parse_menu(MENU))
    assert isinstance(earlier.why_not_replace(sub, parse_menu(MENU)), LostLinks), "that of the root"


def test_what_was_neither_met_nor_listed_is_left_over(
    earlier: EarlierCopies, items: ItemKeys
) -> None:
    earlier.read_journal(update=True)
    copies, unlisted = earlier.unused_and_unlisted([job(items, ROOT, ())])
    assert [copy.url for copy in copies] == [SUB, A, B] == [copy.url for copy in unlisted]
    earlier.listed.note_line(LINE, A, is_fetched=True)
    earlier.listed.note_line(LINE, SUB, is_fetched=False)
    earlier.listed.note_line(LINE, None, is_fetched=False)
    copies, unlisted = earlier.unused_and_unlisted([job(items, ROOT, ())])
    assert ([copy.url for copy in copies], unlisted) == ([SUB, A, B], [])


def test_the_end_of_a_menu_that_may_be_cut_is_not_left_over_for_sure(
    earlier: EarlierCopies, items: ItemKeys
) -> None:
    earlier.read_journal(update=True)
    root = job(items, ROOT, ())
    earlier.note_replaced(root, parse_menu(MENU[: MENU.index(b"0A")]))
    earlier.listed.note_line(LINE, SUB, is_fetched=True)
    _, unlisted = earlier.unused_and_unlisted([root])
    assert [copy.url for copy in unlisted] == [A]
    assert earlier.certainly_unlisted(unlisted) == []


def test_a_menu_is_missed_only_if_it_is_new(earlier: EarlierCopies, items: ItemKeys) -> None:
    earlier.read_journal(update=True)
    new = GopherURL.parse("gopher://h/1/new")
    assert earlier.misses_a_menu([job(items, new)])
    assert not earlier.misses_a_menu([job(items, new, ("new",)), job(items, SUB), job(items, B)])


def test_what_stays_is_known_after_the_update(
    earlier: EarlierCopies, journal: MirrorJournal, items: ItemKeys, tmp_path: Path
) -> None:
    earlier.read_journal(update=True)
    journal.add_file(TEXT, ("sub~2",), 1)
    (tmp_path / "sub~2").write_bytes(b"x")
    copies, _ = earlier.unused_and_unlisted([])
    journal.end_update(copies)
    journal.close()
    again = MirrorJournal(tmp_path, ROOT, "path")
    found = EarlierCopies(items, MirrorScope(ROOT, "path", None), again, MirrorFolders(tmp_path))
    found.read_journal(update=False)
    assert {copy.path for copy in found.copies.values()} == {
        (),
        ("sub",),
        ("a",),
        ("b",),
        ("sub~2",),
    }
    assert found.done[items.key(SUB)].path == ("sub~2",), "what has come since goes before"
    menu = found.read_menu(found.done[items.key(ROOT)])
    assert menu.items == [parse_menu_line(line) for line in MENU.split(b"\r\n")[:2]]
    again.close()


def url(text: str) -> GopherURL:
    return GopherURL.parse(f"gopher://{text}")


ROOT = url("h/")
# Menus by what they list, in a circle; and files.
MENUS = {"h/1/m": ["h/1/n", "h/0/a"], "h/1/n": ["other/1/m", "other/0/b"], "h/1/x": ["h/0/y"]}
FILES = ["h/0/a", "h/0/b", "h/9/y"]
COPIES = [
    *(ItemCopy(url(each), (each,), None, 0) for each in MENUS),
    *(ItemCopy(url(each), (each,), 1, 0) for each in FILES),
]


def links(copy: ItemCopy) -> list[GopherURL]:
    return [url(each) for each in MENUS[copy.path[0]]]


def left_over(listed: ListedItems, *, for_sure: bool = False) -> set[str]:
    return {copy.path[0] for copy in listed.unlisted_copies(COPIES, links, for_sure=for_sure)}


def test_what_no_menu_lists_is_left_over() -> None:
    listed = ListedItems(ROOT, ItemKeys())
    assert left_over(listed) == {*MENUS, *FILES}
    listed.note_line(LINE, url("h/1/m"), is_fetched=True)
    assert left_over(listed) == {"h/1/x", "h/9/y"}, "an old menu stands for what it lists"
    listed.note_line(LINE, url("h/0/y"), is_fetched=True)
    assert left_over(listed) == {"h/1/x"}, "a file is a file, of whatever type"


def test_a_menu_and_a_text_of_one_name_are_two_things() -> None:
    listed = ListedItems(ROOT, ItemKeys())
    listed.note_line(LINE, url("h/0/m"), is_fetched=True)
    listed.note_line(LINE, url("h/1/a"), is_fetched=True)
    assert left_over(listed) == {*MENUS, *FILES}


def test_what_is_left_out_may_be_the_same_server_by_another_name() -> None:
    listed = ListedItems(ROOT, ItemKeys())
    listed.note_line(LINE, url("other/1/m"), is_fetched=True)
    assert left_over(listed) == {*MENUS, *FILES}
    listed.note_line(LINE, url("other/1/m"), is_fetched=False)
    assert left_over(listed) == {"h/1/x", "h/9/y"}


def test_what_leads_nowhere_may_lead_to_the_same_server() -> None:
    listed = ListedItems(ROOT, ItemKeys())
    for line in (b"1M\t/m\th\t0", b"0Y\t/y", b"iX\t/x\th\t0", b"0\t\th\t0", b"0\t/x\0\th\t0"):
        listed.note_line(parse_menu_line(line), None, is_fetched=False)
    assert left_over(listed) == {"h/1/x"}


def test_what_is_in_doubt_is_told_but_not_for_sure() -> None:
    listed = ListedItems(ROOT, ItemKeys())
    listed.note_maybe_listed(url("h/1/x"))
    assert left_over(listed) == {*MENUS, *FILES}
    assert left_over(listed, for_sure=True) == {"h/1/m", "h/1/n", "h/0/a", "h/0/b"}


URL = GopherURL.parse("gopher://h/1/sub")
LINE_A, LINE_B, LINE_C = (b"0%c\t/%c\th\t70\r\n" % (name, name) for name in b"ABC")
END = b".\r\n"
ERROR = b"3Out of memory\t\terror.host\t1\r\n"
TALK = b"iClosed\t\terror.host\t1\r\n"
ROOT_MENU = LINE_A + LINE_C + END


def found(now: bytes, before: bytes | None, root: bytes | None = ROOT_MENU) -> GopherError | None:
    old = None if before is None else parse_menu(before)
    return why_not_replace(URL, parse_menu(now), old, root)


@pytest.mark.parametrize(
    ("before", "now"),
    [
        (LINE_A + LINE_B + END, LINE_B + LINE_C + END),
        (LINE_A + LINE_B + END, LINE_B + LINE_A),
        (LINE_A + LINE_B, LINE_A),
        (LINE_A + LINE_B + ERROR + END, LINE_A + ERROR + END),
        (LINE_A + ERROR + END, LINE_A + LINE_B + ERROR + END),
        (TALK + END, TALK),
        (b"", b""),
        (LINE_A.rstrip(), b"0B\t/LINE_B"),
        (None, LINE_A + END),
    ],
)
def test_a_menu_may_change_its_links(before: bytes | None, now: bytes) -> None:
    assert found(now, before) is None


@pytest.mark.parametrize(
    ("before", "now", "error"),
    [
        (LINE_A + LINE_B + END, LINE_A, Truncated),
        (LINE_A + LINE_B + END, b"", Truncated),
        (LINE_A + LINE_B, b"", Truncated),
        (TALK + END, b"", Truncated),
        (LINE_A + LINE_B, LINE_A + b"0B\t/", Truncated),
        (LINE_A + END, END, LostLinks),
        (LINE_A + END, TALK + END, LostLinks),
        (LINE_A, TALK, LostLinks),
        (None, b"a text\r\n", LostLinks),
        (None, b"", Truncated),
        (LINE_A + LINE_B + END, ROOT_MENU, LostLinks),
        (LINE_A + LINE_B + END, LINE_A + ERROR + END, ServerError),
    ],
)
def test_a_menu_that_stays_as_it_was(
    before: bytes | None, now: bytes, error: type[GopherError]
) -> None:
    assert type(found(now, before)) is error


def test_wherever_a_menu_with_a_full_stop_is_cut() -> None:
    whole = LINE_A + LINE_B + TALK + LINE_C + END
    for end in range(whole.index(b"h\t70\r\n.") + 1):
        assert isinstance(found(whole[:end], whole), (Truncated, LostLinks)), whole[:end]
    assert isinstance(found(LINE_A, whole), Truncated)


def test_the_root_may_be_as_it_is_and_an_error_says_what_the_server_said() -> None:
    assert found(ROOT_MENU, LINE_A + LINE_B + END, root=None) is None
    assert "Out of memory" in str(found(LINE_A + ERROR, LINE_A + LINE_B))
    assert "no line of this menu leads anywhere" in str(found(END, LINE_A + END))
    assert LostLinks("x").exit_status == 12


@pytest.mark.parametrize(
    ("before", "now", "may"),
    [
        (LINE_A + LINE_B, LINE_A, True),
        (LINE_A + LINE_B, LINE_A + LINE_C, True),
        (LINE_A + LINE_B, LINE_B, False),
        (LINE_A + LINE_B + END, LINE_A + END, False),
        (TALK, b"", False),
    ],
)
def test_the_end_of_a_menu_without_a_full_stop(before: bytes, now: bytes, may: bool) -> None:
    assert may_be_cut(parse_menu(now), parse_menu(before)) is may
