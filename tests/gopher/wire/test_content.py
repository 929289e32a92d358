"""What comes of an answer is there up to its end, its limit or its failure."""

import pytest

from logsrv.gopher.wire.content import Content, parse_menu
from logsrv.gopher.wire.errors import TooBig
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.menu import Menu
from logsrv.gopher.wire.text import Text
from logsrv.gopher.wire.url import GopherURL

URL = GopherURL("h")


def test_a_menu_is_over_at_its_dot():
    menu = Content("menu")
    assert not menu.feed(b"0a\t/a\th\t70\r\n")
    assert menu.feed(b".\r\nrubbish")
    menu.finish(has_header=False)
    assert [item.selector for item in menu.items] == [b"/a"]
    assert menu.content.startswith(b"0a\t/a") and menu.terminated and menu.ended
    assert len(parse_menu(b"0a\t/a\th\t70").items) == 1, "a last line without its end"


@pytest.mark.parametrize(
    ("has_header", "content", "terminated"),
    [(False, b".a\r\n", True), (True, b"..a\r\n.\r\n", False)],
)
def test_a_text_without_a_header_loses_its_dots(has_header, content, terminated):
    text = Content("text")
    for piece in (b"..a\r\n.", b"\r\n"):
        assert not text.feed(piece)
    text.finish(has_header)
    assert text.as_value(URL) == Text(URL, content, terminated)


@pytest.mark.parametrize("kind", ["menu", "text"])
def test_what_came_before_a_limit_stays(kind):
    content = Content(kind, Limits(items=2, lines=2))
    with pytest.raises(TooBig, match="limit of 2 lines"):
        content.feed(b"ia\nib\nic\n")
    content.finish(has_header=False)
    part = content.as_value(URL)
    assert len(part.items) == 2 if isinstance(part, Menu) else part.content == b"ia\nib\nic\n"


def test_nothing_is_left_of_an_answer_that_failed():
    text = Content("text")
    text.feed(b"half")
    text.abort()
    assert (text.content, text.ended) == (b"", True)
