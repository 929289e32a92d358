"""`gopher mirror URL DIRECTORY`: its options, the start of the mirror with them, and the report."""

from __future__ import annotations

import os
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO, TextIO

from logsrv.errors import ConfigurationError, UsageError
from logsrv.gopher.command.arguments import (
    DURATION,
    INCOMPLETE,
    SIZE,
    add_charset_option,
    add_connection_options,
    check_item_type,
    checked_fetchable,
    connection_options,
    make_parser,
    whole_number_type,
)
from logsrv.gopher.fetch.connection_options import ConnectionOptions
from logsrv.gopher.fetch.local import MIRROR_JOURNAL
from logsrv.gopher.fetch.transfers import Transfers
from logsrv.gopher.mirror.crawl import Crawl, MirrorTally
from logsrv.gopher.mirror.journal import MirrorJournal
from logsrv.gopher.mirror.requests import CrawlOptions, mirror_limits
from logsrv.gopher.mirror.scope import MirrorScope
from logsrv.gopher.wire.errors import GopherError
from logsrv.gopher.wire.url import GopherURL, canonical_host, parse_typed_url
from logsrv.kit.options.argument_parser import Parser
from logsrv.kit.text.escape import one_line, printable
from logsrv.kit.text.terminal import StatusLine
from logsrv.kit.text.words import counted, size_text

INTERRUPTED = "Ctrl-C"


DESCRIPTION = """\
Copy what a Gopher server has, from URL on, into DIRECTORY: each item as a file, each
menu as a directory with a gophermap (to be served again) and an index.html (to be
read from disk). The same command continues where an earlier one was stopped.

Example:

  gopher mirror gopher://example.org/1/docs docs
"""


def parser_of(command: str) -> Parser:
    """Return the parser of `gopher mirror`."""
    made = make_parser("gopher mirror", DESCRIPTION)
    made.add_argument("url", metavar="URL", help="where to begin, mostly a menu")
    made.add_argument("directory", metavar="DIRECTORY", help="made if it is not there")
    add = made.add_argument_group("what is copied").add_argument
    add(
        "--span",
        choices=("path", "host", "everywhere"),
        default="path",
        help="what begins with URL's selector (default), all of its server, or all servers",
    )
    add("--alias", metavar="HOST", action="append", help="another name of the server")
    add(
        "--depth",
        metavar="N",
        type=whole_number_type(0, 10**6),
        help="only items that many menus away",
    )
    add("--max-items", metavar="N", type=whole_number_type(1, 10**7), help="default: 100000")
    add("--max-bytes", metavar="SIZE", type=SIZE, help="in all; default: 10GiB")
    add("--max-size", metavar="SIZE", type=SIZE, help="of one item; default: none")
    add(
        "--update",
        action="store_true",
        help="ask again for all of it, write what has changed, list what is no longer there",
    )
    add(
        "--refresh", action="store_true", help="fetch all items again, also those that are complete"
    )
    add_charset_option(add, "of menus, for index.html")
    add = made.add_argument_group("manners").add_argument
    add("--connections", metavar="N", type=whole_number_type(1, 200), help="at once; default: 4")
    add(
        "--min-speed",
        metavar="SIZE",
        type=SIZE,
        default=1024,
        help="give up an answer that brings less in a minute; default: 1KiB",
    )
    add("--delay", metavar="TIME", type=DURATION, help="from one request to the next")
    add("--ignore-robots", action="store_true", help="ignore robots.txt")
    add_connection_options(made)
    return made


def run(words: Sequence[str], stdout: BinaryIO, stderr: TextIO) -> int:
    """Make or update the mirror, print the report, return the exit status.

    Raises HelpRequest, UsageError, ConfigurationError; GopherError if the root fails and has no earlier
    copy; OSError for the disk.
    """
    options = parser_of(words[0]).parse_args(words[1:])
    if options.update and options.refresh:
        raise UsageError("--update keeps unchanged items, --refresh fetches all again; choose one")
    root = _parse_root_url(options.url)
    directory: str = options.directory
    how = connection_options(options)
    # Nobody watches a mirror: a server that sends a byte now and then must not occupy it for ever.
    sizes = mirror_limits(how.limits, options.max_size)
    how = how.replace(limits=sizes.replace(least=options.min_speed))
    with closing(Transfers(how, time.monotonic)) as transfers:
        scope = _make_scope(root, options, how, transfers)
        is_new = _make_directory(directory)
        given = {name: each for name, each in vars(options).items() if each is not None}
        limits = CrawlOptions(
            **{name: given[name] for name in given.keys() & CrawlOptions.__annotations__}
        )
        progress = StatusLine(stderr, time.monotonic)
        interrupted: BaseException | None = None

        def show() -> None:
            if progress.due:
                progress.show(progress_line(crawl.tally, transfers.received))

        with closing(MirrorJournal(directory, root, options.span, anew=options.refresh)) as journal:
            crawl = Crawl(scope, journal, transfers, limits, options.charset)
            try:
                crawl.run(show)
            except Exception as error:
                progress.clear()
                if not crawl.tally.fetched and journal.is_new:
                    _remove_empty_mirror(directory, is_new)
                if root in crawl.tally.stays and isinstance(error, GopherError):
                    stderr.write(printable(f"gopher: {root}: {error}; the copies of before stay\n"))
                    return error.exit_status
                raise
            except BaseException as error:
                # Ctrl-C or SIGTERM: the copies made so far stay, and are reported.
                crawl.tally.stopped, interrupted = INTERRUPTED, error
        progress.clear()
    stdout.write(report_text(crawl.tally, transfers.received, directory).encode())
    if interrupted is not None:
        raise interrupted
    return INCOMPLETE if crawl.tally.failed or crawl.tally.stopped else 0


def _make_directory(directory: str) -> bool:
    """Make `directory`; return true if it is new. Raises ConfigurationError for a file, OSError."""
    if os.path.exists(directory) and not os.path.isdir(directory):
        raise ConfigurationError(
            f"{one_line(directory, 4096)} is not a directory, which a mirror needs"
        )
    is_new = not os.path.lexists(directory)
    os.makedirs(directory, exist_ok=True)
    return is_new


def _remove_empty_mirror(directory: str, is_new: bool) -> None:
    """Remove the journal, and the new directory, of a mirror that copied nothing.

    The next try may copy another server to the same directory.
    """
    os.unlink(os.path.join(directory, MIRROR_JOURNAL))
    # It stays if somebody has put a file there meanwhile.
    with suppress(OSError):
        if is_new:
            os.rmdir(directory)


def _parse_root_url(text: str) -> GopherURL:
    url = checked_fetchable(parse_typed_url(text))
    check_item_type(url, text)
    if url.item_type == "7" or url.search is not None or url.plus is not None:
        raise ConfigurationError("a mirror begins with an item, not with a search or with Gopher+")
    return url


def _make_scope(
    root: GopherURL, options: Namespace, how: ConnectionOptions, transfers: Transfers
) -> MirrorScope:
    # With a proxy, no DNS query of ours must reveal which server is copied: the proxy resolves names.
    addresses = [] if how.proxy is not None else transfers.look_up_addresses(root)
    aliases = [canonical_host(name) for name in options.alias or ()]
    return MirrorScope(root, options.span, options.depth, aliases=aliases, addresses=addresses)


_MOST_SHOWN = 200


def progress_line(tally: MirrorTally, received: int) -> str:
    """Return the line that a terminal shows during the run."""
    failed = f", {len(tally.failed)} failed" if tally.failed else ""
    done = tally.fetched + tally.kept
    return f"{done} done, {tally.waiting} to go{failed}, {size_text(received)}"


def report_text(tally: MirrorTally, received: int, directory: Path | str) -> str:
    """Return the whole report, ready to print. received: bytes of all answers."""
    kept = f"; there already: {counted(tally.kept, 'item')}" if tally.kept else ""
    lines = [f"{counted(tally.fetched, 'item')} fetched ({size_text(received)}){kept}"]
    if tally.changed or tally.same:
        new = tally.fetched - tally.changed - tally.same
        lines.append(f"of these {tally.changed:,} changed, {new:,} new, {tally.same:,} as before")
    for url, error in list(tally.failed.items())[:_MOST_SHOWN]:
        code = error.code if isinstance(error, GopherError) else "error"
        stays = "; the copy of before stays" if url in tally.stays else ""
        lines.append(f"failed ({code}): {url}: {error}{stays}")
    if len(tally.failed) > _MOST_SHOWN:
        left = len(tally.failed) - _MOST_SHOWN
        lines.append(f"failed: {left} more, which {os.path.join(directory, MIRROR_JOURNAL)} names")
    lines += [f"unlisted: {url}" for url in tally.unlisted]
    if tally.unlisted:
        lines.append(f"no menu led to {counted(len(tally.unlisted), 'item')} now; the copies stay")
    for reason, count in tally.skipped.items():
        lines.append(f"left out: {counted(count, 'item')} ({reason})")
    for address, count in tally.on_other_servers.most_common(1):
        lines.append(f"most of those on other servers are on {address} ({count})")
    if tally.stopped == INTERRUPTED:
        lines.append(
            f"stopped: {counted(tally.fetched + tally.kept, 'item')} of it are in {directory}, "
            f"{tally.waiting:,} known ones are not yet; the same command continues from here"
        )
    elif tally.stopped is not None:
        lines.append(f"not complete: stopped by {tally.stopped}; a higher one continues from here")
    elif tally.failed:
        lines.append("not complete: the same command tries again what failed")
    return "".join(f"{one_line(line, 4096)}\n" for line in lines)
