"""Show the last lines of a store, or all since a time, and with -f each new line as it is written.

With a query, only matching lines are shown: logsrv help query. -f loses and repeats no line when segments
are rotated or sealed. Ctrl-C ends it, and so does the removal of the store's directory.

Examples:

  logsrv tail -f
  logsrv tail -f 'level>=warning -healthz'
  logsrv tail -f --since 5m app=shop

Exit status: 0 when lines were shown, 1 when none were, 2 when something is wrong. With -f: 130 after
Ctrl-C, 0 when the program that reads the output has ended, 2 when something is wrong or the directory was
removed.
"""

from __future__ import annotations

import argparse
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, cast

from logsrv.cli.arguments import named_stores, tell
from logsrv.cli.command import Command
from logsrv.errors import StoreError, UsageError
from logsrv.kit.options.argument_parser import Parser
from logsrv.linelog.commands import reading
from logsrv.linelog.commands.stores import make_search, open_view, several_stores
from logsrv.linelog.fields.stored_line import make_source_test
from logsrv.linelog.query.record_match import RecordQuery
from logsrv.linelog.read.all_stores import stores_in
from logsrv.linelog.read.continuations import Continuations
from logsrv.linelog.read.follow import Follower, end_of_store
from logsrv.linelog.read.hits import Hit, hits_in_text
from logsrv.linelog.read.records.found_records import FollowedRecords, FoundRecords
from logsrv.linelog.read.records.render_records import make_record_renderer
from logsrv.linelog.read.render import make_renderer
from logsrv.linelog.read.stored_lines import StoredLines
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position, name_of_store

if TYPE_CHECKING:
    from logsrv.linelog.read.stores_search import StoresSearch, StoresView

command = Command("tail", "show the last lines of a store, and new ones", __name__, searches=True)

_LOOK_EVERY = 0.03
# Seconds. A store of a rule that is added while a server runs is followed so soon.
_LOOK_FOR_STORES_EVERY = 1.0


def declare(parser: Parser) -> None:
    parser.set_defaults(until=None)
    reading.declare_query(parser)
    reading.declare_store(parser)
    parser.add_argument("--follow", "-f", action="store_true", help="go on with new lines")
    parser.add_argument(
        "-n",
        type=reading.parse_count,
        metavar="N",
        dest="number",
        help="how many lines (10; with --since all)",
    )
    parser.add_argument(
        "--since", metavar="TIME", help="begin with the lines of this time: 5m (ago), 06:00, today"
    )
    parser.add_argument(
        "--source", metavar="GLOB", default="", help="of these sources, as tcp:10.1.*"
    )
    reading.declare_looks(parser)


def run(arguments: argparse.Namespace) -> int:
    records = reading.wants_records(arguments)
    if arguments.follow and any("://" in one for one in named_stores(arguments)):
        raise UsageError(
            "-f follows the lines that a server writes into a store; read an archive without -f"
        )
    found_by = reading.matcher_with_hints(arguments.query, "tail")
    limits = reading.make_scope(arguments)
    most = 10 if arguments.number is None and arguments.since is None else arguments.number
    style = reading.line_style(arguments)
    of_records: RecordQuery | None = None
    if records:
        show = partial(_show, make_record_renderer(style, found_by, fold=arguments.fold))
        of_records = RecordQuery(found_by.node)
        found_by = of_records.candidates
    else:
        render = make_renderer(style, found_by)
        show = partial(_show, lambda lines, _: render(lines[0], False))

    with open_view(arguments, "tail", several=arguments.follow) as view:
        ends = {number: end_of_store(store) for number, store in view.stores.items()}
        scope = limits._replace(ends=ends)
        with (
            closing(make_search(view, found_by, scope)) as search,
            closing(StoredLines(view)) as lines,
        ):
            hits = search.hits(reverse=most is not None)
            last: Iterator[Sequence[Hit]] = ([hit] for hit in hits)
            if of_records and view.names:
                several = cast("StoresSearch", search)
                last = several.records(of_records.matches, reverse=most is not None)
            elif of_records:
                finder = FoundRecords(lines, of_records.matches)
                last = finder.records(hits) if most is None else finder.newest_records(hits)
            found = show(last if most is None else reversed(list(islice(last, most))))
        if arguments.follow:
            of, continuations = make_source_test(arguments.source), Continuations(view)
            # By the number of the store: no record goes on in another one.
            following: dict[int, FollowedRecords] = {}
            for position, text in _wait_for_lines(view, ends, _later_stores(arguments)):
                new = hits_in_text(found_by, of, position, text, continuations)
                if of_records is None:
                    show([hit] for hit in new)
                    continue
                if text:
                    following.setdefault(position.store, FollowedRecords(of_records.matches))
                now = time.monotonic()
                for store, of_store in following.items():
                    its_text, its = (text, new) if store == position.store else (b"", ())
                    show(of_store.records(position, its_text, its, now, continuations))
        return reading.search_status(view.damaged, found)


def _show(render: Callable[[Sequence[Hit], bool], bytes], records: Iterable[Sequence[Hit]]) -> bool:
    """Print records at once; return whether there are any."""
    found = False
    for record in records:
        sys.stdout.buffer.write(render(record, False))
        found = True
    if found:
        sys.stdout.buffer.flush()
    return found


def _later_stores(arguments: argparse.Namespace) -> Callable[[], Mapping[int, str]]:
    """Return a function: the stores of a directory as they are now; those of rules may come later."""
    if several_stores(arguments):
        # Their numbers are those of the command line.
        return dict
    return partial(stores_in, named_stores(arguments)[0])


def _wait_for_lines(
    view: View, ends: Mapping[int, Position], look: Callable[[], Mapping[int, str]]
) -> Iterator[tuple[Position, bytes]]:
    """Yield new lines of all stores for ever, with the position of the first; b"" after each look in vain.

    ends: of each store by its number, the position of the next line. look: returns the present stores.
    Raises BrokenPipeError when the reader of our output has closed it, StoreError when a store was removed.
    """
    looked = time.monotonic()
    with ExitStack() as stack:
        followers = {
            number: stack.enter_context(closing(Follower(view.stores[number], end)))
            for number, end in ends.items()
        }
        while True:
            waiting = True
            for number, follower in followers.items():
                if (news := follower.read()) is None:
                    continue
                waiting = False
                if news.has_gap:
                    tell("logsrv tail: some lines were removed before they could be shown")
                yield news.position.in_store(number), news.text
            if time.monotonic() - looked > _LOOK_FOR_STORES_EVERY:
                looked = time.monotonic()
                for number in _open_later_stores(view, look()):
                    # It is read from its first segment on; retention may have removed that by now.
                    begin = Follower(view.stores[number], Position(1, 0))
                    followers[number] = stack.enter_context(closing(begin))
            if waiting:
                _require_output_reader()
                for number in [one for one in followers if view.stores[one].directory_removed]:
                    name = view.names[number] if number else "the store"
                    if not name_of_store(number):
                        raise StoreError(f"{name} was removed")
                    tell(f"logsrv tail: {name} was removed")
                    followers.pop(number).close()
                time.sleep(_LOOK_EVERY)
                yield Position(0, 0), b""


def _open_later_stores(view: View, present: Mapping[int, str]) -> list[int]:
    """Open the stores that a reload of the server has added since; return their numbers."""
    added = {number: name for number, name in present.items() if number not in view.stores}
    if added:
        cast("StoresView", view).open_more(added)
    return [*added]


def _require_output_reader() -> None:
    """Raise BrokenPipeError if nobody reads our output: while no lines come, no write would notice that."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
        raise BrokenPipeError
