"""Pages of each kind become lines."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.gopher.browse.conftest import Drive, until
from tests.gopher.browse.hole import ROOT
from tests.gopher.conftest import Serve
from tests.gopher.servers import Scripted, cut


async def test_a_picture_is_shown(drive: Drive, server: Scripted) -> None:
    async with drive(server.url()) as driven:
        await driven.point_at("Red")
        await driven.press("enter")
        await driven.shows("▀▀▀▀", "PNG, 64 × 32.")
        await driven.pilot.resize_terminal(30, 20)
        await until(lambda: "▀" * 31 not in driven.screen(), "the smaller picture")


async def test_an_error_is_a_page_with_a_way_on(drive: Drive, serve: Serve) -> None:
    answers = [b"3not today\t\terror.host\t1\r\n", ROOT]
    server = serve(lambda connection, _: connection.sendall(answers.pop(0)))

    async with drive(server.url()) as driven:
        await driven.shows("The server answers with an error: not today.", "r  tries again")
        await driven.press("r")
        await driven.shows("Welcome to the hole")


async def test_the_start_page_tells_of_unreadable_bookmarks(
    drive: Drive, environ: dict[str, str]
) -> None:
    (Path(environ["XDG_DATA_HOME"]) / "logsrv" / "gopher-bookmarks").mkdir(parents=True)

    async with drive(None) as driven:
        await driven.shows("the bookmarks cannot be read")


async def test_a_cut_end_of_tls_is_told_above_the_page(
    drive: Drive, serve: Serve, certificate: Path
) -> None:
    def script(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"all of it?")
        cut(connection)

    server = serve(script, certificate)

    async with drive(server.url("/0/text", "gophers")) as driven:
        await driven.shows("self-signed")
        await driven.press("T", "y")
        await driven.shows("ended TLS without its close", "all of it?")
