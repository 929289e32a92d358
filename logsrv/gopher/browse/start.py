"""The start of the browser: the request goes out first, and Textual loads while the answer travels."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from logsrv.errors import LogsrvError
from logsrv.gopher.browse.curtain import Curtain
from logsrv.gopher.browse.guide import start_lines
from logsrv.gopher.browse.links import link_to
from logsrv.gopher.browse.load import Loading
from logsrv.gopher.browse.session import Session
from logsrv.gopher.local.fileurl import ItemURL

if TYPE_CHECKING:
    from logsrv.gopher.browse.page import Page
    from logsrv.gopher.fetch.settings import ConnectionOptions

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
    loop = asyncio.get_running_loop()
    session = Session(environ, options, charset)
    loading, page = _begun(url, session)
    if loading is None:
        curtain.show(_start_page(session) if url is None else [])
    else:
        loading.grown = lambda: _show(loading, curtain, charset)
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    app: Any = await loop.run_in_executor(None, import_module, "logsrv.gopher.browse.app")
    sys.setswitchinterval(usual)
    browser = app.Browser(session, url, loading and app.Started(loading, page))
    curtain.hand_over()
    await browser.run_async()
    return browser.return_code or 0


def _begun(
    url: ItemURL | None, session: Session
) -> tuple[Loading, asyncio.Task[Page]] | tuple[None, None]:
    """The page at `url` on its way, if that is something to show; the browser says what is wrong."""
    if url is None or link_to(url).kind != "show":
        return None, None
    try:
        loading = session.loading(url)
    except (LogsrvError, OSError):
        return None, None
    return loading, asyncio.get_running_loop().create_task(loading.page())


def _show(loading: Loading, curtain: Curtain, charset: str | None) -> None:
    if lines := loading.first_lines(charset, _FIRST_LINES):
        curtain.show(lines)


def _start_page(session: Session) -> list[Any]:
    try:
        return start_lines(session.bookmarks.all())
    except LogsrvError:
        return []
