"""The command line of `gopher`: its options, and the meaning of their values.

Nothing here imports Twisted: loading it takes longer than fetching a menu.
"""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Callable
from typing import TypeVar

from logsrv import __version__
from logsrv.errors import ConfigurationError, UsageError
from logsrv.gopher.fetch.connection_options import (
    ConnectionOptions,
    PinStore,
    Trust,
    pins_path,
)
from logsrv.gopher.fetch.proxy import Proxy
from logsrv.gopher.wire.fileurl import ItemURL
from logsrv.gopher.wire.itemtypes import item_type
from logsrv.gopher.wire.limits import Limits
from logsrv.gopher.wire.menu import link_of_url
from logsrv.gopher.wire.text import checked_charset
from logsrv.gopher.wire.url import GopherURL
from logsrv.kit.options.argument_parser import Parser, parser_of_kind
from logsrv.kit.text.escape import one_line

Item = TypeVar("Item", bound=ItemURL)

INCOMPLETE = 12
SIZE = parser_of_kind("SIZE")
DURATION = parser_of_kind("DURATION")

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


def whole_number_type(least: int, most: int) -> Callable[[str], int]:
    """Return an argparse `type=` for a whole number from `least` to `most`."""

    def parse(text: str) -> int:
        if text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most:
            return int(text)
        raise wrong_value_error(text, f"a whole number from {least} to {most}")

    return parse


def wrong_value_error(text: str, wanted: str) -> ValueError:
    """Return the error for a wrong value; `wanted` describes the values that are right."""
    return ValueError(f"“{one_line(text, 60)}” is not {wanted}")


def make_parser(prog: str, description: str, statuses: str = STATUSES) -> Parser:
    """Return the parser of a command, with `--help` and `--version` only."""
    version = f"gopher (logsrv) {__version__}"
    return Parser(prog, description, epilog=statuses, version=lambda: version)


def add_charset_option(add: Callable[..., object], what: str = "of texts and menus") -> None:
    """Add `--charset`. what: the texts that it is for, as its help names them."""
    about = f"{what}; default: UTF-8, else Latin-1"
    add("--charset", metavar="NAME", type=checked_charset, help=about)


def add_connection_options(make_parser: Parser) -> None:
    """Add the options of all commands that connect."""
    add = make_parser.add_argument_group("the connection").add_argument
    add(
        "--timeout",
        metavar="TIME",
        type=DURATION,
        default=30.0,
        help="give up after that much silence; default: 30s",
    )
    add("--proxy", metavar="URL", help="SOCKS5 proxy, such as socks5://127.0.0.1:9050 for Tor")
    add("--cafile", metavar="FILE", help="trust the certificates in FILE for TLS")
    add("--pin", action="store_true", help="trust the certificate that a server showed first")
    add("--insecure", action="store_true", help="trust every certificate")
    add("--accept-cut", action="store_true", help="accept ends without the close of TLS")


def connection_options(options: Namespace) -> ConnectionOptions:
    """Return the values of the options that `add_connection_options` adds.

    Raises UsageError, ConfigurationError.
    """
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
    seconds = options.timeout
    limits = Limits(connect=seconds, first_byte=seconds, between=seconds)
    return ConnectionOptions(limits, trust, proxy)


def check_item_type(url: ItemURL, typed: str, otherwise: str = "") -> None:
    """Raise ConfigurationError if `url` seems to lack its item type, as people know URLs from the web.

    typed: what was given for `url`. otherwise: what else to do, behind the sentence.
    """
    letter, selector = url.item_type, url.selector
    is_type = item_type(letter).name != "unknown"
    if is_type and (not selector or selector.startswith((b"/", b"URL:", b"url:"))):
        return
    if isinstance(url, GopherURL) and letter.isascii() and letter.isalpha():
        text = url.replace(item_type="0", selector=b"/" + letter.encode() + selector)
        file = "" if "://" in typed else f"there is no file {one_line(typed, 500)} here, and "
        raise ConfigurationError(
            f"{file}the {letter} after the host looks like the type of the item; for a text write "
            f"{text}, for a menu {text.replace(item_type='1')}{otherwise}"
        )


def checked_fetchable(url: Item) -> Item:
    """Return `url`. Raises ConfigurationError if the Gopher protocol cannot fetch it."""
    if isinstance(url, GopherURL) and (link := link_of_url(url)) is not None:
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
