"""What menus list is not left over, and a menu that lost its links takes no other's place.

What becomes of the copies of a mirror: test_losses.py.
"""

import pytest

from logsrv.gopher.mirror.earlier_copies import (
    ListedItems,
    LostLinks,
    may_be_cut,
    parse_menu,
    why_not_replace,
)
from logsrv.gopher.mirror.journal import ItemCopy
from logsrv.gopher.mirror.scope import ItemKeys
from logsrv.gopher.wire.errors import GopherError, ServerError, Truncated
from logsrv.gopher.wire.menu import parse_menu_line
from logsrv.gopher.wire.url import GopherURL

LINE = parse_menu_line(b"iA line")


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


def test_what_no_menu_lists_is_left_over():
    listed = ListedItems(ROOT, ItemKeys())
    assert left_over(listed) == {*MENUS, *FILES}
    listed.note_line(LINE, url("h/1/m"), is_fetched=True)
    assert left_over(listed) == {"h/1/x", "h/9/y"}, "an old menu stands for what it lists"
    listed.note_line(LINE, url("h/0/y"), is_fetched=True)
    assert left_over(listed) == {"h/1/x"}, "a file is a file, of whatever type"


def test_what_is_in_doubt_is_told_but_not_for_sure():
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
def test_a_menu_may_change_its_links(before, now):
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
def test_a_menu_that_stays_as_it_was(before, now, error):
    assert type(found(now, before)) is error


def test_wherever_a_menu_with_a_full_stop_is_cut():
    whole = LINE_A + LINE_B + TALK + LINE_C + END
    for end in range(whole.index(b"h\t70\r\n.") + 1):
        assert isinstance(found(whole[:end], whole), (Truncated, LostLinks)), whole[:end]
    assert isinstance(found(LINE_A, whole), Truncated)


def test_the_root_may_be_as_it_is_and_an_error_says_what_the_server_said():
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
def test_the_end_of_a_menu_without_a_full_stop(before, now, may):
    assert may_be_cut(parse_menu(now), parse_menu(before)) is may
