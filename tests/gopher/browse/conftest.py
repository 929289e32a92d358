"""A browser without a terminal, driven by Textual's Pilot, and what is on its screen."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import ClassVar, TypeVar

import pytest
from textual._context import visible_screen_stack
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.events import Paste
from textual.pilot import Pilot
from textual.strip import Strip

from logsrv.gopher.browse.app import DARK, Browser
from logsrv.gopher.browse.display_lines import DisplayLine
from logsrv.gopher.browse.followed_menus import FollowedMenus
from logsrv.gopher.browse.page_widget import PageWidget
from logsrv.gopher.browse.session import BrowsingSession
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.local import resolve_typed_address
from logsrv.gopher.follow.entries import Entry
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL
from tests.gopher.conftest import Serve, until
from tests.parts.gopher_servers import Scripted
from tests.parts.gopherhole import site

Result = TypeVar("Result")
# The Pilot takes its time for each key.
SHORT = 8


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run tests that are coroutines on asyncio's loop."""
    test = pyfuncitem.obj
    if not inspect.iscoroutinefunction(test):
        return None
    names = inspect.signature(test).parameters
    asyncio.run(test(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True


def opener(environ: dict[str, str], name: str = "xdg-open") -> Path:
    """Put a program in the PATH of the browser that writes its argument to the file returned."""
    directory = Path(environ["PATH"])
    directory.mkdir()
    program = directory / name
    program.write_text(
        f'#!/bin/sh\nprintf %s "$1" > {directory}/part\n/bin/mv {directory}/part {directory}/got\n'
    )
    program.chmod(0o755)
    return directory / "got"


class Driven:
    """A running browser: `press` keys, wait until the screen `shows` something."""

    def __init__(self, browser: Browser, pilot: Pilot[None]) -> None:
        self.browser = browser
        self.pilot = pilot

    def strips(self) -> list[Strip]:
        """What is on the screen with its colours, row by row."""
        # What shines through a dialog: painted without it, its rows are kept empty from then on.
        visible_screen_stack.set(self.browser._background_screens)
        return self.browser.screen._compositor.render_strips()

    def screen(self) -> str:
        """What is on the screen, row by row."""
        return "\n".join(strip.text.rstrip() for strip in self.strips())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def type(self, text: str) -> None:
        """Type `text` and Enter; of a long one only the end is typed, the rest is pasted."""
        if len(text) > SHORT:
            self.browser.post_message(Paste(text[:-SHORT]))
            await self.pilot.pause()
            text = text[-SHORT:]
        await self.pilot.press(*("space" if each == " " else each for each in text), "enter")

    async def shows(self, *texts: str) -> None:
        """Wait until each of these is on the screen."""
        for text in texts:
            try:
                await until(lambda text=text: text in self.screen(), f"“{text}”")  # type: ignore[misc]
            except AssertionError as error:
                raise AssertionError(f"{error}, and saw:\n{self.screen()}") from None

    async def whole(self) -> None:
        """Wait until all of the page has come: what the browser says before that goes with the rest."""
        await until(lambda: self.browser.current.loading is None, "all of the page")

    def received(self) -> int:
        """Return how many bytes of the page on its way have come; 0 if there is none."""
        loading = self.browser.current.loading
        return 0 if loading is None else loading.received

    def pointed(self) -> str:
        """The text of the line with the cursor."""
        cursor = self.browser.view.cursor
        return "" if cursor is None else self.browser.view.lines[cursor].text

    async def point_at(self, text: str) -> None:
        """Wait for the root of the hole, and move the cursor to the link `text`."""
        await self.shows("Welcome to the hole")
        # A menu comes in pieces.
        view = self.browser.view
        await until(lambda: any(line.text == text for line in view.lines), f"the link {text}")
        for _ in range(20):
            if self.pointed() == text:
                return
            await self.press("down")
        raise AssertionError(f"no link {text}:\n{self.screen()}")


Drive = Callable[..., AbstractAsyncContextManager[Driven]]


@pytest.fixture
def server(serve: Serve) -> Scripted:
    """The server of the hole."""
    return serve(site)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Where this browser keeps things."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    return {
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_DOWNLOAD_DIR": str(tmp_path / "downloads"),
        "PATH": str(tmp_path / "bin"),
    }


@pytest.fixture
def drive(environ: dict[str, str]) -> Drive:
    """`async with drive(url) as driven:` has a browser that begins with `url`."""

    @asynccontextmanager
    async def start(
        url: str | None, size: tuple[int, int] = (80, 24), limits: Limits | None = None
    ) -> AsyncIterator[Driven]:
        options = ConnectionOptions(limits or Limits(first_byte=10, between=10))
        session = BrowsingSession(environ, options)
        browser = Browser(session, None if url is None else resolve_typed_address(url))
        async with browser.run_test(size=size, notifications=True) as pilot:
            yield Driven(browser, pilot)

    return start


class Frame(App[None]):
    CSS = "PageWidget { scrollbar-size: 0 0; }"
    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "open"), Binding("w", "break")]

    def __init__(self) -> None:
        super().__init__()
        self.register_theme(DARK)
        self.theme = DARK.name
        self.view = PageWidget()
        self.opened: list[int] = []
        self.pointed = 0

    def compose(self) -> ComposeResult:
        yield self.view

    def action_open(self) -> None:
        if self.view.cursor is not None:
            self.opened.append(self.view.cursor)

    def action_break(self) -> None:
        self.view.change_line_breaking()

    def on_page_widget_moved(self) -> None:
        self.pointed += 1

    def rows(self) -> list[str]:
        height = self.view.size.height
        return [self.view.render_line(y).text.rstrip() for y in range(height)]


def link(text: str) -> DisplayLine:
    return DisplayLine(text, "menu", "menu", MenuItem("1", text.encode()))


@asynccontextmanager
async def framed(
    lines: Iterable[DisplayLine | None], size: tuple[int, int] = (40, 10)
) -> AsyncIterator[tuple[Frame, Pilot[None]]]:
    frame = Frame()
    async with frame.run_test(size=size) as pilot:
        frame.view.focus()
        frame.view.show_lines(lines)
        await until(lambda: frame.view.settled, "the rows")
        await pilot.pause()
        yield frame, pilot


URL = GopherURL.parse("gopher://h.org/1/phlog")
NOW = 1795225000


def known(environ: dict[str, str], *entries: Entry) -> FollowedMenus:
    session = BrowsingSession(environ)
    session.following.follow(URL, "A phlog", [], NOW)
    session.following.change_news(URL, lambda news: news.after_fetch(entries, NOW))
    news = FollowedMenus(session, lambda: NOW)
    asyncio.run(news.read_files())
    return news
