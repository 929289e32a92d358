"""Browsing: what each key does, with real servers on loopback and a screen in memory."""

from __future__ import annotations

import socket
import threading
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from logsrv.gopher.fetch.settings import Timeouts
from tests.gopher.browse.conftest import Drive, Driven, until
from tests.gopher.browse.menus import item, menu
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 32), "red").save(file, "PNG")
    return file.getvalue()


ROOT = menu(
    item("i", "Welcome to the hole"),
    item("0", "About", "/about"),
    item("1", "Many", "/many"),
    item("7", "Search", "/search"),
    item("9", "Packed", "/packed.tar.gz"),
    item("I", "Red", "/red.png"),
    item("s", "Song", "/song.ogg"),
    item("h", "Web", "URL:https://web.example/?q=1"),
    item("8", "Old", "guest", "old.example", 23),
    item("1", "Odd port", "/", "h", 99999),
    item("1", "Deeper", "/dir/sub/deep"),
)
ANSWERS = {
    b"/about": b"All about it.\r\nSecond line with caf\x82.\r\n" + b"more\r\n" * 100 + b".\r\n",
    b"/many": b"".join(item("0", f"Item {number}", f"/item/{number}") for number in range(200)),
    b"/packed.tar.gz": bytes(range(256)) * 100,
    b"/red.png": picture(),
    b"/dir/sub/deep": menu(item("i", "Deep down")),
    b"/dir/sub": menu(item("i", "In the middle")),
}


def site(connection: socket.socket, request: bytes) -> None:
    selector, _, words = request.rstrip(b"\r\n").partition(b"\t")
    if selector == b"/search":
        connection.sendall(item("i", "You asked for " + words.decode("latin-1")))
    elif selector.startswith(b"/item/"):
        connection.sendall(b"the text of " + selector)
    else:
        connection.sendall(ANSWERS.get(selector, ROOT))


@pytest.fixture
def server(serve: Serve) -> Scripted:
    return serve(site)


async def at(driven: Driven, text: str) -> None:
    """Wait for the root, and move the cursor to the link `text`."""
    await driven.shows("Welcome to the hole")
    for _ in range(20):
        if driven.pointed() == text:
            return
        await driven.press("down")
    raise AssertionError(f"no link {text}:\n{driven.screen()}")


def test_following_a_link_and_coming_back_to_it(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Many")
        assert f"{server.url('/1/many')}" in driven.screen()
        await driven.press("enter")
        await driven.shows("Item 0")
        await driven.press("space", "space", "down")
        place = driven.browser.view.position()
        assert place.top > 20
        pointed = driven.pointed()
        await driven.press("enter")
        await driven.shows("the text of /item/")
        await driven.press("b")
        await driven.shows(pointed)
        assert driven.browser.view.position() == place
        await driven.press("left")
        await driven.shows("Welcome")
        assert driven.pointed() == "Many"
        await driven.press("f", "f")
        await driven.shows("the text of /item/")
        await driven.press("f")
        await driven.shows("This is the newest page.")

    drive(server.url(), scenario)
    # Back and forward come from the cache.
    assert [request.split(b"/")[1][:4] for request in server.requests[1:]] == [b"many", b"item"]


def test_reloading_asks_the_server_again_and_keeps_the_place(
    drive: Drive, server: Scripted
) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("Item 0")
        await driven.press("end", "r")
        await until(lambda: len(server.requests) == 2, "the second request")
        await until(lambda: driven.browser.loading is None, "the page")
        assert driven.pointed() == "Item 199"

    drive(server.url("/1/many"), scenario)


def test_searching(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Search")
        await driven.press("enter")
        await driven.shows("Search:")
        await driven.type("caf\u00e9 au lait")
        await driven.shows("You asked for cafÃ© au lait")
        await driven.shows("/7/search%09caf%C3%A9%20au%20lait")

    drive(server.url(), scenario)


def test_a_search_that_is_given_as_the_address_asks_for_words(
    drive: Drive, server: Scripted
) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("127.0.0.1 search:")
        await driven.type("x")
        await driven.shows("You asked for x")

    drive(server.url("/7/search"), scenario)


def test_going_to_an_address(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("Places to begin")
        await driven.press("g")
        await driven.shows("Go to")
        await driven.type(f"127.0.0.1:{server.port}/0/about")
        await driven.shows("All about it.")
        await driven.press("g")
        await driven.type("gopher://bad host/")
        await driven.shows("the host", "is neither a domain name nor an address")
        await driven.press("g", "up", "enter")
        await driven.shows("All about it.")
        await driven.press("g", "escape")
        await until(lambda: driven.browser.focused is driven.browser.view, "the page")

    drive(None, scenario)


def test_going_up_and_to_the_root(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("Deep down")
        await driven.press("u")
        await driven.shows("In the middle")
        await driven.press("U")
        await driven.shows("Welcome to the hole")

    drive(server.url("/1/dir/sub/deep"), scenario)


def test_finding_in_a_page(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
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

    drive(server.url("/1/many"), scenario)


def test_a_download_goes_on_in_the_background(
    drive: Drive, server: Scripted, environ: dict[str, str]
) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Packed")
        await driven.press("enter")
        await driven.shows("Saving to")
        await until(lambda: not driven.browser.session.downloads.running, "the download")
        await driven.press("d")
        await driven.shows("packed.tar.gz", "saved, 25.0 KiB")
        await driven.press("escape")
        await driven.press("home", "s")
        await until(lambda: len(driven.browser.session.downloads.all) == 2, "the second one")
        await until(lambda: not driven.browser.session.downloads.running, "the second one")

    drive(server.url(), scenario)
    directory = Path(environ["XDG_DOWNLOAD_DIR"])
    assert (directory / "packed.tar.gz").read_bytes() == ANSWERS[b"/packed.tar.gz"]
    assert (directory / "about").read_bytes() == ANSWERS[b"/about"].removesuffix(b".\r\n")


def test_the_end_of_a_download_is_announced_and_the_file_opens(
    drive: Drive, server: Scripted, environ: dict[str, str]
) -> None:
    got = opener(environ)

    async def scenario(driven: Driven) -> None:
        await at(driven, "Packed")
        await driven.press("enter")
        await driven.shows("Saved", "packed.tar.gz, 25.0 KiB.")
        await driven.press("d", "enter")
        await driven.shows("A file that was saved", "Open it with")
        await driven.press("y")
        await until(got.exists, "the program")

    drive(server.url(), scenario)
    assert got.read_text() == str(Path(environ["XDG_DOWNLOAD_DIR"]) / "packed.tar.gz")


def test_a_download_that_fails_is_announced(drive: Drive, serve: Serve) -> None:
    server = serve(b"3no such file\t\terror.host\t1\r\n")

    async def scenario(driven: Driven) -> None:
        await driven.shows("Not saved", "no such file")

    drive(server.url("/9/gone"), scenario)


def test_sound_is_played_after_a_question(
    drive: Drive, server: Scripted, environ: dict[str, str]
) -> None:
    got = opener(environ, "play")

    async def scenario(driven: Driven) -> None:
        await at(driven, "Song")
        await driven.shows("Enter Play")
        await driven.press("enter")
        await driven.shows("A sound", "and play it with")
        await driven.press("n")
        assert not driven.browser.session.downloads.all
        await driven.press("enter", "y")
        await until(got.exists, "the program")

    environ["GOPHER_PLAYER"] = "play"
    drive(server.url(), scenario)
    assert got.read_text() == str(Path(environ["XDG_DOWNLOAD_DIR"]) / "song.ogg")


def test_sound_is_saved_where_nothing_plays_it(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Song")
        await driven.press("enter")
        await driven.shows("Saved")

    drive(server.url(), scenario)


def test_a_link_is_opened_by_its_number(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("  2 menu  Many")
        await driven.press("2")
        await driven.shows("Link 2", f"Many   {server.url('/1/many')}", "Enter Open Esc Cancel")
        # No digit, no part of a number.
        await driven.press("x", "enter")
        await driven.shows("Item 0")
        await driven.press("1")
        await driven.type("50")
        await driven.shows("the text of /item/149")
        await driven.press("b", "9")
        await driven.type("99")
        await driven.shows("have the numbers 1 to 200")

    drive(server.url(), scenario)


def test_a_page_without_links_has_no_numbers(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("All about it.")
        await driven.press("1")
        await driven.shows("There are no links on this page.")

    drive(server.url("/0/about"), scenario)


def test_the_bottom_row_tells_the_keys_that_work_now(drive: Drive, server: Scripted) -> None:
    def keys(driven: Driven) -> str:
        return driven.screen().splitlines()[-1]

    async def scenario(driven: Driven) -> None:
        await at(driven, "About")
        assert keys(driven).startswith("Enter Open g Go") and "Back" not in keys(driven)
        await at(driven, "Search")
        await until(lambda: keys(driven).startswith("Enter Search"), "the key")
        await at(driven, "Odd port")
        await until(lambda: "Enter" not in keys(driven), "the key that does nothing")
        await driven.press("slash")
        await until(lambda: keys(driven) == "Enter Find Esc Cancel", "the prompt's keys")
        await driven.type("deep")
        await until(lambda: "n N Next" in keys(driven), "the next one found")
        await driven.press("i")
        await until(lambda: keys(driven).startswith("Esc Close"), "the dialog's keys")
        await driven.press("escape", "enter")
        await driven.shows("Deep down")
        await until(lambda: keys(driven).startswith("b Back"), "the way back")
        await driven.pilot.click("#keys", offset=(2, 0))
        await driven.shows("Welcome to the hole")

    drive(server.url(), scenario)


def test_the_address_is_there_to_change(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("Deep down")
        await driven.press("g")
        await driven.shows("Go to " + server.url("/1/dir/sub/deep"))
        await driven.press("end", *["backspace"] * 5, "enter")
        await driven.shows("In the middle")
        await driven.press("g")
        await driven.type(server.url("/0/about"))
        await driven.shows("All about it.")

    drive(server.url("/1/dir/sub/deep"), scenario)


def test_the_history_leads_back_and_forward(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Many")
        await driven.press("enter")
        await driven.shows("Item 0")
        await driven.press("enter")
        await driven.shows("the text of")
        await driven.press("h")
        await driven.shows("History, the newest first", server.url("/1/many"), "127.0.0.1 many")
        await driven.press("down", "down", "enter")
        await driven.shows("Welcome to the hole")
        assert driven.pointed() == "Many"
        await driven.press("h", "up", "up", "enter")
        await driven.shows("the text of")

    drive(server.url(), scenario)


def test_a_page_is_shown_as_it_arrives(drive: Drive, serve: Serve) -> None:
    more = threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(item("i", "the first line") + item("0", "Now", "/x"))
        more.wait()
        connection.sendall(b"".join(item("1", f"Item {number}") for number in range(100)))
        connection.recv(1)

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        await driven.shows("the first line", "Loading", "Esc Stop")
        await driven.press("down", "i")
        await driven.shows("/0/x")
        await driven.press("escape")
        more.set()
        await driven.shows("Item 9")
        assert driven.pointed() == "Now"
        await driven.press("escape")
        await driven.shows("You stopped this", "Item 9")
        assert driven.browser.session.history.neighbour(-1) is None

    drive(server.url(), scenario)


def test_quitting_while_something_is_downloaded_asks_first_and_leaves_nothing(
    drive: Drive, serve: Serve, environ: dict[str, str]
) -> None:
    server = serve(lambda connection, _: (connection.sendall(b"some"), connection.recv(1)))

    async def scenario(driven: Driven) -> None:
        await until(lambda: driven.browser.session.downloads.all, "the download")
        download = driven.browser.session.downloads.all[0]
        await until(lambda: download.received, "some bytes")
        await driven.shows("1 downloading")
        await driven.press("q")
        await driven.shows("1 download is not finished")
        await driven.press("n", "d")
        await driven.shows("4 bytes in")
        await driven.press("escape", "q")
        await driven.shows("Quit?")
        await driven.press("y")
        await until(lambda: not driven.browser.is_running, "the end")

    drive(server.url("/9/slow"), scenario)
    assert list(Path(environ["XDG_DOWNLOAD_DIR"]).iterdir()) == []


def test_a_download_can_be_stopped(drive: Drive, serve: Serve, environ: dict[str, str]) -> None:
    server = serve(lambda connection, _: (connection.sendall(b"some"), connection.recv(1)))

    async def scenario(driven: Driven) -> None:
        await until(lambda: driven.browser.session.downloads.running, "the download")
        await driven.press("d", "down", "x")
        await driven.shows("nothing was kept")

    drive(server.url("/9/slow"), scenario)


def test_a_picture_is_shown(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Red")
        await driven.press("enter")
        await driven.shows("▀▀▀▀", "PNG, 64 × 32.")
        await driven.pilot.resize_terminal(30, 20)
        await until(lambda: "▀" * 31 not in driven.screen(), "the smaller picture")

    drive(server.url(), scenario)


def opener(environ: dict[str, str], name: str = "xdg-open") -> Path:
    directory = Path(environ["PATH"])
    directory.mkdir()
    program = directory / name
    program.write_text(
        f'#!/bin/sh\nprintf %s "$1" > {directory}/part\n/bin/mv {directory}/part {directory}/got\n'
    )
    program.chmod(0o755)
    return directory / "got"


def test_a_link_to_the_web_is_opened_after_a_question_only(
    drive: Drive, server: Scripted, environ: dict[str, str]
) -> None:
    got = opener(environ)

    async def scenario(driven: Driven) -> None:
        await at(driven, "Web")
        await driven.press("enter")
        await driven.shows("https://web.example/?q=1", "Open this with")
        await driven.press("n", "enter")
        assert not got.exists()
        await driven.shows("Open this with")
        await driven.press("y")
        await until(got.exists, "the program")

    drive(server.url(), scenario)
    assert got.read_text() == "https://web.example/?q=1"


def test_without_a_program_the_address_is_told(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Web")
        await driven.press("enter")
        await driven.shows("https://web.example/?q=1: no program to open it with")

    drive(server.url(), scenario)


def test_sessions_are_explained_and_not_started(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Old")
        await driven.press("enter")
        await driven.shows("over Telnet", "telnet old.example 23", "log in as: guest")
        await driven.press("escape")
        await driven.shows("Welcome")

    drive(server.url(), scenario)


def test_what_cannot_be_followed_says_why(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Odd port")
        await driven.shows("its port is no number from 1 to 65535")
        await driven.press("enter")
        assert len(server.requests) == 1

    drive(server.url(), scenario)


def test_where_a_link_leads(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Old")
        await driven.press("i")
        await driven.shows("Where this leads", "Type      8, telnet", "Selector  guest")
        await driven.press("i")
        await at(driven, "Deeper")
        await driven.press("y")
        assert driven.browser.clipboard == server.url("/1/dir/sub/deep")

    drive(server.url(), scenario)


def test_bookmarks(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await at(driven, "Many")
        await driven.press("a")
        await driven.shows("Bookmarked: 127.0.0.1")
        await driven.press("A", "A")
        await driven.shows("It is a bookmark already.")
        await driven.press("B")
        await driven.shows("Start page", "menu  127.0.0.1", "menu  Many")
        await driven.press("down", "enter")
        await driven.shows("Item 0")
        await driven.press("b")
        await driven.shows("Start page")
        assert driven.pointed() == "Many"
        await driven.press("x")
        await driven.shows("Removed: Many")
        assert "menu  Many" not in driven.screen()
        assert len(driven.browser.session.bookmarks.all()) == 1

    drive(server.url(), scenario)


def test_a_charset_of_the_users_choice(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("caf\\x82")
        await driven.press("c")
        await driven.type("cp437")
        await driven.shows("café", "cp437   ")
        await driven.press("c", *["backspace"] * 5)
        await driven.type("utf-16")
        await driven.shows("is not a character set for Gopher")
        await driven.press("c", *["backspace"] * 5, "enter")
        await driven.shows("caf\\x82")

    drive(server.url("/0/about"), scenario)


def test_an_error_is_a_page_with_a_way_on(drive: Drive, serve: Serve) -> None:
    answers = [b"3not today\t\terror.host\t1\r\n", ROOT]
    server = serve(lambda connection, _: connection.sendall(answers.pop(0)))

    async def scenario(driven: Driven) -> None:
        await driven.shows("The server answers with an error: not today.", "r  tries again")
        await driven.press("r")
        await driven.shows("Welcome to the hole")

    drive(server.url(), scenario)


def test_a_dead_server_is_a_sentence(drive: Drive, serve: Serve) -> None:
    server = serve(b"")
    server.close()

    async def scenario(driven: Driven) -> None:
        await driven.shows("it refused the connection")

    drive(server.url(), scenario)


def test_escape_stops_a_page_and_shows_what_came(drive: Drive, serve: Serve) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        if request == b"\r\n":
            connection.sendall(menu(item("i", "Welcome to the hole"), item("1", "Slow", "/slow")))
        else:
            connection.sendall(item("i", "the first line"))
            connection.recv(1)

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        await at(driven, "Slow")
        await driven.press("enter")
        await driven.shows("Loading", "Esc stops")
        await until(lambda: driven.browser.loading and driven.browser.loading.received, "bytes")
        await driven.press("escape")
        await driven.shows("You stopped this", "the first line")
        await driven.press("b")
        await driven.shows("Welcome")

    drive(server.url(), scenario)


def test_escape_stops_a_silent_server_and_stays(drive: Drive, serve: Serve) -> None:
    gone = threading.Event()

    def script(connection: socket.socket, request: bytes) -> None:
        if request == b"\r\n":
            connection.sendall(menu(item("i", "Welcome to the hole"), item("1", "Slow", "/slow")))
        elif connection.recv(1) == b"":
            gone.set()

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        await at(driven, "Slow")
        await driven.press("enter")
        await until(lambda: len(server.requests) == 2, "the request")
        await driven.press("escape")
        await driven.shows("Stopped: ", "Welcome to the hole")
        await until(gone.is_set, "the server to see the end")
        await driven.press("r")
        await until(lambda: len(server.requests) == 3, "the reload")

    drive(server.url(), scenario, timeouts=Timeouts(first_byte=60))


def test_quitting_while_a_page_is_loading(drive: Drive, serve: Serve) -> None:
    server = serve(lambda connection, _: connection.recv(1))

    async def scenario(driven: Driven) -> None:
        await until(lambda: server.requests, "the request")
        await driven.press("q")
        await until(lambda: not driven.browser.is_running, "the end")

    drive(server.url(), scenario)


def test_the_last_page_asked_for_wins(drive: Drive, serve: Serve) -> None:
    """A slow page that is left does not come up later."""

    def script(connection: socket.socket, request: bytes) -> None:
        if request.startswith(b"/slow"):
            connection.recv(1)
        else:
            site(connection, request)

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        await driven.shows("Places to begin")
        await driven.press("g")
        await driven.type(server.url("/1/slow"))
        await until(lambda: server.requests, "the request")
        await driven.press("g")
        await driven.type(server.url())
        await driven.shows("Welcome to the hole")
        assert driven.browser.loading is None
        await driven.press("b")
        await driven.shows("Places to begin")

    drive(None, scenario)


def test_a_time_out_is_a_page(drive: Drive, serve: Serve) -> None:
    server = serve(lambda connection, _: connection.recv(1))

    async def scenario(driven: Driven) -> None:
        await driven.shows("sent no answer within 0.2", "trying again often helps")

    drive(server.url(), scenario, timeouts=Timeouts(first_byte=0.2))


def test_a_certificate_nobody_vouches_for(drive: Drive, serve: Serve, certificate: Path) -> None:
    """It is explained, trusted only after a question, and marked."""
    server = serve(site, certificate)

    async def scenario(driven: Driven) -> None:
        await driven.shows("not trusted", "self-signed certificate", "T  remembers")
        await driven.press("T")
        await driven.shows("Trust this certificate?")
        await driven.press("n")
        await driven.press("r")
        await driven.shows("self-signed certificate")
        await driven.press("T", "y")
        await driven.shows("Welcome to the hole", " TLS  gophers://")
        await at(driven, "Many")
        assert server.url("/1/many", "gophers") in driven.screen()

    drive(server.url("/", "gophers"), scenario)


def test_nothing_to_trust_without_a_certificate(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("Welcome")
        await driven.press("T")
        await driven.shows("There is no certificate to decide about.")

    drive(server.url(), scenario)


def test_the_help_shows_and_goes(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("Welcome")
        await driven.press("question_mark")
        await driven.shows("In a page", "find in the page")
        await driven.press("escape", "t")
        await driven.shows("Welcome")
        assert driven.browser.theme == "gopher-light"

    drive(server.url(), scenario, size=(132, 43))


def test_light_stays_light(drive: Drive) -> None:
    async def choose(driven: Driven) -> None:
        await driven.shows("Places to begin")
        assert driven.browser.theme == "gopher-dark"
        await driven.press("t")

    async def scenario(driven: Driven) -> None:
        assert driven.browser.theme == "gopher-light"

    drive(None, choose)
    drive(None, scenario)


def test_a_page_that_arrives_under_a_dialog(drive: Drive, serve: Serve) -> None:
    def script(connection: socket.socket, request: bytes) -> None:
        connection.recv(1)

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        await until(lambda: server.requests, "the request")
        await driven.press("question_mark")
        await driven.shows("In a page")
        await until(lambda: driven.browser.loading is None, "the error")
        await driven.press("escape")
        await driven.shows("sent no answer")

    drive(server.url(), scenario, timeouts=Timeouts(first_byte=0.3))


def test_the_mouse(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("Welcome")
        await driven.pilot.click("#page", offset=(12, 2))
        await driven.shows("Item 0")
        await driven.pilot.click("#address")
        await driven.shows("Go to")

    drive(server.url(), scenario)


def test_markup_and_escapes_of_a_server_are_text(drive: Drive, serve: Serve) -> None:
    hostile = menu(
        item("1", "[bold red]x[/] \x1b[31m\x9b2J\u202e", "/\x1b]0;t\x07", "h\x1b[2J", 70),
        item("8", "[@click=app.quit]z[/]", "\x1b[2J", "h\x1b", 23),
    )
    server = serve(hostile)

    async def scenario(driven: Driven) -> None:
        await driven.shows("[bold red]x[/] \\x1b[31m\\x9b2J\\u202e", "[@click=app.quit]z[/]")
        for key in ("i", "escape", "down", "i", "escape", "enter", "escape", "A", "s", "y", "d"):
            await driven.press(key)
            assert not any(
                ord(each) < 32 or 127 <= ord(each) < 160 for each in driven.screen() if each != "\n"
            )

    drive(server.url(), scenario)


def test_the_start_page_tells_of_unreadable_bookmarks(
    drive: Drive, environ: dict[str, str]
) -> None:
    (Path(environ["XDG_DATA_HOME"]) / "logsrv" / "gopher-bookmarks").mkdir(parents=True)

    async def scenario(driven: Driven) -> None:
        await driven.shows("the bookmarks cannot be read")

    drive(None, scenario)
