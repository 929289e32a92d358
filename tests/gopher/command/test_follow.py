"""`gopher URL 7` shows what link 7 of the menu leads to."""

from __future__ import annotations

import socket

import pytest

from tests.gopher.command.test_main import gopher
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted

MENU = (
    b"iHi\t\tnull\t1\r\n0About\t/about\t\t\r\n3oops\t\t\t\r\n1Sub\t/sub\t\t\r\n7Find\t/find\t\t\r\n"
    b"hWeb\tURL:https://web.example/\t\t\r\n9Odd\t/x\th\t0\r\n"
)
ANSWERS = {
    b"": MENU,
    b"/about": b"All about it.\r\n",
    b"/sub": b"0Deep\t/deep\t\t\r\n.\r\n",
    b"/deep": b"Deep down.\r\n",
}


def script(connection: socket.socket, request: bytes) -> None:
    selector, _, words = request.rstrip(b"\r\n").partition(b"\t")
    connection.sendall(ANSWERS.get(selector, b"iYou asked for " + words + b"\r\n"))


@pytest.fixture
def server(serve: Serve) -> Scripted:
    return serve(script)


def test_numbers_are_those_that_the_menu_shows(server: Scripted) -> None:
    shown = gopher(server.url())[1].decode().splitlines()
    assert [line[:10].strip() for line in shown] == [
        *("", "1 text", "err", "2 menu", "3 find", "4 link", "5 file"),
    ]
    assert gopher(server.url(), "1")[1] == b"All about it.\n"


def test_one_number_after_the_other(server: Scripted) -> None:
    assert gopher(server.url(), "2", "1")[1] == b"Deep down.\n"


def test_words_behind_the_number_of_a_search(server: Scripted) -> None:
    """A number there is a word."""
    assert b"You asked for red 7" in gopher(server.url(), "3", "red", "7")[1]
    assert b"You asked for 7" in gopher(server.url("/7/find"), "7")[1]


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        ("6", "has no link 6; it has 5"),
        ("0", "has no link 0"),
        ("4", "leads out of Gopher: https://web.example/"),
        ("5", "cannot be followed"),
    ],
)
def test_a_number_that_leads_nowhere_is_a_sentence(
    server: Scripted, number: str, sentence: str
) -> None:
    status, out, err = gopher(server.url(), number)
    assert (status, out) == (1, b"") and sentence in err


def test_words_behind_the_number_of_a_text_are_not_sent(server: Scripted) -> None:
    """The server would take them for a search, or leave them out."""
    status, out, err = gopher(server.url(), "2", "1", "3")
    assert (status, out) == (1, b"")
    assert err.endswith("/0/deep is no menu and no search: there is no use for 3\n")
    assert b"/deep" not in b"".join(server.requests)


def test_no_more_of_a_menu_is_read_than_it_takes(serve: Serve) -> None:
    def endless(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"/about"):
            connection.sendall(b"All about it.\n")
        else:
            connection.sendall(MENU)
            connection.recv(1)

    assert gopher(serve(endless).url(), "1")[1] == b"All about it.\n"
