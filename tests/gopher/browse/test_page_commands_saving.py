"""Downloads go on in the background, are announced, stopped and played; bookmarks come and go."""

import asyncio
from pathlib import Path

import pytest

from logsrv.gopher.browse.commands import page_commands
from tests.gopher.browse.conftest import opener
from tests.gopher.conftest import until
from tests.parts.gopherhole import ANSWERS

pytestmark = pytest.mark.slow


async def test_a_download_goes_on_in_the_background(drive, server, environ):
    async with drive(server.url()) as driven:
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
    directory = Path(environ["XDG_DOWNLOAD_DIR"])
    assert (directory / "packed.tar.gz").read_bytes() == ANSWERS[b"/packed.tar.gz"]
    assert (directory / "about").read_bytes() == ANSWERS[b"/about"].removesuffix(b".\r\n")


async def test_the_end_of_a_download_is_announced_and_the_file_opens(drive, server, environ):
    got = opener(environ)

    async with drive(server.url()) as driven:
        await driven.point_at("Packed")
        await driven.press("enter")
        await driven.shows("Saved", "packed.tar.gz, 25.0 KiB.")
        await driven.press("d", "enter")
        await driven.shows("A file that was saved", "Open this with")
        await driven.press("y")
        await until(got.exists, "the program")
    assert got.read_text() == str(Path(environ["XDG_DOWNLOAD_DIR"]) / "packed.tar.gz")


async def test_a_download_that_fails_is_announced(drive, serve):
    server = serve(b"3no such file\t\terror.host\t1\r\n")

    async with drive(server.url("/9/gone")) as driven:
        await driven.shows("Not saved", "no such file")


async def test_a_download_can_be_stopped(drive, serve, environ):
    server = serve(lambda connection, _: (connection.sendall(b"some"), connection.recv(1)))

    async with drive(server.url("/9/slow")) as driven:
        await until(lambda: driven.browser.session.downloads.running, "the download")
        await driven.press("d", "down", "x")
        await driven.shows("nothing was kept")
        await until(lambda: "Saving to" not in driven.screen(), "the row below the page")


def test_quitting_while_something_is_downloaded_asks_first_and_leaves_nothing(
    drive, serve, environ, caplog
):
    """No traceback either: asyncio logs what fails at the end."""
    server = serve(lambda connection, _: (connection.sendall(b"some"), connection.recv(1)))

    async def scenario() -> None:
        async with drive(server.url("/9/slow")) as driven:
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

    # All tasks are over by then.
    asyncio.run(scenario())
    assert list(Path(environ["XDG_DOWNLOAD_DIR"]).iterdir()) == []
    assert not caplog.records


async def test_page_and_link_become_bookmarks_on_start_page(drive, server):
    async with drive(server.url()) as driven:
        await driven.point_at("Many")
        await driven.press("a")
        await driven.shows("Bookmark as")
        await driven.press("enter")
        await driven.shows("Bookmarked: Welcome to the hole")
        await driven.press("A", "enter", "A", "enter")
        await driven.shows("It is a bookmark already.")
        await driven.press("down", "A", *"mine", "enter")
        await driven.shows("Bookmarked: mine")
        await driven.press("B")
        await driven.shows("Start page", "menu  Welcome to the hole", "menu  Many", "mine")
        await driven.press("down", "enter")
        await driven.shows("Item 0")
        await driven.press("b")
        await driven.shows("Start page")
        assert driven.pointed() == "Many"
        await driven.press("x")
        await driven.shows("Removed: Many")
        assert "menu  Many" not in driven.screen()
        assert len(driven.browser.session.bookmarks.all()) == 2


async def test_a_menu_is_mirrored_and_what_fails_is_told(drive, server, environ, monkeypatch):
    asked: list[list[str]] = []
    statuses = [0, 12]

    async def recorded(command: list[str], _: object) -> int:
        asked.append(command[4:])
        return statuses.pop(0)

    monkeypatch.setattr(page_commands, "run_external_program", recorded)
    async with drive(server.url()) as driven:
        await driven.point_at("About")
        await driven.press("D")
        await driven.shows("Only a menu of a server can be mirrored.")
        await driven.point_at("Many")
        for told in ("Mirrored", "status 12"):
            await driven.press("D", "enter")
            await driven.shows(told)
    into = str(Path(environ["XDG_DOWNLOAD_DIR"]) / "many")
    assert asked == [["mirror", "--", server.url("/1/many"), into]] * 2
