"""What the browser asks for: addresses, numbers of links, words; what opening a link does; what is kept,
and what is handed to other programs, always after a question.
"""

from __future__ import annotations

from pathlib import Path

from tests.gopher.browse.conftest import Drive, Driven, until
from tests.gopher.browse.hole import ANSWERS
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted


def test_searching(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.point_at("Search")
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


def test_sessions_are_explained_and_not_started(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.point_at("Old")
        await driven.press("enter")
        await driven.shows("over Telnet", "telnet old.example 23", "log in as: guest")
        await driven.press("escape")
        await driven.shows("Welcome")

    drive(server.url(), scenario)


def test_what_cannot_be_followed_says_why(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.point_at("Odd port")
        await driven.shows("its port is no number from 1 to 65535")
        await driven.press("enter")
        assert len(server.requests) == 1

    drive(server.url(), scenario)


def test_the_mouse(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.shows("Welcome")
        await driven.pilot.click("#page", offset=(12, 2))
        await driven.shows("Item 0")
        await driven.pilot.click("#address")
        await driven.shows("Go to")

    drive(server.url(), scenario)


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


def test_a_link_to_nowhere_is_not_marked_as_opened(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        opened: list[str] = []
        driven.browser.mark_opened = opened.append  # type: ignore[assignment, method-assign]
        for text in ("Odd port", "Old", "About"):
            await driven.point_at("About")
            while driven.pointed() != text:
                await driven.press("down")
            await driven.press("enter", "escape", "home")
        await until(lambda: opened, "the text to be opened")
        assert opened == [server.url("/0/about")]

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


def test_bookmarks(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.point_at("Many")
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


def test_x_is_told_where_there_is_a_bookmark_to_remove(drive: Drive, server: Scripted) -> None:
    def keys(driven: Driven) -> str:
        return driven.screen().splitlines()[-1]

    async def scenario(driven: Driven) -> None:
        await driven.shows("Welcome to the hole")
        await driven.press("a", "B")
        await driven.shows("Start page")
        await until(lambda: "x Remove" in keys(driven), "the key on a bookmark")
        await driven.press("down")
        await until(lambda: "x Remove" not in keys(driven), "no such key on a place to begin")
        await driven.press("a")
        await driven.shows("Only what is in Gopher can be a bookmark.")

    drive(server.url(), scenario)


def test_a_download_goes_on_in_the_background(
    drive: Drive, server: Scripted, environ: dict[str, str]
) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.point_at("Packed")
        await driven.press("enter")
        await driven.shows("Saved to")
        assert "Saving to" not in driven.screen()
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
        await driven.point_at("Packed")
        await driven.press("enter")
        await driven.shows("Saved", "packed.tar.gz, 25.0 KiB.")
        await driven.press("d", "enter")
        await driven.shows("A file that was saved", "Open this with")
        await driven.press("y")
        await until(got.exists, "the program")

    drive(server.url(), scenario)
    assert got.read_text() == str(Path(environ["XDG_DOWNLOAD_DIR"]) / "packed.tar.gz")


def test_a_download_that_fails_is_announced(drive: Drive, serve: Serve) -> None:
    server = serve(b"3no such file\t\terror.host\t1\r\n")

    async def scenario(driven: Driven) -> None:
        await driven.shows("Not saved", "no such file")

    drive(server.url("/9/gone"), scenario)


def test_a_download_can_be_stopped(drive: Drive, serve: Serve, environ: dict[str, str]) -> None:
    server = serve(lambda connection, _: (connection.sendall(b"some"), connection.recv(1)))

    async def scenario(driven: Driven) -> None:
        await until(lambda: driven.browser.session.downloads.running, "the download")
        await driven.press("d", "down", "x")
        await driven.shows("nothing was kept")
        await until(lambda: "Saving to" not in driven.screen(), "the row below the page")

    drive(server.url("/9/slow"), scenario)


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


def test_sound_is_played_after_a_question(
    drive: Drive, server: Scripted, environ: dict[str, str]
) -> None:
    got = opener(environ, "play")

    async def scenario(driven: Driven) -> None:
        await driven.point_at("Song")
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
        await driven.point_at("Song")
        await driven.press("enter")
        await driven.shows("Saved")

    drive(server.url(), scenario)


def test_a_link_to_the_web_is_opened_after_a_question_only(
    drive: Drive, server: Scripted, environ: dict[str, str]
) -> None:
    got = opener(environ)

    async def scenario(driven: Driven) -> None:
        await driven.point_at("Web")
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
        await driven.point_at("Web")
        await driven.press("enter")
        await driven.shows("https://web.example/?q=1: no program to open it with")

    drive(server.url(), scenario)
