"""The rows below the page tell what goes on and which keys work."""

from __future__ import annotations

import re
import socket

from tests.gopher.browse.conftest import Drive, Driven, until
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted


async def test_the_bottom_row_tells_the_keys_that_work_now(drive: Drive, server: Scripted) -> None:
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


async def test_what_is_loading_is_told_with_bytes_and_time(drive: Drive, serve: Serve) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"x" * 2048)
        connection.recv(1)

    server = serve(script)

    async with drive(server.url("/0/slow")) as driven:
        loading = re.compile(r"Loading 2\.0 KiB, \d+(\.\d)? s ")
        await until(lambda: loading.search(driven.screen()), "bytes and time")
        await driven.shows(server.url("/0/slow"))
        await driven.press("escape")


async def test_how_much_came_and_how_far_the_page_is(drive: Drive, serve: Serve) -> None:
    server = serve(b"line\n" * 210)

    async with drive(server.url("/0/text")) as driven:
        await driven.shows("1.0 KiB in ", "10 %")
        await driven.press("end")
        await driven.shows("100 %")


async def test_x_is_told_where_there_is_a_bookmark_to_remove(
    drive: Drive, server: Scripted
) -> None:
    def keys(driven: Driven) -> str:
        return driven.screen().splitlines()[-1]

    async with drive(server.url()) as driven:
        await driven.shows("Welcome to the hole")
        await driven.press("a", "B")
        await driven.shows("Start page")
        await until(lambda: "x Remove" in keys(driven), "the key on a bookmark")
        await driven.press("down")
        await until(lambda: "x Remove" not in keys(driven), "no such key on a place to begin")
        await driven.press("a")
        await driven.shows("Only what is in Gopher can be a bookmark.")
