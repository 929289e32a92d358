"""The program `gopher browse`: takes the terminal, and shows a first screen before it loads the browser."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from logsrv.errors import LogsrvError
from logsrv.gopher.browse.first_screen import FirstScreen
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.serve.typed_address import resolve_typed_address

_NEEDED = ("textual", "PIL")


def browse_in_terminal(
    url: str | None = None, options: ConnectionOptions | None = None, charset: str | None = None
) -> int:
    """Browse in this terminal until the user quits; return the exit status of the command.

    url: where to begin, a URL or a path; None for the start page. options: how to connect. charset: of
    texts and menus. The status is 1, with a sentence on standard error, if Textual or Pillow is not
    installed, there is no terminal, or `url` is invalid.
    """
    if not all(map(find_spec, _NEEDED)):
        return _print_failure("the browser needs Textual and Pillow: pip install 'logsrv[browse]'")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return _print_failure("browsing needs a terminal; gopher URL prints one page anywhere")
    if sys.stderr is None or not sys.stderr.isatty():
        # Textual draws to standard error, which may be a file: then the user would see nothing.
        sys.__stderr__ = sys.__stdout__  # type: ignore[misc]
    try:
        place = None if url is None else resolve_typed_address(url)
        with FirstScreen(sys.stdout, os.environ, str(place or "Start page")) as screen:
            # Imported here, after the first screen is shown: these modules load slowly.
            import asyncio

            from logsrv.gopher.browse.start import browse

            return asyncio.run(browse(place, os.environ, screen, options, charset))
    except LogsrvError as error:
        return _print_failure(str(error))


def _print_failure(sentence: str) -> int:
    print(f"gopher: {sentence}", file=sys.stderr)
    return 1
