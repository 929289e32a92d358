"""What is said stands below the page, and what is asked is done after a yes only."""

from __future__ import annotations

from logsrv.errors import ConfigurationError
from tests.gopher.browse.conftest import Drive


async def test_an_error_is_a_sentence_and_escaped(drive: Drive) -> None:
    async with drive(None) as driven:
        await driven.shows("Places to begin")
        with driven.browser.window.saying_errors():
            raise ConfigurationError("the disk\x1b[2J is full")
        await driven.shows("the disk\\x1b[2J is full")
        await driven.press("down")
        assert "the disk" not in driven.screen()


async def test_only_a_yes_does_what_is_asked(drive: Drive) -> None:
    async with drive(None) as driven:
        done: list[str] = []
        for key in ("n", "escape", "y"):
            await driven.shows("Places to begin")
            driven.browser.window.ask_first("A question", "Really?", lambda: done.append("done"))
            await driven.shows("Really?")
            assert not done
            await driven.press(key)
        await driven.shows("Places to begin")
        assert done == ["done"]
