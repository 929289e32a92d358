"""Browsing: the window as a whole, with real servers on loopback and a screen in memory."""

import pytest

from tests.gopher.conftest import until
from tests.parts.gopherhole import item, menu


async def test_quitting_while_a_page_is_loading(drive, serve):
    server = serve(lambda connection, _: connection.recv(1))

    async with drive(server.url()) as driven:
        await until(lambda: server.requests, "the request")
        await driven.press("q")
        await until(lambda: not driven.browser.is_running, "the end")


async def test_the_help_shows_and_goes(drive, server):
    async with drive(server.url(), size=(132, 43)) as driven:
        await driven.shows("Welcome")
        await driven.press("question_mark")
        await driven.shows("In a page", "find in the page")
        await driven.press("escape", "L")
        await driven.shows("Welcome")
        assert driven.browser.theme == "gopher-light"


@pytest.mark.slow
async def test_the_light_theme_is_remembered_for_the_next_run(drive):
    async with drive(None) as driven:
        await driven.shows("Places to begin")
        assert driven.browser.theme == "gopher-dark"
        await driven.press("L")
    async with drive(None) as driven:
        assert driven.browser.theme == "gopher-light"


async def test_a_click_opens_a_link_or_asks_for_an_address(drive, server):
    async with drive(server.url()) as driven:
        await driven.shows("Welcome")
        await driven.pilot.click("#page", offset=(12, 2))
        await driven.shows("Item 0")
        await driven.pilot.click("#top")
        await driven.shows("Go to")


@pytest.mark.parametrize(
    ("answer", "path", "size", "shown"),
    [
        # 70 columns, as menus are drawn for, beside the types.
        (menu(item("i", "=" * 70), item("1", "x")), "/", (80, 24), " " * 10 + "=" * 70),
        (b"x" * 119, "/0/text", (132, 43), "x" * 119),
    ],
)
async def test_a_page_uses_the_width_of_the_window(drive, serve, answer, path, size, shown):
    async with drive(serve(answer).url(path), size=size) as driven:
        await driven.shows(shown)
