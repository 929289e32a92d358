"""The start of the browser: the request goes out first, and Textual loads while the answer travels."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from logsrv.gopher.browse.content.guide import start_lines
from logsrv.gopher.browse.content.lines import PageLine, lines_of
from logsrv.gopher.browse.content.links import link_to
from logsrv.gopher.browse.curtain import Curtain
from logsrv.gopher.browse.loading.load import Loading
from logsrv.gopher.browse.loading.session import BrowsingSession
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.local.fileurl import ItemURL

# The loading thread would keep the interpreter for 5 ms at a time from the one that has a page to show.
_SWITCH = 0.001
# More than a window has: whether there are links decides where the text begins.
_FIRST_LINES = 200


async def browse(
    url: ItemURL | None,
    environ: Mapping[str, str],
    curtain: Curtain,
    options: ConnectionOptions | None = None,
    charset: str | None = None,
) -> int:
    """Browse from `url` or the start page on; return the exit status."""
    session = BrowsingSession(environ, options, charset)
    loading = showing = None
    if url is None or link_to(url).kind != "show":
        curtain.show(start_lines(session.bookmarks))
    else:
        loading = session.loading(url)
        showing = asyncio.create_task(_show(loading, curtain, charset))
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


async def _show(loading: Loading, curtain: Curtain, charset: str | None) -> None:
    """Show the page on its way, as it comes, or all of it when that was at once."""
    lines: list[PageLine] = []
    async for lines in loading.growing():
        curtain.show(lines[:_FIRST_LINES])
    if not lines and (lines := lines_of(await loading.page(), charset)):
        curtain.show(lines[:_FIRST_LINES])
