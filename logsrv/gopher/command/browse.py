"""`gopher browse [URL]`: the browser in the terminal."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import BinaryIO, TextIO

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.arguments import (
    add_charset_option,
    add_connection_options,
    connection_options,
    make_parser,
)
from logsrv.gopher.fetch.local import resolve_typed_address
from logsrv.installation import how_to_install
from logsrv.kit.options.argument_parser import Parser

DESCRIPTION = """\
A full-screen browser; F1 or ? in it shows the keys.

Example:

  gopher browse gopher://example.org
"""
_NEEDED = ("textual", "PIL")


def parser_of(command: str) -> Parser:
    """Return the parser of `gopher browse`."""
    made = make_parser("gopher browse", DESCRIPTION, statuses="")
    made.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        help="where to begin: a URL, a host, a file, a directory; default: a start page",
    )
    add_charset_option(made.add_argument_group("what comes out").add_argument)
    add_connection_options(made)
    return made


def run(words: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Browse until the user quits; return the exit status.

    Raises HelpRequest, LogsrvError: also if Textual or Pillow is not installed, or without a terminal.
    """
    options = parser_of(words[0]).parse_args(words[1:])
    connection = connection_options(options)
    if not all(map(find_spec, _NEEDED)):
        raise ConfigurationError(
            f"the browser needs Textual and Pillow; this installs them: {how_to_install('browse')}"
        )
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise ConfigurationError("browsing needs a terminal; gopher URL prints one page anywhere")
    if sys.stderr is None or not sys.stderr.isatty():
        # Textual draws to standard error, which may be a file: then the user would see nothing.
        sys.__stderr__ = sys.__stdout__  # type: ignore[misc]
    start = None if options.url is None else resolve_typed_address(options.url)
    # Imported here: the other commands need not wait for Textual.
    from logsrv.gopher.browse import app, session

    # The lines of a text of 20 MB are 300,000 objects: to look for garbage among them kept keys waiting for
    # 270 ms each time. With these, garbage is looked for among young objects only.
    gc.set_threshold(10_000, 5, 1_000_000)
    browser = app.Browser(session.BrowsingSession(os.environ, connection, options.charset), start)
    browser.run()
    return browser.return_code or 0
