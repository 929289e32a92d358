"""Show the last lines of a store, and with -f those that come, as they come.

A query shows only the lines that match it; docs/query.md has the language. Goes on across rotation,
sealing and retention without losing or doubling a line. Ctrl-C ends it, and so does the removal of the
store's directory.
"""

from __future__ import annotations

import argparse
import select
import sys
import time
from itertools import islice
from typing import TYPE_CHECKING

import logsrv.cli.reading as late
from logsrv.cli.arguments import tell
from logsrv.cli.reading.arguments import (
    count,
    declare_looks,
    declare_query,
    declare_store,
    declare_zone,
    matcher,
    opened,
    status,
    style,
)
from logsrv.errors import StoreError
from logsrv.kit.options.argument_parser import Parser

if TYPE_CHECKING:
    from collections.abc import Callable


_LOOK_EVERY = 0.03


def declare(parser: Parser) -> None:
    """Add the arguments."""
    declare_query(parser)
    declare_store(parser)
    parser.add_argument("--follow", "-f", action="store_true", help="go on with what is written")
    parser.add_argument(
        "-n", type=count, metavar="N", dest="number", default=10, help="how many lines (10)"
    )
    parser.add_argument("--source", metavar="GLOB", default="", help="of these, as tcp:10.1.*")
    declare_zone(parser)
    declare_looks(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the lines."""
    found_by = matcher(arguments.query, "tail")
    render = late.renderer(style(arguments), found_by)
    with opened(arguments.directory, "tail") as view:
        end = late.end_of(view)
        found = _last(view, found_by, arguments, end, render)
        if arguments.follow:
            _follow(view, found_by, arguments, end, render)
        return status(view, found)


def _last(
    view: late.View,
    found_by: late.Matcher,
    arguments: argparse.Namespace,
    end: late.Position,
    render: Callable[[late.Hit, bool], bytes],
) -> bool:
    """Print the last lines that match, up to `end`; return whether there are any."""

    search = late.Search(view, found_by, late.Scope(before=end, source=arguments.source))
    try:
        hits = list(islice(search.hits(reverse=True), arguments.number))
    finally:
        search.close()
    for hit in reversed(hits):
        sys.stdout.buffer.write(render(hit, False))
    sys.stdout.buffer.flush()
    return bool(hits)


def _follow(
    view: late.View,
    found_by: late.Matcher,
    arguments: argparse.Namespace,
    end: late.Position,
    render: Callable[[late.Hit, bool], bytes],
) -> None:
    """Print what comes, until nobody reads it or Ctrl-C."""
    of = late.of_source(arguments.source)
    follower = late.Follower(view, end)
    try:
        while True:
            news = follower.read()
            if news is None:
                _unless_gone()
                if view.removed:
                    raise StoreError("the store was removed")
                time.sleep(_LOOK_EVERY)
                continue
            if news.gap:
                tell("logsrv tail: some lines were removed before they could be shown")
            shown = b"".join(
                render(hit, False) for hit in late.in_text(found_by, of, news.position, news.text)
            )
            if shown:
                sys.stdout.buffer.write(shown)
                sys.stdout.buffer.flush()
    finally:
        follower.close()


def _unless_gone() -> None:
    """Raise BrokenPipeError if nobody reads our output any more: no line may come to tell it."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
        raise BrokenPipeError
