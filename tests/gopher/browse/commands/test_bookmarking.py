"""Bookmarks are added on any page, and removed on the start page."""

from __future__ import annotations

from tests.gopher.browse.conftest import Drive, Driven
from tests.gopher.servers import Scripted


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
