"""Finding words in a page, other character sets, where a link leads."""

from __future__ import annotations

from tests.gopher.browse.conftest import Drive
from tests.gopher.servers import Scripted


async def test_where_a_link_leads(drive: Drive, server: Scripted) -> None:
    async with drive(server.url()) as driven:
        await driven.point_at("Old")
        await driven.press("i")
        await driven.shows("Where this leads", "Type      8, telnet", "Selector  guest")
        await driven.press("i")
        await driven.point_at("Deeper")
        await driven.press("y")
        assert driven.browser.clipboard == server.url("/1/dir/sub/deep")


async def test_finding_in_a_page(drive: Drive, server: Scripted) -> None:
    async with drive(server.url("/1/many")) as driven:
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


async def test_a_charset_of_the_users_choice(drive: Drive, server: Scripted) -> None:
    async with drive(server.url("/0/about")) as driven:
        await driven.shows("caf\\x82")
        await driven.whole()
        await driven.press("c")
        await driven.type("cp437")
        await driven.shows("café", "cp437   ")
        await driven.press("c", *["backspace"] * 5)
        await driven.type("utf-16")
        await driven.shows("is not a character set for Gopher")
        await driven.press("c", *["backspace"] * 5, "enter")
        await driven.shows("caf\\x82")
