"""Pages as they are read (`reading`, `rendering`); what the `window` says and asks; what its rows are
`telling`.
"""

import re
import socket

import pytest

from logsrv.errors import ConfigurationError
from logsrv.gopher.browse import lines_widget
from tests.gopher.browse.conftest import Driven
from tests.gopher.conftest import until
from tests.parts.gopher_servers import cut
from tests.parts.gopherhole import ROOT

pytestmark = pytest.mark.slow


async def test_i_shows_where_a_link_leads(drive, server):
    async with drive(server.url()) as driven:
        await driven.point_at("Old")
        await driven.press("i")
        await driven.shows("Where this leads", "Type      8, telnet", "Selector  guest")
        await driven.press("i")
        await driven.point_at("Deeper")
        await driven.press("y")
        assert driven.browser.clipboard == server.url("/1/dir/sub/deep")


async def test_words_are_found_forwards_and_backwards(drive, server):
    async with drive(server.url("/1/many")) as driven:
        await driven.shows("Item 0")
        await driven.press("slash")
        await driven.type("ITEM 15")
        await driven.shows("“ITEM 15”: 1 of 11")
        assert driven.pointed() == "Item 15"
        await driven.press("n")
        assert driven.pointed() == "Item 150"
        await driven.press("N")
        assert driven.pointed() == "Item 15"
        await driven.press("slash")
        await driven.type("nowhere")
        await driven.shows("“nowhere” is not here")


async def test_what_is_looked_for_is_said_until_it_is_found_or_the_user_goes_on(
    drive, serve, monkeypatch
):
    monkeypatch.setattr(lines_widget, "SLICE", -1.0)
    server = serve(b"".join(b"line %d\r\n" % number for number in range(3000)) + b".\r\n")
    async with drive(server.url("/0/x")) as driven:
        await driven.shows("line 0")
        await driven.whole()
        find = driven.browser.reading._find_first
        find("line 2999")
        find("line 2998")
        assert driven.browser.window.said == "Looking for “line 2998” …"
        await driven.shows("“line 2998”: 1 of 1")
        view = driven.browser.view
        lines = [*view.lines]
        for change in (view.action_step, lambda _: view.show_lines(lines)):
            view.show_lines(lines)
            find("line 2999")
            assert driven.browser.window.said == "Looking for “line 2999” …"
            change(1)
            assert driven.browser.window.said == "“line 2999” is no longer looked for; n  does it."
            await until(lambda: view.settled, "the rows")
        await driven.press("n")
        await driven.shows("“line 2999”: 1 of 1")


async def test_a_charset_of_the_users_choice(drive, server):
    async with drive(server.url("/0/about")) as driven:
        await driven.shows("caf\\x82")
        await driven.whole()
        await driven.press("c")
        await driven.type("cp437")
        await driven.shows("café", "cp437   ")
        await driven.press("c", *["backspace"] * 5)
        await driven.type("utf-16")
        await driven.shows("is not a character set for Gopher")
        await driven.press("c", *["backspace"] * 5, "enter")
        await driven.shows("caf\\x82")


async def test_a_picture_is_shown(drive, server):
    async with drive(server.url()) as driven:
        await driven.point_at("Red")
        await driven.press("enter")
        await driven.shows("▀▀▀▀", "PNG, 64 × 32.")
        await driven.pilot.resize_terminal(30, 20)
        await until(lambda: "▀" * 31 not in driven.screen(), "the smaller picture")


async def test_an_error_is_a_page_with_a_way_on(drive, serve):
    answers = [b"3not today\t\terror.host\t1\r\n", ROOT]
    server = serve(lambda connection, _: connection.sendall(answers.pop(0)))

    async with drive(server.url()) as driven:
        await driven.shows("The server answers with an error: not today.", "r  tries again")
        await driven.press("r")
        await driven.shows("Welcome to the hole")


async def test_a_cut_end_of_tls_is_told_above_the_page(drive, serve, certificate):
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"all of it?")
        cut(connection)

    server = serve(script, certificate)

    async with drive(server.url("/0/text", "gophers")) as driven:
        await driven.shows("self-signed")
        await driven.press("C", "y")
        await driven.shows("ended TLS without its close", "all of it?")


async def test_an_error_is_a_sentence_and_escaped(drive):
    async with drive(None) as driven:
        await driven.shows("Places to begin")
        with driven.browser.window.saying_errors():
            raise ConfigurationError("the disk\x1b[2J is full")
        await driven.shows("the disk\\x1b[2J is full")
        await driven.press("down")
        assert "the disk" not in driven.screen()


async def test_the_bottom_row_tells_the_keys_that_work_now(drive, server):
    def keys(driven: Driven) -> str:
        return driven.screen().splitlines()[-1]

    async with drive(server.url()) as driven:
        await driven.point_at("About")
        # A part of the menu is shown before all of it has come; until then, Esc stands first.
        await until(lambda: keys(driven).startswith("Enter Open g Go"), "the whole menu")
        assert "Back" not in keys(driven)
        await driven.point_at("Search")
        await until(lambda: keys(driven).startswith("Enter Search"), "the key")
        await driven.point_at("Odd port")
        await until(lambda: "Enter" not in keys(driven), "the key that does nothing")
        await driven.press("slash")
        await until(lambda: keys(driven) == "Enter Find Esc Cancel", "the prompt's keys")
        await driven.type("deep")
        await until(lambda: "n N Next" in keys(driven), "the next one found")
        await driven.press("i")
        await until(lambda: keys(driven).startswith("Esc Close"), "the dialog's keys")
        await driven.press("escape")
        # An Enter that comes before the dialog has gone is the dialog's.
        await until(lambda: "n N Next" in keys(driven), "the page's keys")
        await driven.press("enter")
        await driven.shows("Deep down")
        await until(lambda: keys(driven).startswith("b Back"), "the way back")
        await driven.pilot.click("#keys", offset=(2, 0))
        await driven.shows("Welcome to the hole")


async def test_what_is_loading_is_told_with_bytes_and_time(drive, serve):
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"x" * 2048)
        connection.recv(1)

    server = serve(script)

    async with drive(server.url("/0/slow")) as driven:
        loading = re.compile(r"Loading 2\.0 KiB, \d+(\.\d)? s ")
        await until(lambda: loading.search(driven.screen()), "bytes and time")
        await driven.shows(server.url("/0/slow"))
        await driven.press("escape")


async def test_how_much_came_and_how_far_the_page_is(drive, serve):
    server = serve(b"line\n" * 210)

    async with drive(server.url("/0/text")) as driven:
        await driven.shows("1.0 KiB in ", "10 %")
        await driven.press("end")
        await driven.shows("100 %")


async def test_x_is_told_where_there_is_a_bookmark_to_remove(drive, server):
    def keys(driven: Driven) -> str:
        return driven.screen().splitlines()[-1]

    async with drive(server.url()) as driven:
        await driven.shows("Welcome to the hole")
        await driven.press("a", "enter", "B")
        await driven.shows("Start page")
        await until(lambda: "x Remove" in keys(driven), "the key on a bookmark")
        await driven.press("down")
        await until(lambda: "x Remove" not in keys(driven), "no such key on a place to begin")
        await driven.press("a")
        await driven.shows("Only what is in Gopher can be a bookmark.")
