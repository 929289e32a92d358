"""What stands around the page: the address, what is loading, how far the page is."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.gopher.browse.conftest import Drive, Driven, until
from tests.gopher.browse.menus import item, menu
from tests.gopher.conftest import Serve
from tests.gopher.servers import cut


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
