"""The user's own programs get links and files after a question only."""

from __future__ import annotations

from tests.gopher.browse.conftest import Drive, Driven, opener, until
from tests.gopher.servers import Scripted


def test_a_link_to_the_web_is_opened_after_a_question_only(
    drive: Drive, server: Scripted, environ: dict[str, str]
) -> None:
    got = opener(environ)

    async def scenario(driven: Driven) -> None:
        await driven.point_at("Web")
        await driven.press("enter")
        await driven.shows("https://web.example/?q=1", "Open this with")
        await driven.press("n", "enter")
        assert not got.exists()
        await driven.shows("Open this with")
        await driven.press("y")
        await until(got.exists, "the program")

    drive(server.url(), scenario)
    assert got.read_text() == "https://web.example/?q=1"


def test_without_a_program_the_address_is_told(drive: Drive, server: Scripted) -> None:
    async def scenario(driven: Driven) -> None:
        await driven.point_at("Web")
        await driven.press("enter")
        await driven.shows("https://web.example/?q=1: no program to open it with")

    drive(server.url(), scenario)
