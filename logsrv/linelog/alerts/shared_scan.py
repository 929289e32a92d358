"""A shared scan: the text is read and searched once for all watches at the same place in the stores.

A watch that begins further back, for example after an outage, has a scan of its own. When that reaches the
place of another scan, the two are merged.

With several stores, alerts for lines and alerts with conditions are in scans of their own: conditions need
lines in the order of their times, and wait a second for that; a message about a line does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from logsrv.linelog.alerts.grammar import parse_alert
from logsrv.linelog.alerts.watch import Watch
from logsrv.linelog.query.many import ManyQueries
from logsrv.linelog.query.match import Matcher, make_matcher
from logsrv.linelog.read.follow import LIMIT, AppendedLines
from logsrv.linelog.read.stores_follow import StoresFollower
from logsrv.linelog.read.watched_stores import StoreChanges, WatchedStores
from logsrv.linelog.store.cursor import Place, identities_in, positions_in

SHORT, LONG = 0.1, 0.5
"""Seconds of a piece: after a longer one the next is half as large, after a shorter one twice as large."""
LEAST = 16 << 10
"""Bytes of the smallest piece."""
FEW = 4
"""With at most this many queries, each searches a text by itself: that is faster than one shared pass."""


NewWatches: TypeAlias = dict[Watch, Place]
"""Watches with the places where they begin."""


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
                if found := list(matcher.find(news.text, news.position.in_text, first_lines)):
                    yield query, found
            return
        if self._many is None:
            self._many = ManyQueries(tuple(self._matchers.values()))
        among = frozenset(wanted)
        queries = {number: query for number, query in enumerate(self._matchers) if query in among}
        first_lines = news.first_lines(self._many.inherits)
        position = news.position.in_text
        for number, lines in self._many.find(news.text, position, first_lines, among=queries):
            yield queries[number], lines


def _matcher_of(text: str) -> Matcher:
    return make_matcher(parse_alert(text).lines.node)


class SharedScans:
    """All watches of some stores: one scan for each place that watches have reached.

    holds: whether lines of several stores wait for earlier ones that may still come; see `StoresFollower`.
    now: the monotonic clock in seconds. most: bytes of a piece of text. Hundreds of alerts may take many
    seconds for 1 MiB; then the pieces become smaller, so that other events of the process wait less.
    """

    holds = True

    def __init__(self, stores: WatchedStores, now: Callable[[], float], most: int = LIMIT) -> None:
        self._stores = stores
        self._now = now
        self._most = self._piece = most
        self._queries = AlertQueries()
        self._scans: list[_SharedScan] = []

    def replace_watches(self, watches: Iterable[Watch], new: Mapping[Watch, Place]) -> None:
        """Search for all of `watches`. Those in `new` are new, and begin at the places there."""
        self._queries.replace(watch.task.alert.alert for watch in watches)
        begun: dict[tuple[str, str, bool], _SharedScan] = {}
        for watch, place in new.items():
            known = str(sorted(identities_in(place).items()))
            key = str(place), known, self._stores.are_several and watch.step > 0
            if key not in begun:
                begun[key] = self._begin_scan(place)
            begun[key].add_watch(watch)
        self._scans += begun.values()

    def _begin_scan(self, place: Place) -> _SharedScan:
        return _SharedScan(StoresFollower(self._stores, place), self._queries)

    def look_for_stores(self) -> None:
        """Read stores that are new from their first lines, and none that was removed."""
        changes = self._stores.look()
        if changes.new:
            self._divide_scans()
        for scan in self._scans:
            scan.change_stores(changes)

    def _divide_scans(self) -> None:
        """Let watches that need the order of times have scans of their own."""
        for scan in list(self._scans):
            if timed := scan.take_timed():
                other = self._begin_scan(scan.searched_to)
                other.adopt(scan, timed)
                self._scans.append(other)

    def search_next_pieces(self) -> set[Watch]:
        """Let each scan search one piece of text; return the watches whose scan found new text.

        The scan furthest back is the first: if it reaches the next scan, the two merge and go on together
        in this call.
        """
        searched: set[Watch] = set()
        scans = sorted(self._scans, key=lambda one: sorted(positions_in(one.position).items()))
        self._scans = []
        for number, one in enumerate(scans):
            watches = one.drop_finished()
            ahead = [o for o in scans[number + 1 :] if self._may_merge(o, one)]
            begin = self._now()
            until = next((o.position for o in ahead if o.position != one.position), None)
            if watches and one.search_next_piece(self._piece, until, holds=self.holds):
                searched.update(watches)
                self._fit_piece(self._now() - begin)
            if not watches or any(o.merge_if_same_position(one) for o in ahead):
                one.close()
            else:
                self._scans.append(one)
        return searched

    def _may_merge(self, one: _SharedScan, other: _SharedScan) -> bool:
        return not self._stores.are_several or one.is_timed == other.is_timed

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
    """Watches that share one follower of the stores."""

    def __init__(self, follower: StoresFollower, queries: AlertQueries) -> None:
        self._follower = follower
        self._queries = queries
        self._watches: list[Watch] = []

    @property
    def position(self) -> Place:
        """The place of the next line."""
        return self._follower.position

    @property
    def searched_to(self) -> Place:
        """The place up to which all lines are searched; lines between it and `position` are missing."""
        return self._follower.searched_to

    @property
    def is_timed(self) -> bool:
        """True if lines of several stores have to come in the order of their times."""
        return any(watch.step for watch in self._watches)

    def take_timed(self) -> list[Watch]:
        """Give away the watches that need the order of times, if there are others, too."""
        timed = [watch for watch in self._watches if watch.step]
        if len(timed) == len(self._watches):
            return []
        self._watches = [watch for watch in self._watches if not watch.step]
        return timed

    def add_watch(self, watch: Watch) -> None:
        """Add a watch that is at the same place."""
        watch.follower = self._follower
        self._watches.append(watch)

    def adopt(self, other: _SharedScan, watches: Iterable[Watch]) -> None:
        """Take over watches of another scan, at its place."""
        self._follower.adopt(other._follower)
        for watch in watches:
            self.add_watch(watch)

    def change_stores(self, changes: StoreChanges) -> None:
        """Read new stores, too, and leave those that were removed."""
        if changes.new or changes.gone:
            self._follower.change_stores(changes)
            for watch in self._watches:
                # Its place is saved at once: after a kill another process knows the new store.
                watch.changed = True

    def drop_finished(self) -> list[Watch]:
        """Remove the watches that need no more lines; return the others."""
        self._watches = [watch for watch in self._watches if not watch.searched_all]
        return self._watches

    def search_next_piece(self, most: int, ahead: Place | None, *, holds: bool) -> bool:
        """Search the next piece of text for all watches; return whether there was one.

        most: about its bytes; it has a text of each store, or more. ahead: the place of another scan: a
        longer piece ends there.
        """
        ends = [watch.task.until for watch in self._watches if watch.task.until is not None]
        bounds = self._follower.bounds(ends, ahead)
        steps = [watch.step for watch in self._watches if watch.step]
        found = False
        for news in self._follower.read(most, bounds, steps=steps, holds=holds):
            self._search_text(news)
            found = True
        for watch in self._watches if found else ():
            watch.end_piece()
        return found

    def _search_text(self, news: AppendedLines) -> None:
        # Not the follower's position before this read: an earlier read may have passed the gap, which is
        # reported only with the next line.
        searched = self._follower.returned_to
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

    def merge_if_same_position(self, other: _SharedScan) -> bool:
        """Take over the watches of another scan at the same place; return False if it is elsewhere.

        If one of the scans has a gap to report, it counts as being elsewhere.
        """
        if self.position != other.position or self._follower.has_gap or other._follower.has_gap:
            return False
        self.adopt(other, other._watches)
        return True

    def close(self) -> None:
        self._follower.close()
