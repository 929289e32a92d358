"""`gopher browse [URL]`: its command line; the browser itself is in `logsrv.gopher.browse`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, TextIO

from logsrv.gopher.browse.program import browse_in_terminal as browse
from logsrv.gopher.command.arguments import (
    add_charset_option,
    add_connection_options,
    connection_options,
    make_parser,
)
from logsrv.kit.options.argument_parser import Parser

DESCRIPTION = """\
A full-screen browser; F1 or ? in it shows the keys.

Example:

  gopher browse gopher://example.org
"""


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
    """Browse until the user quits; return the exit status. Raises UsageError, HelpRequest."""
    options = parser_of(words[0]).parse_args(words[1:])
    return browse(options.url, connection_options(options), options.charset)
