"""A poll for live viewers: the newest lines of a store, matched by each query, in limited time.

A poll reads the lines written since the last one, as many as viewers can use; the others are only counted.
So viewing costs no more, and does not slow down the writer, when lines are written faster than they can be
shown.

One pass over a text finds the words of hundreds of queries. Queries that need more than words are in
smaller groups, and each query without a required word is alone, so that a slow one does not delay others.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from types import ModuleType
from typing import NamedTuple

from logsrv.linelog.fields.stored_line import FirstLines
from logsrv.linelog.http.views.watched_query import WatchedQuery
from logsrv.linelog.read.follow import AppendedLines, Follower, bytes_between, end_of_store
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

# The most bytes of one poll's text that are searched, the newest: more than anybody reads. The lines before
# are only counted. With many viewers polls are rarer, and larger: 10 MB a second, at most MOST_KEPT a poll.
KEPT = 512 << 10
MOST_KEPT = 4 << 20
# The most bytes of one poll's text whose lines are counted; the number of further lines is estimated.
# Counting takes 2 to 4 ms; at 20 polls a second it is enough for 160 MB/s.
COUNTED = 8 << 20
# Bytes of text that a poll reads at a time.
PIECE = 32 << 10
# With fewer queries, each searches the text by itself, without NumPy, which takes 0.1 s to load.
MANY = 16
# The most queries in a group that parses lines: a slow query delays the others of its group.
GROUP = 50
# Bytes of text that a group searches at once. In smaller pieces, the fixed cost of each query would be more
# than that of the text.
CHUNK = 224 << 10


class PolledLines(NamedTuple):
    """The lines written since the last poll, as pieces of text in order.

    lines: the number of lines in each piece. missed: the number of lines left out before the pieces.
    gone: whether an unknown number of lines is missing, because the store no longer has them.
    """

    pieces: list[AppendedLines]
    lines: list[int]
    missed: int
    gone: bool


class LiveReader:
    """A reader that keeps up with the end of a store."""

    def __init__(self, view: View, position: Position) -> None:
        self._view = view
        self._follower = Follower(view, position)

    @property
    def position(self) -> Position:
        """The position up to which it has read."""
        return self._follower.position

    def close(self) -> None:
        self._follower.close()

    def poll(self, kept: int = 0, until: Position | None = None) -> PolledLines:
        """Return the lines written since the last poll, up to `until` if it is given. Raises StoreError.

        kept: bytes of text to return; fewer than KEPT mean KEPT, and more than MOST_KEPT mean MOST_KEPT.
        """
        most = min(max(kept, KEPT), MOST_KEPT)
        pieces: deque[AppendedLines] = deque()
        size = read = missed = 0
        gone = skipped = False
        end = until
        while news := self._follower.read(PIECE, until=end):
            pieces.append(news)
            gone = gone or news.has_gap
            size += len(news.text)
            read += len(news.text)
            while size - len(pieces[0].text) >= most:
                old = pieces.popleft().text
                size -= len(old)
                missed += old.count(b"\n")
            if read >= COUNTED and not skipped:
                skipped = True
                end = until or end_of_store(self._view)
                if passed := self._skip_ahead(end):
                    # Drop the lines before the gap: viewers would see them after its message.
                    missed += sum(piece.text.count(b"\n") for piece in pieces)
                    # The number of skipped lines is estimated from the average length of those counted.
                    missed += max(1, passed * missed // read)
                    pieces.clear()
                    size = 0
        lines = [piece.text.count(b"\n") for piece in pieces]
        return PolledLines(list(pieces), lines, missed, gone)

    def _skip_ahead(self, end: Position) -> int:
        """Skip to the last KEPT bytes of lines before `end`; return the number of skipped bytes."""
        begin = Position(end.segment, _line_start_before(self._view, end))
        passed, _ = bytes_between(self._view, self.position, begin)
        if passed <= 0:
            return 0
        self._follower.close()
        self._follower = Follower(self._view, begin)
        return passed


def _line_start_before(view: View, end: Position) -> int:
    """Return the offset of the first line that begins at most KEPT bytes before `end`, else of `end`."""
    frames = view.open_segment(end.segment)
    if frames is None:
        return end.offset
    with closing(frames):
        return next(
            (at for at, _ in frames.lines_between(end.offset - KEPT, end.offset)), end.offset
        )


class SingleQuery:
    """A query that searches the text by itself."""

    def __init__(self, query: WatchedQuery) -> None:
        self.queries = [query]

    def match_polled(self, polled: PolledLines, used: Callable[[], float], until: float) -> None:
        """Find the query's lines in a poll.

        The newest piece of text is always searched, earlier ones only until `until` seconds of a processor
        are `used`. All lines in pieces that are not searched count as missed.
        """
        (query,) = self.queries
        late = False
        for piece, lines in zip(reversed(polled.pieces), reversed(polled.lines), strict=True):
            late = late or (piece is not polled.pieces[-1] and used() > until)
            if late:
                query.missed += lines
            elif not query.allowed:
                query.missed += query.matcher.count(
                    piece.text, piece.position.in_text, _first_lines(piece, query)
                )
            else:
                found = query.matcher.find(
                    piece.text, piece.position.in_text, _first_lines(piece, query)
                )
                query.add_matches(piece, list(found))


def _first_lines(piece: AppendedLines, query: WatchedQuery) -> FirstLines:
    return piece.first_lines(query.matcher.inherits)


class QueryGroup:
    """Queries that share one pass over the text."""

    def __init__(self, queries: Sequence[WatchedQuery]) -> None:
        self._set_queries(queries)

    def _set_queries(self, queries: Sequence[WatchedQuery]) -> None:
        self.queries = list(queries)
        self._many = _import_many().ManyQueries([one.matcher for one in queries])

    def match_polled(self, polled: PolledLines, used: Callable[[], float], until: float) -> None:
        """Find the lines of all queries in a poll, like `SingleQuery.match_polled`."""
        newest = True
        for piece, lines in _merge_pieces(polled):
            reached = self._match_piece(piece, used, until) if newest or used() <= until else set()
            newest = False
            if reached is not None:
                for query in self.queries:
                    query.missed += lines if query not in reached else 0
                # Put the queries without time in this poll first for the next one.
                ahead = [one for one in self.queries if one not in reached]
                if reached and ahead:
                    self._set_queries([*ahead, *reached])

    def _match_piece(
        self, piece: AppendedLines, used: Callable[[], float], until: float
    ) -> set[WatchedQuery] | None:
        """Search a piece. Return None; if the time ended first, the queries that have got their lines."""
        reached = set()
        first_lines = piece.first_lines(self._many.inherits)
        for number, lines in self._many.find(piece.text, piece.position.in_text, first_lines):
            query = self.queries[number]
            query.add_matches(piece, lines)
            reached.add(query)
            if used() > until:
                return reached
        return None


def group_queries(queries: Sequence[WatchedQuery]) -> list[SingleQuery | QueryGroup]:
    """Return the queries, in groups that are matched together, or single."""
    if len(queries) < MANY:
        return [SingleQuery(one) for one in queries]
    many = _import_many()
    words: list[WatchedQuery] = []
    tested: list[WatchedQuery] = []
    alone: list[WatchedQuery] = []
    for query in queries:
        node = query.matcher.node
        if not many.trigger_choices(node):
            alone.append(query)
        else:
            (words if many.triggers_suffice(node) else tested).append(query)
    groups = [words] if words else []
    groups += [tested[at : at + GROUP] for at in range(0, len(tested), GROUP)]
    return [*map(QueryGroup, groups), *map(SingleQuery, alone)]


def _merge_pieces(polled: PolledLines) -> Iterator[tuple[AppendedLines, int]]:
    """Yield the text of a poll in larger pieces, the newest first, with each piece's number of lines."""
    held: list[AppendedLines] = []
    size = lines = 0
    for piece, number in zip(reversed(polled.pieces), reversed(polled.lines), strict=True):
        segment, offset = piece.position
        follows = held and held[-1].position == Position(segment, offset + len(piece.text))
        if held and (not follows or size + len(piece.text) > CHUNK):
            yield _join_pieces(held), lines
            held, size, lines = [], 0, 0
        held.append(piece)
        size += len(piece.text)
        lines += number
    if held:
        yield _join_pieces(held), lines


def _join_pieces(held: list[AppendedLines]) -> AppendedLines:
    text = b"".join([piece.text for piece in reversed(held)])
    return held[-1]._replace(text=text)


def _import_many() -> ModuleType:
    """Return the module `many`. Imported only when needed, because it loads NumPy."""
    from logsrv.linelog.query import many

    return many
