"""The commands know what is shown and pointed at."""

from __future__ import annotations

from logsrv.gopher.browse.loading.visits import Own
from tests.gopher.browse.conftest import Drive, Driven
from tests.gopher.servers import Scripted


def test_a_page_of_a_server_is_the_page_and_one_of_the_browsers_own_is_none(
    drive: Drive, server: Scripted
) -> None:
    async def scenario(driven: Driven) -> None:
        current = driven.browser.current
        await driven.shows("Welcome to the hole")
        assert current.page is not None and str(current.page.url) == server.url()
        await driven.press("B")
        await driven.shows("Places to begin")
        assert current.page is None
        assert current.shown is Own.START

    drive(server.url(), scenario)


def test_without_a_link_the_page_itself_is_meant(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        current = driven.browser.current
        await driven.shows("All about it.")
        here = current.here()
        assert current.link is None and here is not None
        assert here.address == server.url("/0/about")
        assert current.link_at(10_000) is None and current.about is None

    drive(server.url("/0/about"), scenario)
