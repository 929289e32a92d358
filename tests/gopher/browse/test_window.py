"""What stands around the page, and pages as they come: whole, in parts, late, or not at all."""

from __future__ import annotations

import re
import socket
import threading
from pathlib import Path

from logsrv.gopher.browse.content.lines import PageLine
from logsrv.gopher.browse.content.page import Page
from logsrv.gopher.browse.loading.visits import Own
from logsrv.gopher.fetch.settings import Timeouts
from tests.gopher.browse.conftest import Drive, Driven, until
from tests.gopher.browse.hole import ROOT, site
from tests.gopher.browse.menus import item, menu
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted, cut


def test_what_is_loading_is_told_with_bytes_and_time(drive: Drive, serve: Serve) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"x" * 2048)
        connection.recv(1)

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        await driven.shows("Loading 2.0 KiB, 0.", server.url("/0/slow"))
        await driven.press("escape")

    drive(server.url("/0/slow"), scenario)


def test_how_much_came_and_how_far_the_page_is(drive: Drive, serve: Serve) -> None:
    server = serve(b"line\n" * 210)

    async def scenario(driven: Driven) -> None:
        await driven.shows("1.0 KiB in ", "10 %")
        await driven.press("end")
        await driven.shows("100 %")

    drive(server.url("/0/text"), scenario)


def test_a_long_address_keeps_its_host_and_its_end_in_sight(drive: Drive, serve: Serve) -> None:
    server = serve(menu(item("i", "Deep down"), item("1", "Deeper", "/down" * 20 + "/deeper")))

    def cut(end: str) -> re.Pattern[str]:
        return re.compile(f"//127.0.0.1:{server.port}/….*{end}")

    async def scenario(driven: Driven) -> None:
        for width in (50, 60, 40):
            await driven.pilot.resize_terminal(width, 12)
            await driven.shows("Deep down")
            await until(lambda: cut("down/end").search(driven.screen()), "the address above")
        await driven.pilot.resize_terminal(60, 12)
        await until(lambda: cut("down/deeper").search(driven.screen()), "the address below")

    drive(server.url("/1" + "/down" * 20 + "/end"), scenario)


def test_a_large_page_does_not_stop_the_window(drive: Drive, serve: Serve) -> None:
    server = serve(b"some words of a text\n" * 200_000)

    async def scenario(driven: Driven) -> None:
        await driven.shows("4.0 MiB in")

    drive(server.url("/0/text"), scenario)


def test_a_menu_of_real_width_fits_80_columns(drive: Drive, serve: Serve) -> None:
    """70 columns, as menus are drawn for, beside the types."""
    server = serve(menu(item("i", "=" * 70), item("1", "x")))

    async def scenario(driven: Driven) -> None:
        await driven.shows(" " * 10 + "=" * 70)

    drive(server.url(), scenario)


def test_a_wide_window_uses_its_width(drive: Drive, serve: Serve) -> None:
    server = serve(b"x" * 119)

    async def scenario(driven: Driven) -> None:
        await driven.shows("x" * 119)

    drive(server.url("/0/text"), scenario, size=(132, 43))


def test_a_cut_end_of_tls_is_told_above_the_page(
    drive: Drive, serve: Serve, certificate: Path
) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"all of it?")
        cut(connection)

    server = serve(script, certificate)

    async def scenario(driven: Driven) -> None:
        await driven.shows("self-signed")
        await driven.press("T", "y")
        await driven.shows("ended TLS without its close", "all of it?")

    drive(server.url("/0/text", "gophers"), scenario)


def test_a_certificate_that_changed_is_not_taken(
    drive: Drive, serve: Serve, certificate: Path, environ: dict[str, str]
) -> None:
    server = serve(b"x", certificate)
    data = Path(environ["XDG_DATA_HOME"]) / "logsrv"
    data.mkdir(parents=True)
    (data / "gopher-pins").write_text(f"127.0.0.1:{server.port} sha256:{'0' * 64}\n")

    async def scenario(driven: Driven) -> None:
        await driven.shows("not trusted", "the one that was seen first")
        await driven.press("T")
        await driven.shows("There is no certificate to decide about.")

    drive(server.url("/0/text", "gophers"), scenario)
    assert server.requests == []


def test_a_broken_file_of_pins_is_told(
    drive: Drive, serve: Serve, certificate: Path, environ: dict[str, str]
) -> None:
    server = serve(b"x", certificate)
    data = Path(environ["XDG_DATA_HOME"]) / "logsrv"
    data.mkdir(parents=True)
    (data / "gopher-pins").write_text("rubbish\n")

    async def scenario(driven: Driven) -> None:
        await driven.shows("is not a pin")
        await driven.press("g", "escape")
        await until(lambda: driven.browser.loading is None, "nothing to be loading")

    drive(server.url("/0/text", "gophers"), scenario)


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


def test_a_picture_is_shown(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.point_at("Red")
        await driven.press("enter")
        await driven.shows("▀▀▀▀", "PNG, 64 × 32.")
        await driven.pilot.resize_terminal(30, 20)
        await until(lambda: "▀" * 31 not in driven.screen(), "the smaller picture")

    drive(server.url(), scenario)


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
        await driven.point_at("Slow")
        await driven.press("enter")
        await driven.shows("Loading", "Esc stops")
        await until(lambda: driven.browser.loading and driven.browser.loading.received, "bytes")
        await driven.press("escape")
        await driven.shows("You stopped this", "the first line")
        await driven.press("b")
        await driven.shows("Welcome")

    drive(server.url(), scenario)


def test_a_page_that_is_asked_for_again_and_stopped_stays_where_it_is_in_the_history(
    drive: Drive, serve: Serve
) -> None:
    whole = [True]

    def script(connection: socket.socket, request: bytes) -> None:
        if request == b"\r\n":
            connection.sendall(menu(item("i", "Welcome to the hole"), item("1", "In", "/in")))
        elif request == b"/deep\r\n":
            connection.sendall(menu(item("i", "All the way down")))
        else:
            connection.sendall(item("i", "the first line") + item("1", "Deep", "/deep"))
            if not whole:
                connection.recv(1)

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        for text in ("Welcome to the hole", "the first line"):
            await driven.shows(text)
            await driven.press("enter")
        await driven.shows("All the way down")
        await driven.press("b")
        await driven.shows("the first line")
        whole.clear()
        await driven.press("r")
        await until(lambda: driven.browser.loading and driven.browser.loading.received, "bytes")
        await driven.press("escape")
        await driven.shows("You stopped this")
        places = [str(visit.place) for _, visit in driven.browser.session.history.steps()]
        assert places == [server.url(path) for path in ("/1/deep", "/1/in", "/")]

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
        await driven.point_at("Slow")
        await driven.press("enter")
        await until(lambda: len(server.requests) == 2, "the request")
        await driven.press("escape")
        await driven.shows("Stopped: ", "Welcome to the hole")
        await until(gone.is_set, "the server to see the end")
        await driven.press("r")
        await until(lambda: len(server.requests) == 3, "the reload")

    drive(server.url(), scenario, timeouts=Timeouts(first_byte=60))


def test_a_part_of_a_page_that_was_left_for_nothing_stays(drive: Drive, serve: Serve) -> None:
    """Also when it is made anew for another width, and `r` asks for the rest."""

    def script(connection: socket.socket, request: bytes) -> None:
        if request == b"\r\n":
            connection.sendall(item("i", "the first line") + item("1", "Silent", "/silent"))
        connection.recv(1)

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        await driven.shows("the first line", "Silent")
        await driven.press("enter")
        await until(lambda: len(server.requests) == 2, "the request")
        await driven.press("escape")
        await driven.shows("Stopped: ", "the first line")
        await driven.pilot.resize_terminal(70, 20)
        await driven.press("c")
        await driven.type("cp437")
        await driven.shows("cp437", "You left this before all of it had come", "the first line")

    drive(server.url(), scenario, timeouts=Timeouts(first_byte=60, between=60))


def test_a_large_page_that_was_left_before_it_was_laid_out_stays(
    drive: Drive, serve: Serve
) -> None:
    more, laid_out = threading.Event(), threading.Event()

    def script(connection: socket.socket, request: bytes) -> None:
        if request == b"/large\r\n":
            connection.sendall(b"the first line\n" * 1000)
            more.wait()
            connection.sendall(b"another line\n" * 30_000)
        elif request == b"\r\n":
            connection.sendall(menu(item("i", "Welcome to the hole")))
        else:
            connection.recv(1)

    server = serve(script)

    async def scenario(driven: Driven) -> None:
        browser = driven.browser
        make_lines = browser._lines

        def late(shown: Page | Own) -> list[PageLine]:
            if threading.current_thread() is not threading.main_thread():
                laid_out.wait(20)
            return make_lines(shown)

        await driven.shows("Welcome to the hole")
        browser._lines = late  # type: ignore[method-assign]
        await driven.press("g")
        await driven.type(server.url("/0/large"))
        await driven.shows("the first line")
        more.set()
        await until(lambda: browser.loading is None, "all of it")
        await driven.press("g")
        await driven.type(server.url("/1/silent"))
        await until(lambda: len(server.requests) == 3, "the request")
        await driven.press("escape")
        laid_out.set()
        await driven.press("c")
        await driven.type("cp437")
        await until(lambda: browser.session.charset, "the character set")
        await driven.pilot.pause()
        assert "the first line" in driven.screen()

    drive(server.url(), scenario, timeouts=Timeouts(first_byte=60, between=60))


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
