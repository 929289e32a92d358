"""The start of the browser: the request goes out first, and Textual loads while the answer travels."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from logsrv.gopher.browse.commands.load import Loading
from logsrv.gopher.browse.commands.session import BrowsingSession
from logsrv.gopher.browse.content.guide import start_lines
from logsrv.gopher.browse.content.layout import Layout
from logsrv.gopher.browse.content.page import link_to
from logsrv.gopher.browse.content.page_lines import PageLine, lines_of
from logsrv.gopher.browse.first_screen import FirstScreen
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.serve.fileurl import ItemURL

# Seconds; at the usual 5 ms, the thread that imports would delay the one that has a page to show.
_SWITCH = 0.001
# More lines than a window has.
_FIRST_LINES = 200


async def browse(
    url: ItemURL | None,
    environ: Mapping[str, str],
    curtain: FirstScreen,
    options: ConnectionOptions | None = None,
    charset: str | None = None,
) -> int:
    """Browse from `url` or the start page on; return the exit status."""
    session = BrowsingSession(environ, options, charset)
    loading = showing = None
    if url is None or link_to(url).kind != "show":
        _show(start_lines(session.bookmarks), curtain)
    else:
        loading = session.loading(url)
        showing = asyncio.create_task(_show_page(loading, curtain, charset))
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    app: Any = await asyncio.to_thread(import_module, "logsrv.gopher.browse.app")
    sys.setswitchinterval(usual)
    if showing is not None:
        showing.cancel()
    browser = app.Browser(session, url, loading)
    curtain.hand_over()
    await browser.run_async()
    return browser.return_code or 0


async def _show_page(loading: Loading, curtain: FirstScreen, charset: str | None) -> None:
    """Show the page on its way, as it comes, or all of it when that was at once."""
    lines: list[PageLine] = []
    async for lines in loading.growing():
        _show(lines, curtain)
    if not lines and (lines := lines_of(await loading.page(), charset)):
        _show(lines, curtain)


def _show(lines: list[PageLine], curtain: FirstScreen) -> None:
    """Show the beginning; links below the window too decide where its text begins."""
    layout = Layout(curtain.width)
    layout.extend(lines[:_FIRST_LINES])
    layout.lay_out()
    curtain.show(layout)
