"""`gopher mirror URL DIRECTORY`: the options, and where all parts of the mirror meet."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, TextIO

from logsrv.errors import ConfigurationError
from logsrv.gopher.command.arguments import (
    INCOMPLETE,
    add_connection_options,
    connection_options,
    followable,
    number,
    parsed_url,
    parser_for,
)
from logsrv.gopher.fetch.progress import Progress
from logsrv.gopher.fetch.settings import ConnectionOptions
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.fetch.wholefile import write_whole
from logsrv.gopher.mirror.crawl import Crawl, Manners
from logsrv.gopher.mirror.journal import FILE, Journal
from logsrv.gopher.mirror.names import GOPHERMAP, INDEX
from logsrv.gopher.mirror.pages import Line, gophermap, index
from logsrv.gopher.mirror.report import progress_line, report
from logsrv.gopher.mirror.scope import Scope, key_of
from logsrv.gopher.wire.charset import checked_charset
from logsrv.gopher.wire.menu import MenuParser
from logsrv.gopher.wire.url import GopherURL, canonical_host
from logsrv.kit.options.argument_parser import Parser, of_kind
from logsrv.kit.text.paths import inside

_DESCRIPTION = """\
Copy what a Gopher server has, from URL on, into DIRECTORY: each item as a file, each
menu as a directory with a gophermap (to be served again) and an index.html (to be
read from disk). The same command again goes on where an earlier one was stopped.
"""


def parser() -> Parser:
    """`gopher mirror URL DIRECTORY`."""
    parser = parser_for("gopher mirror", _DESCRIPTION)
    parser.add_argument("url", metavar="URL", help="where to begin, mostly a menu")
    parser.add_argument("directory", metavar="DIRECTORY", type=Path, help="made if it is not there")
    what = parser.add_argument_group("what is copied")
    add = what.add_argument
    add(
        "--span",
        choices=("path", "host", "everywhere"),
        default="path",
        help="what begins with URL's selector (default), all of its server, or all servers",
    )
    add("--alias", metavar="HOST", action="append", default=[], help="another name of the server")
    add("--depth", metavar="N", type=number(0, 10**6), help="only items that many menus away")
    add("--max-items", metavar="N", type=number(1, 10**7), help="default: 100000")
    add("--max-bytes", metavar="SIZE", type=of_kind("SIZE"), help="in all; default: 10GiB")
    add("--max-size", metavar="SIZE", type=of_kind("SIZE"), help="of one item; default: none")
    add("--refresh", action="store_true", help="fetch again what is there already")
    add("--charset", metavar="NAME", help="of menus, for index.html; default: UTF-8, else Latin-1")
    polite = parser.add_argument_group("manners")
    add = polite.add_argument
    add("--connections", metavar="N", type=number(1, 200), default=4, help="at once; default: 4")
    add("--delay", metavar="TIME", type=of_kind("DURATION"), help="from one request to the next")
    add("--ignore-robots", action="store_true", help="ignore robots.txt")
    add_connection_options(parser)
    return parser


def run_mirror(words: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Do it, print the report, return the exit status.

    Raises Shown, GopherError (of the root), ConfigurationError, OSError (of the disk).
    """
    options = parser().parse_args(words)
    charset = None if options.charset is None else checked_charset(options.charset)
    root = _root(options.url)
    directory: Path = options.directory
    how = connection_options(options)
    transfers = Transfers(how, time.monotonic)
    progress = Progress(stderr, time.monotonic)
    try:
        scope = _scope(root, options, how, transfers)
        directory.mkdir(parents=True, exist_ok=True)
        if options.refresh:
            (directory / FILE).unlink(missing_ok=True)
        journal = Journal(directory, root, options.span)
        try:
            crawl = Crawl(
                root, directory, scope, journal, transfers, _manners(options), time.monotonic
            )

            def show() -> None:
                if progress.due():
                    progress.line(progress_line(crawl.tally, crawl.waiting, transfers.received))

            crawl.run(show)
            _write_pages(crawl, scope, journal, directory, charset)
        finally:
            journal.close()
    finally:
        transfers.close()
        progress.clear()
    tally = crawl.tally
    words_of_it = report(tally, transfers.received, scope.skipped, scope.strangers, directory)
    stdout.write(words_of_it.encode())
    return INCOMPLETE if tally.failed or tally.stopped else 0


def _root(text: str) -> GopherURL:
    url = followable(parsed_url(text))
    if url.item_type == "7" or url.search is not None or url.plus is not None:
        raise ConfigurationError("a mirror begins with an item, not with a search or with Gopher+")
    return url


def _scope(
    root: GopherURL, options: argparse.Namespace, how: ConnectionOptions, transfers: Transfers
) -> Scope:
    # A proxy resolves the names; to ask the DNS would tell what is hidden.
    addresses = [] if how.proxy is not None else transfers.addresses(root)
    aliases = [canonical_host(name) for name in options.alias]
    return Scope(root, options.span, options.depth, aliases=aliases, addresses=addresses)


def _manners(options: argparse.Namespace) -> Manners:
    default = Manners()
    return Manners(
        connections=options.connections,
        delay=options.delay or default.delay,
        items=options.max_items or default.items,
        bytes=options.max_bytes or default.bytes,
        item_bytes=options.max_size,
        ignore_robots=options.ignore_robots,
    )


def _write_pages(
    crawl: Crawl, scope: Scope, journal: Journal, directory: Path, charset: str | None
) -> None:
    for menu in crawl.menus:
        items = MenuParser()
        content = journal.menu(menu)
        lines = []
        for item in [*items.feed(content), *items.finish()]:
            url = scope.url(item, menu.url)
            copy = None if url is None else crawl.copies.get(key_of(url))
            path, is_menu = (None, False) if copy is None else (copy.path, copy.is_menu)
            lines.append(Line(item, path, is_menu, None if url is None else str(url)))
        folder = str(inside(directory, *menu.path))
        os.makedirs(folder, exist_ok=True)
        write_whole(os.path.join(folder, GOPHERMAP), gophermap(lines))
        write_whole(os.path.join(folder, INDEX), index(lines, menu.path, str(menu.url), charset))
