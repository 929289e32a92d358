"""The start of the browser: it sends the request first, and loads Textual while it waits for the answer."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from logsrv.gopher.browse.first_screen import FirstScreen
from logsrv.gopher.browse.guide import start_page_lines
from logsrv.gopher.browse.layout import Layout
from logsrv.gopher.browse.page import link_to
from logsrv.gopher.browse.page_lines import PageLine, lines_of_page
from logsrv.gopher.browse.page_load import PageLoad
from logsrv.gopher.browse.session import BrowsingSession
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.wire.fileurl import ItemURL

# Seconds until Python switches threads: with the default of 5 ms, importing Textual would delay the page.
_SWITCH = 0.001
# Lines of the first screen: more than a window has.
_FIRST_LINES = 200


async def browse(
    url: ItemURL | None,
    environ: Mapping[str, str],
    screen: FirstScreen,
    options: ConnectionOptions | None = None,
    charset: str | None = None,
) -> int:
    """Browse from `url` or the start page on until the user quits; return the exit status."""
    session = BrowsingSession(environ, options, charset)
    loading = showing = None
    if url is None or link_to(url).kind != "show":
        _paint_lines(start_page_lines(session.bookmarks), screen)
    else:
        loading = session.new_page_load(url)
        showing = asyncio.create_task(_show_while_loading(loading, screen, charset))
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    app: Any = await asyncio.to_thread(import_module, "logsrv.gopher.browse.app")
    sys.setswitchinterval(usual)
    if showing is not None:
        showing.cancel()
    browser = app.Browser(session, url, loading)
    screen.leave_to_textual()
    await browser.run_async()
    return browser.return_code or 0


async def _show_while_loading(loading: PageLoad, screen: FirstScreen, charset: str | None) -> None:
    """Show the page while it loads. A page whose lines are made only at its end is shown then."""
    lines: list[PageLine] = []
    async for lines in loading.growing_lines():
        _paint_lines(lines, screen)
    if not lines and (lines := lines_of_page(await loading.wait_for_page(), charset)):
        _paint_lines(lines, screen)


def _paint_lines(lines: list[PageLine], screen: FirstScreen) -> None:
    """Show the beginning of the page. Links below the window matter for the width of the left column."""
    layout = Layout(screen.page_width)
    layout.add_lines(lines[:_FIRST_LINES])
    layout.lay_out()
    screen.paint_page(layout)
