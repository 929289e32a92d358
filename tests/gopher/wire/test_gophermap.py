"""Gophermaps as authors write them."""

from __future__ import annotations

import pytest

from logsrv.gopher.wire.gophermap import parse_gophermap
from logsrv.gopher.wire.menu import MenuItem


def test_a_map_as_authors_write_it() -> None:
    found = parse_gophermap(
        b"Welcome\r\n"
        b"# nobody sees this\r\n"
        b"!The title\n"
        b"\n"
        b"information about me\n"
        b"0About\tabout.txt\n"
        b"1Phlog\t/phlog/\n"
        b"0notes.txt\t\n"
        b"1A friend\t/~friend\tgopher.example\t7070\n"
        b"hThe web\tURL:https://example.org/\n"
        b"i# kept\t\terror.host\t1\n"
        b"3gone\t\n"
        b"9Not followable\t/x\th\t99999\n",
        b"/docs/",
    )
    assert found.items == (
        MenuItem("i", b"Welcome", port=None),
        MenuItem("i", b"The title", port=None),
        MenuItem("i", b"", port=None),
        MenuItem("i", b"information about me", port=None),
        MenuItem("0", b"About", b"/docs/about.txt"),
        MenuItem("1", b"Phlog", b"/phlog/"),
        MenuItem("0", b"notes.txt", b"/docs/notes.txt"),
        MenuItem("1", b"A friend", b"/~friend", b"gopher.example", 7070),
        MenuItem("h", b"The web", b"URL:https://example.org/"),
        MenuItem("i", b"# kept", b"", b"error.host", 1),
        MenuItem("3", b"gone"),
        MenuItem("9", b"Not followable", b"/x", b"h", None),
    )
    assert not found.lists


@pytest.mark.parametrize(("end", "lists"), [(b".", False), (b"*", True)])
def test_the_end(end: bytes, lists: bool) -> None:
    """A star lists the other files, but for those with a minus; whatever is behind it is not read."""
    found = parse_gophermap(b"Hi\n-secret.txt\n- a line of text\n" + end + b"\r\nnever\n", b"/")
    assert [item.display for item in found.items] == [b"Hi", b"- a line of text"]
    assert (found.lists, found.hidden) == (lists, frozenset({b"secret.txt"}))


def test_an_empty_map_is_an_empty_menu() -> None:
    assert (parse_gophermap(b"", b"/").items, parse_gophermap(b"", b"/").lists) == ((), False)
