"""What a menu lists stays, and what stands below it as well, whoever could not be asked."""

from __future__ import annotations

from logsrv.gopher.mirror.disk.journal import Copy
from logsrv.gopher.mirror.scope import Items
from logsrv.gopher.mirror.update.listed import Listed
from logsrv.gopher.wire.menu import parse_line
from logsrv.gopher.wire.url import GopherURL


def url(text: str) -> GopherURL:
    return GopherURL.parse(f"gopher://{text}")


ROOT = url("h/")
# Menus by what they list, in a circle; and files.
MENUS = {"h/1/m": ["h/1/n", "h/0/a"], "h/1/n": ["other/1/m", "other/0/b"], "h/1/x": ["h/0/y"]}
FILES = ["h/0/a", "h/0/b", "h/9/y"]
COPIES = [
    *(Copy(url(each), (each,), None, 0) for each in MENUS),
    *(Copy(url(each), (each,), 1, 0) for each in FILES),
]


def links(copy: Copy) -> list[GopherURL]:
    return [url(each) for each in MENUS[copy.path[0]]]


def left_over(listed: Listed, *, for_sure: bool = False) -> set[str]:
    return {copy.path[0] for copy in listed.left_over(COPIES, links, for_sure=for_sure)}


def test_what_no_menu_lists_is_left_over() -> None:
    listed = Listed(ROOT, Items())
    assert left_over(listed) == {*MENUS, *FILES}
    listed.add(url("h/1/m"))
    assert left_over(listed) == {"h/1/x", "h/9/y"}, "an old menu stands for what it lists"
    listed.add(url("h/0/y"))
    assert left_over(listed) == {"h/1/x"}, "a file is a file, of whatever type"


def test_a_menu_and_a_text_of_one_name_are_two_things() -> None:
    listed = Listed(ROOT, Items())
    listed.add(url("h/0/m"))
    listed.add(url("h/1/a"))
    assert left_over(listed) == {*MENUS, *FILES}


def test_what_is_left_out_may_be_the_same_server_by_another_name() -> None:
    listed = Listed(ROOT, Items())
    listed.add(url("other/1/m"))
    assert left_over(listed) == {*MENUS, *FILES}
    listed.add_unwanted(url("other/1/m"))
    assert left_over(listed) == {"h/1/x", "h/9/y"}


def test_what_leads_nowhere_may_lead_to_the_same_server() -> None:
    listed = Listed(ROOT, Items())
    for line in (b"1M\t/m\th\t0", b"0Y\t/y", b"iX\t/x\th\t0", b"0\t\th\t0", b"0\t/x\0\th\t0"):
        listed.add_nowhere(parse_line(line))
    assert left_over(listed) == {"h/1/x"}


def test_what_is_in_doubt_is_told_but_not_for_sure() -> None:
    listed = Listed(ROOT, Items())
    listed.doubt(url("h/1/x"))
    assert left_over(listed) == {*MENUS, *FILES}
    assert left_over(listed, for_sure=True) == {"h/1/m", "h/1/n", "h/0/a", "h/0/b"}
