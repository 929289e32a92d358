"""The command line of `gopher`: what may stand on it, and what its values mean.

Nothing here brings Twisted, which takes longer to load than a menu takes to fetch.
"""

from __future__ import annotations

import os
from argparse import ArgumentTypeError, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from logsrv import __version__
from logsrv.errors import ConfigurationError, UsageError
from logsrv.gopher.fetch.places import pins_path
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.fetch.settings import ConnectionOptions, Timeouts
from logsrv.gopher.fetch.trust import PinStore, Trust
from logsrv.gopher.serve.fileurl import ItemURL
from logsrv.gopher.wire.charset import checked_charset
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.menu import MenuItem
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.options.argument_parser import Parser, of_kind
from logsrv.kit.text.escape import one_line

Item = TypeVar("Item", bound=ItemURL)

INCOMPLETE = 12
SIZE = of_kind("SIZE")
DURATION = of_kind("DURATION")

STATUSES = """\
Exit status:

  0  all went well                      7  the answer broke off
  1  wrong URL, or a local file         8  larger than allowed
  2  the command line makes no sense    9  not a Gopher server
  3  the server answers with an error   10 no trusted TLS connection
  4  unknown host                       11 the proxy makes no connection
  5  no connection                      12 not all could be had
  6  the server is silent for too long  130 stopped with Ctrl-C
"""
BROWSE = """\
A full-screen browser; F1 or ? in it shows the keys.

Example:

  gopher browse gopher://example.org
"""
DESCRIPTION = """\
Show a text or a menu of a Gopher server, save anything else.

Examples:

  gopher example.org                     a menu
  gopher example.org 7                   the link with the number 7 in it
  gopher texts/                          a directory of this machine, or a file
  gopher gopher://example.org/7/find red search for “red”
  gopher browse [URL]                    a full-screen browser
  gopher mirror URL DIRECTORY            copy a server
  gopher serve DIRECTORY                 serve a copy, or files of your own
  gopher follow URL                      follow a menu, such as a phlog
  gopher new                             what is new in the menus you follow

Each of these commands has its own --help.
"""


def _version() -> str:
    return f"gopher (logsrv) {__version__}"


def number(least: int, most: int) -> Callable[[str], int]:
    """Return a `type=` for a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
            return int(text)
        raise _refusal(text, f"a whole number from {least} to {most}")

    return parse


def _letter(text: str) -> str:
    if len(text) == 1 and " " < text <= "\xff" and text != "\x7f":
        return text
    raise _refusal(text, "an item type: one letter, as in menus (0 text, 1 menu …)")


def _refusal(text: str, wanted: str) -> Exception:
    return ArgumentTypeError(f"“{one_line(text, 60)}” is not {wanted}")


def path(text: str) -> Path:
    """Return an option's value as a path."""
    return Path(text)


def read(
    words: Sequence[str],
    declare: Callable[[Parser], None],
    prog: str,
    description: str,
    statuses: str = STATUSES,
) -> Namespace:
    """Return what `words` say. Raises UsageError, Shown."""
    return parser(declare, prog, description, statuses).parse_args(words)


def parser(
    declare: Callable[[Parser], None],
    prog: str,
    description: str,
    statuses: str = STATUSES,
) -> Parser:
    """Return the parser of a command."""
    made = Parser(prog, description, epilog=statuses, version=_version)
    declare(made)
    return made


def fetch_options(words: Sequence[str]) -> Namespace:
    """Return what the words of `gopher URL [WORDS]` say. Raises UsageError, also for what cannot be had
    together, ConfigurationError for a wrong character set; Shown.
    """
    options = read(words, declare_fetch, "gopher", DESCRIPTION)
    if options.json and options.raw:
        raise UsageError("--json and --raw are two forms of output; choose one")
    if options.json and options.output not in (None, "-"):
        raise UsageError("--json goes to standard output, --output FILE saves; choose one")
    return options


def declare_fetch(parser: Parser) -> None:
    """Declare the arguments of `gopher URL`."""
    add = parser.add_argument
    add("url", metavar="URL", help="gopher://… or gophers://… (TLS), or just a host; or a path")
    add(
        "words",
        metavar="WORDS",
        nargs="*",
        default=[],
        help="a link by its number, or what to search for",
    )
    add = parser.add_argument_group("what comes out").add_argument
    add("--links", action="store_true", help="show the URL of each item of a menu")
    add("--json", action="store_true", help="one JSON object; of a binary its size and SHA-256")
    add("--raw", action="store_true", help="the bytes as they came")
    add("--output", "-o", metavar="FILE", help="save as FILE; - is standard output")
    add("--force", action="store_true", help="replace FILE; write binaries to a terminal")
    add("--color", choices=("auto", "always", "never"), default="auto", help="default: auto")
    add_charset(add)
    add = parser.add_argument_group("what is asked for").add_argument
    add("--type", metavar="T", type=_letter, help="the item type, if the URL's is wrong")
    add("--plus", action="store_true", help="ask with Gopher+, where the length is known")
    add("--max-size", metavar="SIZE", type=SIZE, help="take no larger answer")
    add_connection_options(parser)


def browse_options(words: Sequence[str]) -> Namespace:
    """Return what the words of `gopher browse` say. Raises UsageError, Shown."""
    return read(words, declare_browse, "gopher browse", BROWSE, statuses="")


def declare_browse(parser: Parser) -> None:
    parser.add_argument(
        "url",
        metavar="URL",
        nargs="?",
        help="where to begin: a URL, a host, a file, a directory; default: a start page",
    )
    add_charset(parser.add_argument_group("what comes out").add_argument)
    add_connection_options(parser)


def add_charset(add: Callable[..., object], what: str = "of texts and menus") -> None:
    """Add `--charset`, of `what` the command shows or writes."""
    about = f"{what}; default: UTF-8, else Latin-1"
    add("--charset", metavar="NAME", type=checked_charset, help=about)


def add_connection_options(parser: Parser) -> None:
    """Add the options about connections, which all commands that connect have."""
    add = parser.add_argument_group("the connection").add_argument
    add(
        "--timeout",
        metavar="TIME",
        type=DURATION,
        default=30.0,
        help="give up after that much silence; default: 30s",
    )
    add("--proxy", metavar="URL", help="SOCKS5 proxy, such as socks5://127.0.0.1:9050 for Tor")
    add("--cafile", metavar="FILE", type=path, help="trust the certificates in FILE for TLS")
    add("--pin", action="store_true", help="trust the certificate that a server showed first")
    add("--insecure", action="store_true", help="trust every certificate")
    add("--accept-cut", action="store_true", help="accept ends without the close of TLS")


def connection_options(options: Namespace) -> ConnectionOptions:
    """Return what the options of `add_connection_options` say. Raises UsageError, ConfigurationError."""
    if (options.cafile is not None) + options.pin + options.insecure > 1:
        raise UsageError(
            "--cafile, --pin and --insecure are three ways to trust a server; choose one"
        )
    pins = proxy = None
    if options.pin:
        pins = PinStore(pins_path(os.environ))
    if options.proxy:
        proxy = Proxy.parse(options.proxy)
    trust = Trust(options.cafile, pins, options.insecure, options.accept_cut)
    return ConnectionOptions(Timeouts(*[options.timeout] * 3), trust, proxy)


def followable(url: Item) -> Item:
    """Return `url`. Raises ConfigurationError if the Gopher protocol cannot fetch it."""
    if isinstance(url, GopherURL):
        link = MenuItem(url.item_type, b"", url.selector, url.host.encode(), url.port).link()
        if link is not None:
            raise ConfigurationError(
                f"this is a link out of Gopher: {one_line(link, 500)} (open it with its own program)"
            )
    kind = item_type(url.item_type)
    if kind.transfer is None:
        raise ConfigurationError(
            f"items of type {kind.letter} ({kind.name}) cannot be fetched; if the type is wrong, "
            "give the right one with --type"
        )
    return url
