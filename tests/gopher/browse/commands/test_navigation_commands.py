"""Links, searches, addresses, numbers; back, forward, up; servers whose certificate is refused."""

from pathlib import Path

import pytest

from logsrv.gopher.browse.followed_menus import FollowedMenus
from tests.gopher.conftest import until
from tests.parts.gopher_servers import Scripted
from tests.parts.gopherhole import site

pytestmark = pytest.mark.slow


async def test_following_a_link_and_coming_back_to_it(drive, server):
    async with drive(server.url()) as driven:
        await driven.point_at("Many")
        assert f"{server.url('/1/many')}" in driven.screen()
        await driven.press("enter")
        await driven.shows("Item 0")
        await driven.press("space", "space", "down")
        place = driven.browser.view.scroll_position()
        assert place.top > 20
        pointed = driven.pointed()
        await driven.press("enter")
        await driven.shows("the text of /item/")
        await driven.press("b")
        await driven.shows(pointed)
        assert driven.browser.view.scroll_position() == place
        await driven.press("left")
        await driven.shows("Welcome")
        assert driven.pointed() == "Many"
        await driven.press("f", "f")
        await driven.shows("the text of /item/")
        await driven.press("f")
        await driven.shows("This is the newest page.")
    # Back and forward come from the cache.
    assert [request.split(b"/")[1][:4] for request in server.requests[1:]] == [b"many", b"item"]


async def test_reloading_asks_the_server_again_and_keeps_the_place(drive, server):
    async with drive(server.url("/1/many")) as driven:
        await driven.shows("Item 0")
        await driven.press("end", "r")
        await until(lambda: len(server.requests) == 2, "the second request")
        await until(lambda: driven.browser.current.loading is None, "the page")
        assert driven.pointed() == "Item 199"


async def test_going_up_and_to_the_root(drive, server):
    async with drive(server.url("/1/dir/sub/deep")) as driven:
        await driven.shows("Deep down")
        await driven.press("u")
        await driven.shows("In the middle")
        await driven.press("U")
        await driven.shows("Welcome to the hole")


async def test_the_history_leads_back_and_forward(drive, server):
    async with drive(server.url()) as driven:
        await driven.point_at("Many")
        await driven.press("enter")
        await driven.shows("Item 0")
        await driven.press("enter")
        await driven.shows("the text of")
        await driven.press("h")
        await driven.shows("History, the newest first", server.url("/1/many"), "127.0.0.1 many")
        await driven.press("down", "down", "enter")
        await driven.shows("Welcome to the hole")
        assert driven.pointed() == "Many"
        await driven.press("h", "up", "up", "enter")
        await driven.shows("the text of")


async def test_a_certificate_nobody_vouches_for(drive, serve, certificate):
    """It is explained, trusted only after a question, and marked."""
    server = serve(site, certificate)

    async with drive(server.url("/", "gophers")) as driven:
        await driven.shows("not trusted", "self-signed certificate", "C  remembers")
        await driven.press("C")
        await driven.shows("Trust this certificate?")
        await driven.press("n")
        await driven.press("r")
        await driven.shows("self-signed certificate")
        await driven.press("C", "y")
        await driven.shows("Welcome to the hole", " TLS  gophers://")
        await driven.point_at("Many")
        assert server.url("/1/many", "gophers") in driven.screen()


async def test_nothing_to_trust_without_a_certificate(drive, server):
    async with drive(server.url()) as driven:
        await driven.shows("Welcome")
        await driven.press("C")
        await driven.shows("There is no certificate to decide about.")


async def test_a_certificate_that_changed_is_not_taken(drive, serve, certificate, environ):
    server = serve(b"x", certificate)
    data = Path(environ["XDG_DATA_HOME"]) / "logsrv"
    data.mkdir(parents=True)
    (data / "gopher-pins").write_text(f"127.0.0.1:{server.port} sha256:{'0' * 64}\n")

    async with drive(server.url("/0/text", "gophers")) as driven:
        await driven.shows("not trusted", "the one that was seen first")
        await driven.press("C")
        await driven.shows("There is no certificate to decide about.")
    assert server.requests == []


async def test_words_are_asked_for_and_sent_to_a_search(drive, server):
    async with drive(server.url()) as driven:
        await driven.point_at("Search")
        await driven.press("enter")
        await driven.shows("Search:")
        await driven.type("caf\u00e9 au lait")
        await driven.shows("You asked for cafÃ© au lait")
        await driven.shows("/7/search%09caf%C3%A9%20au%20lait")


async def test_a_search_that_is_given_as_the_address_asks_for_words(drive, server):
    async with drive(server.url("/7/search")) as driven:
        await driven.shows("127.0.0.1 search:")
        await driven.type("x")
        await driven.shows("You asked for x")


async def test_going_to_an_address(drive, server):
    async with drive(None) as driven:
        await driven.shows("Places to begin")
        await driven.press("g")
        await driven.shows("Go to")
        await driven.type(f"127.0.0.1:{server.port}/0/about")
        await driven.shows("All about it.")
        await driven.whole()
        await driven.press("g")
        await driven.type("gopher://bad host/")
        await driven.shows("the host", "is neither a domain name nor an address")
        await driven.press("g", "up", "enter")
        await driven.shows("All about it.")
        await driven.press("g", "escape")
        await until(lambda: driven.browser.focused is driven.browser.view, "the page")


async def test_the_address_is_there_to_change(drive, server):
    async with drive(server.url("/1/dir/sub/deep")) as driven:
        await driven.shows("Deep down")
        await driven.press("g")
        await driven.shows("Go to " + server.url("/1/dir/sub/deep"))
        await driven.press("end", *["backspace"] * 5, "enter")
        await driven.shows("In the middle")
        await driven.press("g")
        await driven.type(server.url("/0/about"))
        await driven.shows("All about it.")


async def test_a_link_is_opened_by_its_number(drive, server):
    async with drive(server.url()) as driven:
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


async def test_a_page_without_links_has_no_numbers(drive, server):
    async with drive(server.url("/0/about")) as driven:
        await driven.shows("All about it.")
        await driven.whole()
        await driven.press("1")
        await driven.shows("There are no links on this page.")


async def test_sessions_are_explained_and_not_started(drive, server):
    async with drive(server.url()) as driven:
        await driven.point_at("Old")
        await driven.press("enter")
        await driven.shows("over Telnet", "telnet old.example 23", "log in as: guest")
        await driven.press("escape")
        await driven.shows("Welcome")


async def test_a_link_to_nowhere_is_not_marked_as_opened(drive, server, monkeypatch):
    opened: list[str] = []

    async def note(_: FollowedMenus, address: str) -> None:
        opened.append(address)

    monkeypatch.setattr(FollowedMenus, "mark_address_read", note)

    async with drive(server.url()) as driven:
        for text in ("Odd port", "Old", "About"):
            await driven.point_at("About")
            while driven.pointed() != text:
                await driven.press("down")
            await driven.press("enter", "escape", "home")
        await until(lambda: len(opened) > 1, "the text to be opened")
        assert opened == [server.url(), server.url("/0/about")]


async def test_a_tour_opens_links_one_after_the_other(drive, server):
    async with drive(server.url()) as driven:
        # A page that arrives removes what was said before.
        await driven.shows("Welcome to the hole")
        await driven.press("T")
        await driven.shows("The tour is at its end")
        for number, name in enumerate(("About", "Many"), 1):
            await driven.point_at(name)
            await driven.press("t")
            await driven.shows(f"{number} on the tour", "T Tour")
        await driven.press("T")
        await driven.shows("/0/about")
        await driven.press("T")
        await driven.shows("Item 0")


async def test_addresses_in_a_text_are_links(drive, serve):
    server: Scripted = serve(
        lambda connection, request: connection.sendall(
            b"There.\n"
            if b"two" in request
            else b"One\n\nSee gopher://127.0.0.1:%d/0/two.\n" % server.port
            + b"[1] <https://web.example/?a=1>, gone\n"
        )
    )
    async with drive(server.url("/0/one")) as driven:
        await driven.shows("See gopher://", server.url("/0/two"))
        assert driven.screen().splitlines()[1] == "One", "no column is taken from the text"
        await driven.press("down")
        await driven.shows("https://web.example/?a=1")
        await driven.press("1", "enter")
        await driven.shows("There.")
