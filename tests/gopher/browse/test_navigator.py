"""Pages on their way: whole, in parts, late, stopped, or not at all; and what is shown and pointed at."""

import socket
import struct
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from logsrv.gopher.browse import lines_widget, navigator
from logsrv.gopher.follow.following import FollowedMenu, FollowedStore
from logsrv.gopher.wire.limits import Limits
from logsrv.kit.testing.patience import PATIENCE
from tests.gopher.conftest import until
from tests.parts.gopherhole import ROOT, holding, item, menu

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("broken", ["display_lines.menu_line", "page_fetch.Content.feed"])
async def test_a_defect_ends_the_page_and_not_the_browser(drive, serve, monkeypatch, broken):
    def fails(*arguments: Any) -> None:
        raise AssertionError("unknown status keyword '[foo '")

    part, _, name = broken.partition(".")
    server = serve(menu(item("i", "Welcome"), item("h", "A page", "/page")))
    async with drive(None) as driven:
        await driven.shows("Places to begin")
        with monkeypatch.context() as patch:
            patch.setattr(f"logsrv.gopher.browse.{part}.{name}", fails)
            await driven.press("g")
            await driven.type(server.url())
            await driven.shows("which is a defect of it", "status keyword '[foo ')")
        await driven.press("r")
        await driven.shows("Welcome", "A page")


async def test_a_defect_of_a_command_is_a_sentence(drive, monkeypatch):
    async with drive(None) as driven:
        await driven.shows("Places to begin")
        monkeypatch.setattr(navigator.Navigator, "link_or_page", lambda self: 1 / 0)
        await driven.press("i")
        await driven.shows("ZeroDivisionError")


async def test_a_broken_file_of_pins_is_told(drive, serve, certificate, environ):
    server = serve(b"x", certificate)
    data = Path(environ["XDG_DATA_HOME"]) / "logsrv"
    data.mkdir(parents=True)
    (data / "gopher-pins").write_text("rubbish\n")

    async with drive(server.url("/0/text", "gophers")) as driven:
        await driven.shows("is not a pin")
        await driven.press("g", "escape")
        await until(lambda: driven.browser.current.loading is None, "nothing to be loading")


async def test_a_page_is_shown_as_it_arrives(drive, serve):
    more = threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(item("i", "the first line") + item("0", "Now", "/x"))
        assert more.wait(PATIENCE)
        connection.sendall(b"".join(item("1", f"Item {number}") for number in range(100)))
        connection.recv(1)

    server = serve(script)

    async with drive(server.url()) as driven:
        await driven.shows("the first line", "Loading", "Esc Stop")
        await driven.press("down", "i")
        await driven.shows("/0/x")
        await driven.press("escape")
        more.set()
        await driven.shows("Item 9")
        assert driven.pointed() == "Now"
        await driven.press("escape")
        await driven.shows("You stopped this", "Item 9")
        assert driven.browser.session.history.visit_at_step(-1) is None


async def test_a_page_that_is_asked_for_again_and_stopped_stays_where_it_is_in_the_history(
    drive, serve
):
    first = item("i", "the first line") + item("1", "Deep", "/deep")
    answers = {
        b"": menu(item("i", "Welcome to the hole"), item("1", "In", "/in")),
        b"/in": first + b".\r\n",
        b"/deep": menu(item("i", "All the way down")),
    }
    server = serve(holding(answers))

    async with drive(server.url()) as driven:
        for text in ("Welcome to the hole", "the first line"):
            await driven.shows(text)
            await driven.press("enter")
        await driven.shows("All the way down")
        await driven.press("b")
        await driven.shows("the first line")
        answers[b"/in"] = first
        await driven.press("r")
        await until(driven.received, "bytes")
        await driven.press("escape")
        await driven.shows("You stopped this", "the first line")
        places = [
            str(visit.destination) for _, visit in driven.browser.session.history.visits_by_step()
        ]
        assert places == [server.url(path) for path in ("/1/deep", "/1/in", "/")]
        await driven.press("b")
        await driven.shows("Welcome to the hole")


@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "broken off"])
async def test_a_page_without_its_end_stays_where_its_reader_is(drive, serve, stopped):
    ends = threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"".join(b"line %d\r\n" % number for number in range(300)))
        assert ends.wait(PATIENCE)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    server = serve(script)
    limits = Limits(first_byte=PATIENCE, between=PATIENCE)
    async with drive(server.url("/0/large"), limits=limits) as driven:
        await until(lambda: len(driven.browser.view.lines) == 300, "all lines so far")
        await driven.press(*["pagedown"] * 4)
        read = lines_on_screen(driven)
        assert read and "line 0" not in read
        if stopped:
            await driven.press("escape")
            await driven.shows("You stopped this")
            ends.set()
        else:
            ends.set()
            await driven.whole()
        assert lines_on_screen(driven) == read
        await driven.press("home")
        await driven.shows("tries again. The part received before:", "line 0")


async def test_the_cursor_stays_on_its_link_when_a_menu_is_stopped(drive, serve):
    part = b"".join(item("1", f"Item {number}", f"/{number}") for number in range(50))
    server = serve(holding({b"": part}))
    limits = Limits(first_byte=PATIENCE, between=PATIENCE)
    async with drive(server.url(), limits=limits) as driven:
        await until(lambda: len(driven.browser.view.lines) == 50, "all items so far")
        await driven.press(*["down"] * 7)
        assert driven.pointed() == "Item 7"
        await driven.press("escape")
        await driven.shows("You stopped this", "Item 7")
        assert driven.pointed() == "Item 7"


def lines_on_screen(driven: Any) -> list[str]:
    """The lines of the text that are on the screen."""
    return [row for row in map(str.strip, driven.screen().splitlines()) if row.startswith("line ")]


async def test_news_that_are_read_slowly_do_not_replace_the_page_that_was_asked_for_last(
    drive, monkeypatch
):
    read, go_on, is_read = (threading.Event() for _ in range(3))
    every = FollowedStore.all

    def slowly(following: FollowedStore) -> list[FollowedMenu]:
        read.set()
        assert go_on.wait(PATIENCE)
        is_read.set()
        return every(following)

    async with drive(None) as driven:
        await driven.shows("Places to begin")
        with monkeypatch.context() as patch:
            patch.setattr(FollowedStore, "all", slowly)
            await driven.press("W")
            await until(read.is_set, "the files to be read")
            await driven.press("B")
            go_on.set()
            await until(is_read.is_set, "the files")
        await driven.press("down", "up")
        await driven.shows("Places to begin")


async def test_escape_stops_a_silent_server_and_stays(drive, serve):
    gone = threading.Event()

    def script(connection: socket.socket, request: bytes) -> None:
        if request == b"\r\n":
            connection.sendall(menu(item("i", "Welcome to the hole"), item("1", "Slow", "/slow")))
        elif connection.recv(1) == b"":
            gone.set()

    server = serve(script)

    async with drive(server.url(), limits=Limits(first_byte=PATIENCE)) as driven:
        await driven.point_at("Slow")
        await driven.press("enter")
        await until(lambda: len(server.requests) == 2, "the request")
        await driven.press("escape")
        await driven.shows("Stopped: ", "Welcome to the hole")
        await until(gone.is_set, "the server to see the end")
        await driven.press("r")
        await until(lambda: len(server.requests) == 3, "the reload")


@pytest.mark.parametrize("part", [b"", b"iThe beginning\r\n"], ids=["silent", "begun"])
@pytest.mark.parametrize("keys", ["B", "b", "r", "g", "escape"])
async def test_the_connection_of_a_page_that_is_left_is_closed(drive, serve, keys, part):
    """However it is left: else a server that drips goes on sending what nobody looks at."""
    gone = threading.Event()

    def script(connection: socket.socket, request: bytes) -> None:
        if request == b"\r\n":
            connection.sendall(menu(item("i", "Welcome to the hole"), item("1", "Slow", "/slow")))
            return
        connection.sendall(part)
        with suppress(ConnectionError):
            connection.recv(1)
        gone.set()

    server = serve(script)
    # So long that no limit ends it within the patience of this test.
    limits = Limits(first_byte=10 * PATIENCE, between=10 * PATIENCE)
    async with drive(None, limits=limits) as driven:
        await driven.shows("Places to begin")
        await driven.press("g")
        await driven.type(server.url())
        await driven.point_at("Slow")
        await driven.press("enter")
        await until(lambda: len(server.requests) == 2, "the request")
        if part:
            await driven.shows("The beginning")
        await driven.press(keys)
        if keys == "g":
            await driven.type(server.url("/1/other"))
        await until(gone.is_set, "the server to see the end")


async def test_a_part_of_a_page_that_was_left_for_nothing_stays(drive, serve):
    """Also when it is made anew for another width, and `r` asks for the rest."""

    part = item("i", "the first line") + item("1", "Silent", "/silent")
    server = serve(holding({b"": part}))
    async with drive(server.url(), limits=Limits(first_byte=PATIENCE, between=PATIENCE)) as driven:
        await driven.shows("the first line", "Silent")
        await driven.press("enter")
        await until(lambda: len(server.requests) == 2, "the request")
        await driven.press("escape")
        await driven.shows("Stopped: ", "the first line")
        await driven.pilot.resize_terminal(70, 20)
        await driven.press("c")
        await driven.type("cp437")
        await driven.shows("cp437", "You left this before all of it had come", "the first line")


async def test_a_large_page_that_was_left_before_it_was_laid_out_stays(drive, serve, monkeypatch):
    server = serve(holding({b"/large": b"a line\n" * 5000 + b"the last line\n.\r\n"}))
    limits = Limits(first_byte=PATIENCE, between=PATIENCE)
    async with drive(server.url("/0/large"), limits=limits) as driven:
        await driven.shows("a line")
        await driven.whole()
        await driven.press("g")
        await driven.type(server.url("/1/silent"))
        await until(lambda: len(server.requests) == 2, "the request")
        await driven.press("escape", "end")
        await driven.shows("the last line")
        monkeypatch.setattr(lines_widget, "SLICE", -1.0)
        driven.browser.session.charset = "cp437"
        driven.browser.current.redraw()
        # Keys are obeyed before all of its lines are made anew.
        assert len(driven.browser.view.lines) < 1000
        await driven.shows("cp437", "the last line")


@pytest.mark.parametrize("charset", ["", "cp437"])
async def test_the_end_of_a_page_is_shown_in_the_character_set_of_now(drive, serve, charset):
    more = threading.Event()

    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"The first line\r\n\x82nd the last")
        assert more.wait(PATIENCE)

    async with drive(serve(script).url("/0/text")) as driven:
        await driven.shows("The first line")
        await driven.press("c")
        await driven.type(charset)
        more.set()
        await driven.shows("énd the last" if charset else "\\x82nd the last")


async def test_the_last_page_asked_for_wins(drive, serve):
    """A slow page that is left does not come up later."""

    server = serve(holding({b"": ROOT}))

    async with drive(None) as driven:
        await driven.shows("Places to begin")
        await driven.press("g")
        await driven.type(server.url("/1/slow"))
        await until(lambda: server.requests, "the request")
        await driven.press("g")
        await driven.type(server.url())
        await driven.shows("Welcome to the hole")
        assert driven.browser.current.loading is None
        await driven.press("b")
        await driven.shows("Places to begin")


async def test_a_page_that_arrives_under_a_dialog(drive, serve):
    server = serve(holding({}))

    async with drive(server.url(), limits=Limits(first_byte=0.3)) as driven:
        await until(lambda: server.requests, "the request")
        await driven.press("question_mark")
        await driven.shows("In a page")
        await until(lambda: driven.browser.current.loading is None, "the error")
        await driven.press("escape")
        await driven.shows("sent no answer within 0.3", "trying again often helps")


async def test_without_a_link_the_page_itself_is_meant(drive, server):
    async with drive(server.url("/0/about")) as driven:
        shown = driven.browser.current
        await driven.shows("All about it.")
        here = shown.link_or_page()
        assert shown.link_at_cursor is None and here is not None
        assert here.address == server.url("/0/about")
        assert shown.link_at(10_000) is None and shown.subject_at_cursor is None
