"""Links, searches, addresses and numbers are opened."""

from __future__ import annotations

import pytest

from logsrv.gopher.browse.loading.followed import FollowedMenus
from tests.gopher.browse.conftest import Drive, Driven, until
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


def test_a_link_to_nowhere_is_not_marked_as_opened(
    drive: Drive, server: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []

    async def note(_: FollowedMenus, address: str) -> None:
        opened.append(address)

    monkeypatch.setattr(FollowedMenus, "opened", note)

    async def scenario(driven: Driven) -> None:
        for text in ("Odd port", "Old", "About"):
            await driven.point_at("About")
            while driven.pointed() != text:
                await driven.press("down")
            await driven.press("enter", "escape", "home")
        await until(lambda: len(opened) > 1, "the text to be opened")
        assert opened == [server.url(), server.url("/0/about")]

    drive(server.url(), scenario)
