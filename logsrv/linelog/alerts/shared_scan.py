"""A shared scan: the text is read and searched once for all watches at the same position of the store.

A watch that begins further back, for example after an outage, has a scan of its own. When that reaches the
position of another scan, the two are merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.watch import Watch
from logsrv.linelog.query.many import ManyQueries
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.read.follow import LIMIT, AppendedLines, Follower
from logsrv.linelog.read.view import View
from logsrv.linelog.store.segment import Position

SHORT, LONG = 0.1, 0.5
"""Seconds of a piece: after a longer one the next is half as large, after a shorter one twice as large."""
LEAST = 16 << 10
"""Bytes of the smallest piece."""
FEW = 4
"""With at most this many queries, each searches a text by itself: that is faster than one shared pass."""


class AlertQueries:
    """The queries of all watches, each compiled once."""

    def __init__(self) -> None:
        self._matchers: dict[str, Matcher] = {}
        self._many: ManyQueries | None = None

    def replace(self, queries: Iterable[str]) -> None:
        """Replace the queries."""
        known = self._matchers
        self._matchers = {one: known.get(one) or _matcher_of(one) for one in dict.fromkeys(queries)}
        self._many = None

    def find(
        self, news: AppendedLines, wanted: Sequence[str]
    ) -> Iterator[tuple[str, Sequence[tuple[int, int]]]]:
        """Yield each wanted query that matches, with the begins and ends of its lines, in order."""
        if len(wanted) <= FEW:
            for query in wanted:
                matcher = self._matchers[query]
                first_lines = news.first_lines(matcher.inherits)
                if found := list(matcher.find(news.text, news.position, first_lines)):
                    yield query, found
            return
        if self._many is None:
            self._many = ManyQueries(tuple(self._matchers.values()))
        among = frozenset(wanted)
        queries = {number: query for number, query in enumerate(self._matchers) if query in among}
        first_lines = news.first_lines(self._many.inherits)
        for number, lines in self._many.find(news.text, news.position, first_lines, among=queries):
            yield queries[number], lines


def _matcher_of(text: str) -> Matcher:
    return make_matcher(parse_alert(text).lines.node)


class SharedScans:
    """All watches of a store: one scan for each position that watches have reached.

    now: the monotonic clock in seconds. most: bytes of a piece of text. Hundreds of alerts may take many
    seconds for 1 MiB; then the pieces become smaller, so that other events of the process wait less.
    """

    def __init__(self, view: View, now: Callable[[], float], most: int = LIMIT) -> None:
        self._view = view
        self._now = now
        self._most = self._piece = most
        self._queries = AlertQueries()
        self._scans: list[_SharedScan] = []

    def replace_watches(self, watches: Iterable[Watch], new: Mapping[Watch, Position]) -> None:
        """Search for all of `watches`. Those in `new` are new, and begin at the positions there."""
        self._queries.replace(watch.task.alert.alert for watch in watches)
        begun: dict[Position, _SharedScan] = {}
        for watch, position in new.items():
            if position not in begun:
                begun[position] = _SharedScan(Follower(self._view, position), self._queries)
            begun[position].add_watch(watch)
        self._scans += begun.values()

    def search_next_pieces(self) -> set[Watch]:
        """Let each scan search one piece of text; return the watches whose scan found new text.

        The scan furthest back is the first: if it reaches the next scan, the two merge and go on together
        in this call.
        """
        searched: set[Watch] = set()
        scans = sorted(self._scans, key=lambda one: one.position)
        self._scans = []
        for number, one in enumerate(scans):
            watches = one.drop_finished()
            ahead = scans[number + 1 :]
            begin = self._now()
            until = next((o.position for o in ahead if o.position > one.position), None)
            if watches and one.search_next_piece(self._piece, until):
                searched.update(watches)
                self._fit_piece(self._now() - begin)
            if not watches or (ahead and ahead[0].merge_if_same_position(one)):
                one.close()
            else:
                self._scans.append(one)
        return searched

    def _fit_piece(self, seconds: float) -> None:
        if seconds > LONG:
            self._piece = max(min(LEAST, self._most), self._piece // 2)
        elif seconds < SHORT:
            self._piece = min(self._most, self._piece * 2)

    def close(self) -> None:
        """Close all scans."""
        for one in self._scans:
            one.close()


class _SharedScan:
    """Watches that share one follower of the store, which has searched all lines up to `_searched_to`."""

    def __init__(self, follower: Follower, queries: AlertQueries) -> None:
        self._follower = follower
        self._searched_to = follower.position
        self._queries = queries
        self._watches: list[Watch] = []

    @property
    def position(self) -> Position:
        """The position of the next line."""
        return self._follower.position

    def add_watch(self, watch: Watch) -> None:
        """Add a watch that is at the same position."""
        watch.follower = self._follower
        self._watches.append(watch)

    def drop_finished(self) -> list[Watch]:
        """Remove the watches that need no more lines; return the others."""
        self._watches = [watch for watch in self._watches if not watch.searched_all]
        return self._watches

    def search_next_piece(self, most: int, until: Position | None) -> bool:
        """Search the next piece of text for all watches; return whether there was one.

        most: its bytes. until: a position at which the piece has to end, if it would be longer.
        """
        ends = [watch.task.until for watch in self._watches if watch.task.until is not None]
        if until is not None:
            ends.append(until)
        news = self._follower.read(most, until=min(ends, default=None))
        if news is None:
            return False
        # Not the follower's position before this read: an earlier read may have passed the gap, which is
        # reported only with the next line.
        searched, self._searched_to = self._searched_to, self._follower.position
        by_query: dict[str, list[Watch]] = {}
        for watch in self._watches:
            by_query.setdefault(watch.task.alert.alert, []).append(watch)
            watch.begin_text(news)
            if news.has_gap:
                watch.note_missed_segments(news.position.segment - searched.segment)
        for query, lines in self._queries.find(news, tuple(by_query)):
            for watch in by_query[query]:
                watch.count_matches(news, lines)
        for watch in self._watches:
            watch.end_text(news)
        return True

    def merge_if_same_position(self, other: _SharedScan) -> bool:
        """Take over the watches of another scan at the same position; return False if it is elsewhere.

        If one of the scans has a gap to report, it counts as being elsewhere.
        """
        if not self._searched_to == self.position == other.position == other._searched_to:
            return False
        for watch in other._watches:
            self.add_watch(watch)
        return True

    def close(self) -> None:
        self._follower.close()
